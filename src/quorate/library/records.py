"""The records of a `Quorate`: its runs and what was said of them, in a database, and what is learned from that."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from quorate.core.clock import Clock
from quorate.core.errors import QuorateError
from quorate.core.ids import new_id
from quorate.engine.charges import charged
from quorate.engine.label_follower import LabelFollower
from quorate.engine.learned_trust import LearnedTrust, LearnFrom
from quorate.engine.recorder import Recorder
from quorate.model.call import LOCAL, Call
from quorate.model.event import State, fan_out
from quorate.model.feedback import Feedback, checked_note
from quorate.model.run import RunRecord
from quorate.storage.database import Database
from quorate.storage.errors import StorageUnavailable
from quorate.storage.writer import RunWriter

ProviderOf = Callable[[str], str]
_FLUSH_S = 10.0
_QUEUE: Final = 10_000
_CLIENT_GONE = 499


class RunRecords:
    """Keeps the runs of a process and takes labels for them; a live object. Made and closed off the event loop.

    Runs are kept without their texts, as the tenant `local`'s.
    """

    def __init__(
        self, database: Database, *, trust: LearnedTrust, provider_of: ProviderOf, clock: Clock, folder: Path
    ) -> None:
        self._database = database
        self._provider_of = provider_of
        self._clock = clock
        self._writer = RunWriter(
            database.runs, queue_size=_QUEUE, redact=None, clock=clock, spill=database.spill(folder)
        )
        self._follower = LabelFollower(trust, database.feedback)
        if trust.learns_from is not LearnFrom.OFF:
            self._follower.start()

    @contextmanager
    def recording(self, call: Call, *, model: str, stream: bool) -> Generator[Call]:
        """Give the call as it is to be made; when the block ends, however it does, the run is handed to the writer.

        Raises `StorageUnavailable` if so many runs wait for the database that there is no room for one more.
        """
        if not self._writer.reserve():
            raise StorageUnavailable(f"{_QUEUE} runs wait to be written; try again when the database answers")
        recorder = Recorder()
        call = msgspec.structs.replace(call, sink=fan_out(call.sink, recorder))
        began_at_s = self._clock.unix_s()
        failure: BaseException | None = None
        try:
            yield call
        except BaseException as error:
            failure = error
            raise
        finally:
            record = self._record(call, recorder, failure, began_at_s, model=model, stream=stream)
            self._writer.put(record)

    async def feedback(self, run_id: str, *, correct: bool, branch: str | None, note: str | None) -> Feedback:
        """Keep a label and learn from it."""
        label = Feedback(
            id=new_id("fb", self._clock),
            run_id=run_id,
            tenant=LOCAL,
            principal=LOCAL,
            correct=correct,
            at_s=self._clock.unix_s(),
            branch=branch or "",
            note=checked_note(note),
        )
        return await asyncio.to_thread(self._keep, label)

    def close(self) -> None:
        """Write what waits and close the database. Blocking."""
        self._follower.close()
        self._writer.close(_FLUSH_S)
        self._database.close()

    def _keep(self, label: Feedback) -> Feedback:
        self._writer.flush(_FLUSH_S)  # the run may have ended just now
        kept = self._database.feedback.put(LOCAL, label)
        self._follower.look()
        return kept

    def _record(
        self,
        call: Call,
        recorder: Recorder,
        failure: BaseException | None,
        began_at_s: float,
        *,
        model: str,
        stream: bool,
    ) -> RunRecord:
        duration_s, spend = call.at_s, call.budget.spend
        state, status, code = _end(failure)
        return RunRecord(
            id=call.id,
            tenant=call.tenant,
            key_id=None,
            request_id=call.id,
            operation="chat",
            model=model,
            mode=recorder.mode,
            state=state,
            status=status,
            stream=stream,
            started_at_s=began_at_s,
            finished_at_s=began_at_s + duration_s,
            prompt_tokens=spend.usage.prompt_tokens,
            completion_tokens=spend.usage.completion_tokens,
            cached_tokens=spend.usage.cached_tokens,
            reasoning_tokens=spend.usage.reasoning_tokens,
            cost_microusd=spend.cost_microusd,
            estimated=spend.estimated,
            agreement=recorder.agreement,
            agreement_kind=recorder.agreement_kind,
            weighting=recorder.weighting,
            error_code=code,
            branches=recorder.branches(began_at_s, duration_s, self._provider_of),
            ledger=charged(call, model=model, at_s=began_at_s + duration_s),
        )


def _end(failure: BaseException | None) -> tuple[State, int, str | None]:
    """Return how a run ended, in the words of the gateway's records."""
    match failure:
        case None:
            return State.FINISHED, 200, None
        case QuorateError():
            return State.FAILED, failure.http_status, failure.code
        case Exception():
            return State.FAILED, 500, QuorateError.code
        case _:
            return State.CANCELLED, _CLIENT_GONE, None
