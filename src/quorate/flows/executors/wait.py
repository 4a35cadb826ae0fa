"""`wait`: some seconds, or until a time."""

from datetime import UTC
from typing import Annotated

import msgspec
from pydantic import AliasChoices, AwareDatetime, Field, model_validator

from quorate.flows.executor import Executor, StepContext
from quorate.source.duration import Duration
from quorate.source.section import Section


class WaitConfig(Section):
    """Exactly one of `seconds` (or `duration`) and `until`."""

    seconds: Annotated[Duration | None, Field(validation_alias=AliasChoices("seconds", "duration"))] = None
    """How long: `30`, `500ms`, `2h`, `7d`."""
    until: AwareDatetime | None = None
    """A time with its offset, as in RFC 3339: `2026-12-24T18:00:00Z`. One that is over is not waited for."""

    @model_validator(mode="after")
    def _one(self) -> "WaitConfig":
        if (self.seconds is None) == (self.until is None):
            raise ValueError("expected `seconds` (or `duration`) or `until`, one of them")
        return self


class WaitResult(msgspec.Struct, frozen=True, kw_only=True):
    """When it went on (RFC 3339, UTC)."""

    ended_at: str


class WaitExecutor(Executor[WaitConfig, WaitResult]):
    """Waits; a run that is taken up again after a crash waits for what is left, not anew."""

    name = "wait"
    summary = "Waits for some time, or until a time."
    config = WaitConfig
    result = WaitResult

    async def run(self, config: WaitConfig, step: StepContext) -> WaitResult:
        """Return when the time has come."""
        clock = step.call.clock
        left_s = config.seconds if config.until is None else (config.until - clock.now()).total_seconds()
        await step.sleep(max(left_s or 0.0, 0.0))
        return WaitResult(ended_at=clock.now().astimezone(UTC).isoformat(timespec="milliseconds"))
