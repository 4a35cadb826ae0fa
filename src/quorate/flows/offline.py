"""What stands in for the world while a flow is tested: no real model is asked, no server reached, no time waited."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, NoReturn

from quorate.engine.catalog import Catalog, Entry, ModelCard, ModelKind
from quorate.flows.executor import StepContext, StepRejected
from quorate.flows.executors.wait import WaitConfig, WaitExecutor, WaitResult
from quorate.flows.outgoing import OutgoingAnswer
from quorate.flows.registry import Executors
from quorate.model import Call
from quorate.parallel.result import Result

_HINT = "mock the step in the test, or let tests reach out (`--live`)"
_CODE = "not_in_a_test"


class OfflineCatalog(Catalog):
    """The models of another catalog, of which only those answer that are simulated or recorded, or made of such."""

    def __init__(self, whole: Catalog) -> None:
        super().__init__(trust=whole.resources.trust)
        self._whole = whole

    def entry(self, name: str) -> Entry:
        """Return a model; raise `NotFound`, or `StepRejected` for a real one."""
        card = self._whole.entry(name).card
        if not self._is_offline(card):
            raise StepRejected(f"the model {name!r} is a real one, and a test asks none", code=_CODE, hint=_HINT)
        return Entry(card=card, make=lambda: self._whole.resolve(name))

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the cards of all models, real ones included."""
        return self._whole.cards()

    def _is_offline(self, card: ModelCard) -> bool:
        if card.kind in {ModelKind.ENSEMBLE, ModelKind.CASCADE}:
            return bool(card.members) and all(self._is_offline(self._whole.card(each)) for each in card.members)
        return card.simulated or card.kind in {ModelKind.SIMULATED, ModelKind.REPLAY}


class OfflineOutgoing:
    """Sends nothing."""

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float, max_bytes: int
    ) -> OutgoingAnswer:
        """Raise `StepRejected`."""
        del headers, body, timeout_s, max_bytes
        _refuse(f"a test sends no request ({method} {url})")


class OfflinePrompts:
    """Knows the names of saved prompts and asks none: what they ask may be real."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def names(self) -> tuple[str, ...]:
        """Return the names of all."""
        return self._names

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        """Raise `StepRejected`."""
        del values, call
        _refuse(f"a test asks no saved prompt ({name!r})")


class NoWait(WaitExecutor):
    """Waits for nothing: the time has come at once."""

    async def run(self, config: WaitConfig, step: StepContext) -> WaitResult:
        """Return when it would have gone on."""
        now = step.call.clock.now()
        ends = config.until if config.until is not None else now
        return WaitResult(ended_at=max(ends, now).astimezone(UTC).isoformat(timespec="milliseconds"))


def without_waits(executors: Executors) -> Executors:
    """Return the same executors, of which `wait` takes no time."""
    return Executors(NoWait() if name == WaitExecutor.name else executors.get(name) for name in executors.names())


def _refuse(message: str) -> NoReturn:
    raise StepRejected(message, code=_CODE, hint=_HINT)
