import asyncio

from quorate.cli.purse import Purse


async def test_without_a_limit_everything_fits() -> None:
    purse = Purse(None)
    assert await purse.reserve(10**12)
    await purse.settle(10**12, 7)
    assert purse.spent_microusd == 7


async def test_a_question_waits_for_what_others_may_give_back() -> None:
    purse = Purse(100, spent_microusd=10)
    assert await purse.reserve(60)
    waiting = asyncio.create_task(purse.reserve(60))
    await asyncio.sleep(0)
    assert not waiting.done()
    await purse.settle(60, 20)
    assert await waiting
    assert purse.spent_microusd == 30


async def test_what_cannot_be_paid_is_refused_once_nothing_is_under_way() -> None:
    purse = Purse(100)
    assert await purse.reserve(60)
    waiting = asyncio.create_task(purse.reserve(60))
    await asyncio.sleep(0)
    await purse.settle(60, 60)
    assert not await waiting
    assert await purse.reserve(40)
    assert not await Purse(100).reserve(101)
