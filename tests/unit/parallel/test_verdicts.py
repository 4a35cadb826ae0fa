import asyncio

import pytest

from quorate.consensus import PairVerdict
from quorate.core.ids import TenantId
from quorate.parallel.verdicts import Verdict, Verdicts, pair_key
from quorate.testing import run_virtual

YES = PairVerdict(a_implies_b=True, b_implies_a=True, reason="same")
BOTH: Verdict = (YES, YES)


def _key(question: str = "q", one: str = "a", other: str = "b", judge: str = "j", tenant: str = "t") -> bytes:
    return pair_key(tenant=TenantId(tenant), judge=judge, question=question, one=one, other=other)


def test_the_order_of_the_texts_and_the_spaces_of_the_question_do_not_count() -> None:
    assert _key("why  not?", "a", "b") == _key(" why not?", "b", "a")


def test_everything_else_counts() -> None:
    assert len({_key(), _key("r"), _key(one="c"), _key(judge="k"), _key(tenant="u"), _key(one="a b", other="")}) == 6


async def _yes() -> Verdict:
    return BOTH


async def _nothing() -> None:
    return None


def test_the_latest_used_are_kept() -> None:
    async def run() -> None:
        verdicts = Verdicts(2)
        for name in ("1", "2", "1", "3"):
            await verdicts.of(name.encode(), _yes, patience_s=None)
        assert [key in verdicts for key in (b"1", b"2", b"3")] == [True, False, True]

    run_virtual(run())


def test_what_came_to_nothing_is_asked_again_by_whoever_waited() -> None:
    asked: list[str] = []

    async def fails() -> None:
        asked.append("fails")
        await asyncio.sleep(1)

    async def works() -> Verdict:
        asked.append("works")
        return BOTH

    async def run() -> None:
        verdicts = Verdicts()
        one, other = await asyncio.gather(
            verdicts.of(b"k", fails, patience_s=None), verdicts.of(b"k", works, patience_s=None)
        )
        assert one == (None, False)
        assert other == (BOTH, False)

    run_virtual(run())
    assert asked == ["fails", "works"]


def test_who_is_cancelled_does_not_take_the_others_along() -> None:
    async def hangs() -> Verdict:
        await asyncio.sleep(1000)
        return BOTH

    async def run() -> None:
        verdicts = Verdicts()
        first = asyncio.ensure_future(verdicts.of(b"k", hangs, patience_s=None))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(verdicts.of(b"k", _yes, patience_s=None))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == (BOTH, False)

    run_virtual(run())


def test_patience_ends() -> None:
    async def hangs() -> None:
        await asyncio.sleep(10)

    async def run() -> None:
        verdicts = Verdicts()
        first = asyncio.ensure_future(verdicts.of(b"k", hangs, patience_s=None))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await verdicts.of(b"k", _nothing, patience_s=2)
        await first

    run_virtual(run())
