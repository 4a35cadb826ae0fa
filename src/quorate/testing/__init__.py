"""For tests of programs that use Quorate: scripted models, virtual time, an event recorder, a loopback provider.

The package's pytest plugin is registered on installation; it gives the fixtures `scripted_model`, `recording_sink` and
`virtual_time`. Names are loaded when they are first used, so that the plugin costs test runs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quorate.testing.recording_sink import RecordingSink
    from quorate.testing.scripted import ScriptedAnswer, ScriptedModel
    from quorate.testing.upstream import Disconnect, Received, Upstream
    from quorate.testing.upstream_behaviour import Behaviour, Cut, Fail, Raw, Respond, Stall, StallAt
    from quorate.testing.virtual_time import VirtualClock, VirtualLoop, run_virtual

__all__ = [
    "Behaviour",
    "Cut",
    "Disconnect",
    "Fail",
    "Raw",
    "Received",
    "RecordingSink",
    "Respond",
    "ScriptedAnswer",
    "ScriptedModel",
    "Stall",
    "StallAt",
    "Upstream",
    "VirtualClock",
    "VirtualLoop",
    "run_virtual",
]

_HOMES = {
    "recording_sink": ("RecordingSink",),
    "scripted": ("ScriptedAnswer", "ScriptedModel"),
    "upstream": ("Disconnect", "Received", "Upstream"),
    "upstream_behaviour": ("Behaviour", "Cut", "Fail", "Raw", "Respond", "Stall", "StallAt"),
    "virtual_time": ("VirtualClock", "VirtualLoop", "run_virtual"),
}


def __getattr__(name: str) -> Any:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'quorate.testing' has no attribute {name!r}")
    return getattr(import_module(f"quorate.testing.{home}"), name)
