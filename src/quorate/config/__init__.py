"""The configuration: `quorate.yaml`, the environment, what is found without either; and what is built from it."""

from quorate.config.build import Built, build, configure
from quorate.config.defaults_section import Defaults
from quorate.config.load import Settings, load_settings, settings_from_text, simulated_settings
from quorate.config.place import BadConfiguration, Layer, Origin, Problem
from quorate.config.schema import Config, config_schema

__all__ = [
    "BadConfiguration",
    "Built",
    "Config",
    "Defaults",
    "Layer",
    "Origin",
    "Problem",
    "Settings",
    "build",
    "config_schema",
    "configure",
    "load_settings",
    "settings_from_text",
    "simulated_settings",
]
