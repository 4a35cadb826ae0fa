"""What the load generator is told and what it reports: the two ends of its pipe."""

from typing import Literal

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`bodies` are requested together and count as one request, which is over when all are answered.

    `closed`: `concurrency` callers, each sends again when answered. `open`: `rate` requests per second, sent when they
    are due whatever happens; latencies count from when they were due, so a stall is felt by everybody behind it.
    `spread_s`: the callers begin over that time. `requests` ends a
    closed loop early.
    """

    url: str
    bodies: list[msgspec.Raw]
    path: str = "/v1/chat/completions"
    key: str = ""
    loop: Literal["closed", "open"] = "closed"
    concurrency: int = 1
    rate: float = 0.0
    seconds: float = 5.0
    requests: int = 0
    spread_s: float = 0.0
    stream: bool = False
    timeout_s: float = 60.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of successful requests, and how many failed for what reason; `late_ms` is the sender's own delay."""

    requests: int
    errors: dict[str, int]
    seconds: float
    per_s: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    first_p50_ms: float = 0.0
    first_p99_ms: float = 0.0
    late_p99_ms: float = 0.0

    @property
    def failed(self) -> int:
        return sum(self.errors.values())
