"""A provider to test against: real wire formats, simulated answers, and every fault on request."""

from quorate.upstream.behaviour import WORDS, Behaviour, Word, behaviour_of
from quorate.upstream.connection import Caps
from quorate.upstream.fault import FAULTS, Fault, FaultEntry
from quorate.upstream.record import SeenRequest, Stats
from quorate.upstream.server import UpstreamServer

__all__ = [
    "FAULTS",
    "WORDS",
    "Behaviour",
    "Caps",
    "Fault",
    "FaultEntry",
    "SeenRequest",
    "Stats",
    "UpstreamServer",
    "Word",
    "behaviour_of",
]
