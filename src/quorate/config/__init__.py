"""The configuration: `quorate.yaml`, the environment, what is found without either; and what is built from it."""

from quorate.config.build import Built, build, configure
from quorate.config.defaults_section import Defaults
from quorate.config.load import Settings, load_settings, settings_from_text, simulated_settings
from quorate.config.origin import Layer, Origin
from quorate.config.schema import Config, config_schema
from quorate.source.place import BadConfiguration, Problem

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
