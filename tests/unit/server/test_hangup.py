"""Work that nobody waits for ends; work whose answer has left does not."""

import asyncio
from typing import Any

import pytest

from asgi import Exchange, scope_of
from quorate.server.hangup import SCOPE_KEY, Hangup, Listeners

pytestmark = pytest.mark.parametrize("own", [True, False], ids=["our connection", "any server"])


class Caller:
    """A live caller on our own connection, or on that of any server."""

    def __init__(self, *, own: bool) -> None:
        self._exchange = Exchange()
        self._listeners = Listeners() if own else None
        scope: dict[str, Any] = scope_of("POST", "/")
        if self._listeners is not None:
            scope[SCOPE_KEY] = self._listeners
        self.hangup = Hangup(scope, self._exchange.receive)

    def leave(self) -> None:
        if self._listeners is not None:
            self._listeners.lose()
        else:
            self._exchange.leave()


async def work(caller: Caller, notes: list[str]) -> None:
    async with caller.hangup:
        notes.append("begun")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            notes.append("cancelled")
            raise
    notes.append("after")


async def test_leaving_cancels_the_work_and_only_that(own: bool) -> None:
    caller, notes = Caller(own=own), list[str]()
    task = asyncio.ensure_future(work(caller, notes))
    await asyncio.sleep(0)
    caller.leave()
    await task
    assert notes == ["begun", "cancelled", "after"]
    assert caller.hangup.gone
    assert task.cancelling() == 0


async def test_a_cancellation_from_elsewhere_is_passed_on(own: bool) -> None:
    caller, notes = Caller(own=own), list[str]()
    task = asyncio.ensure_future(work(caller, notes))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not caller.hangup.gone
    assert notes == ["begun", "cancelled"]


async def test_both_at_once_is_a_cancellation(own: bool) -> None:
    caller, notes = Caller(own=own), list[str]()
    task = asyncio.ensure_future(work(caller, notes))
    await asyncio.sleep(0)
    caller.leave()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "after" not in notes


async def test_leaving_after_the_answer_changes_nothing(own: bool) -> None:
    caller = Caller(own=own)
    async with caller.hangup:
        caller.hangup.over = True
        caller.leave()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not caller.hangup.gone


async def test_leaving_when_the_work_is_done_changes_nothing(own: bool) -> None:
    caller = Caller(own=own)
    async with caller.hangup:
        await asyncio.sleep(0)
    caller.leave()
    await asyncio.sleep(0)
    assert not caller.hangup.gone


async def test_a_caller_that_left_before_the_work_began(own: bool) -> None:
    """While it was admitted, say: the connection tells nobody later."""
    caller, notes = Caller(own=own), list[str]()
    caller.leave()
    await asyncio.wait_for(work(caller, notes), 5)
    assert notes == ["begun", "cancelled", "after"]
    assert caller.hangup.gone


async def test_other_errors_come_out(own: bool) -> None:
    caller = Caller(own=own)

    async def fail() -> None:
        async with caller.hangup:
            caller.leave()
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                raise ValueError("mine") from None

    with pytest.raises(ValueError, match="mine"):
        await fail()
    assert caller.hangup.gone
