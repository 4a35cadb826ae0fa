"""For tests of programs that use Quorate: scripted models, virtual time, an event recorder, providers, gateways, steps.

The package's pytest plugin is registered on installation; it gives the fixtures `scripted_model`, `recording_sink` and
`virtual_time`. Names are loaded when they are first used, so that the plugin costs test runs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quorate.testing.local_gateway import LocalGateway
    from quorate.testing.lone_step import executor_step, step_view
    from quorate.testing.recording_sink import RecordingSink
    from quorate.testing.scripted import ScriptedAnswer, ScriptedModel
    from quorate.testing.upstream import Disconnect, Received, Upstream
    from quorate.testing.upstream_behaviour import Behaviour, Cut, Fail, Raw, Respond, Stall, StallAt
    from quorate.testing.virtual_time import VirtualClock, VirtualLoop, run_virtual
    from quorate.upstream import UpstreamServer

__all__ = [
    "Behaviour",
    "Cut",
    "Disconnect",
    "Fail",
    "LocalGateway",
    "Raw",
    "Received",
    "RecordingSink",
    "Respond",
    "ScriptedAnswer",
    "ScriptedModel",
    "Stall",
    "StallAt",
    "Upstream",
    "UpstreamServer",
    "VirtualClock",
    "VirtualLoop",
    "executor_step",
    "run_virtual",
    "step_view",
]

_HOMES = {
    "quorate.testing.local_gateway": ("LocalGateway",),
    "quorate.testing.lone_step": ("executor_step", "step_view"),
    "quorate.testing.recording_sink": ("RecordingSink",),
    "quorate.testing.scripted": ("ScriptedAnswer", "ScriptedModel"),
    "quorate.testing.upstream": ("Disconnect", "Received", "Upstream"),
    "quorate.testing.upstream_behaviour": ("Behaviour", "Cut", "Fail", "Raw", "Respond", "Stall", "StallAt"),
    "quorate.testing.virtual_time": ("VirtualClock", "VirtualLoop", "run_virtual"),
    "quorate.upstream": ("UpstreamServer",),
}


def __getattr__(name: str) -> Any:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'quorate.testing' has no attribute {name!r}")
    return getattr(import_module(home), name)
