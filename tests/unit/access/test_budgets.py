"""Budgets: which are about a request, what is reserved of them, what is told, what waits."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from budget_books import attempt
from quorate.access.budget_rule import BudgetRule, Spender
from quorate.access.budget_standings import standings
from quorate.access.budgets import Budgets, Spending, WorstCase
from quorate.access.local_budgets import LocalBudgets
from quorate.core.clock import ManualClock
from quorate.core.errors import BudgetSpent, Overloaded
from quorate.model.budget import Hold, Reserved, Window
from quorate.model.ledger import LedgerLine, Move, spent

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
WORST = WorstCase(total_microusd=100, by_model={"a": 60, "b": 40})


def rule(name: str, of: Spender, subject: str | None = None, **changes: object) -> BudgetRule:
    given: dict[str, object] = {"limit_microusd": 1000, "window": Window.DAY, "hard": True}
    return BudgetRule(name=name, of=of, subject=subject, **(given | changes))  # pyright: ignore[reportArgumentType]


def asked(model: str = "panel", *, tenant: str = "acme", key: str | None = "key_1", run: str = "run_1") -> Spending:
    return Spending(run=run, tenant=tenant, key_id=key, model=model)


class Away(LocalBudgets):
    """A store that does not answer while it is away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    async def reserve(self, hold: Hold, now: datetime) -> Reserved:
        if self.away:
            raise Overloaded("away")
        return await super().reserve(hold, now)

    async def settle(self, hold: Hold, attempts: Sequence[LedgerLine], now: datetime) -> Sequence[LedgerLine]:
        if self.away:
            raise Overloaded("away")
        return await super().settle(hold, attempts, now)


@pytest.mark.parametrize(
    ("of", "subject", "claims"),
    [
        (Spender.TENANT, "acme", {"acme": 100}),
        (Spender.TENANT, "globex", {}),
        (Spender.TENANT, None, {"acme": 100}),
        (Spender.KEY, "key_1", {"key_1": 100}),
        (Spender.KEY, "key_2", {}),
        (Spender.KEY, None, {"key_1": 100}),
        (Spender.MODEL, "panel", {"panel": 100}),
        (Spender.MODEL, "a", {"a": 60}),
        (Spender.MODEL, "c", {}),
        (Spender.MODEL, None, {"panel": 100, "a": 60, "b": 40}),
    ],
)
async def test_a_budget_is_about_its_own_requests(of: Spender, subject: str | None, claims: dict[str, int]) -> None:
    budgets = Budgets([rule("x", of, subject)], LocalBudgets(), ManualClock(NOW))
    held = await budgets.reserve(asked(), WORST, timeout_s=10)
    found = {} if held is None else {each.book.subject: each.amount_microusd for each in held.hold.claims}
    assert found == claims


def test_a_tenant_without_budgets_costs_one_look() -> None:
    budgets = Budgets([rule("x", Spender.TENANT, "acme")], LocalBudgets(), ManualClock(NOW))
    assert budgets.concern("acme", "key_1")
    assert not budgets.concern("globex", "key_1")
    assert not Budgets([rule("x", Spender.KEY)], LocalBudgets(), ManualClock(NOW)).concern("acme", None)


async def test_the_refusal_says_which_how_much_and_until_when() -> None:
    budgets = Budgets([rule("team", Spender.TENANT, limit_microusd=150)], LocalBudgets(), ManualClock(NOW))
    first = await budgets.reserve(asked(), WORST, timeout_s=10)
    assert first is not None
    await budgets.settle(first, [attempt(1, 30)])
    await budgets.reserve(asked(run="run_2"), WorstCase(total_microusd=50, by_model={}), timeout_s=10)
    with pytest.raises(BudgetSpent) as caught:
        await budgets.reserve(asked(run="run_3"), WORST, timeout_s=10)
    assert not caught.value.retryable
    assert caught.value.message == (
        "the budget 'team' of 'acme' is $0.00015 and begins anew at 2026-03-05 00:00 UTC: $0.00003 are spent, "
        "$0.00005 reserved, and this request may cost $0.0001; ask for less (max_tokens, fewer models), or wait"
    )
    assert caught.value.budget == {
        "name": "team",
        "subject": "acme",
        "limit_microusd": 150,
        "spent_microusd": 30,
        "reserved_microusd": 50,
        "requested_microusd": 100,
        "resets_at": "2026-03-05T00:00:00Z",
    }


async def test_a_soft_budget_tells_once(caplog: pytest.LogCaptureFixture) -> None:
    soft = rule("soft", Spender.TENANT, limit_microusd=1, hard=False)
    budgets = Budgets([soft], LocalBudgets(), ManualClock(NOW))
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            held = await budgets.reserve(asked(run=f"run_{number}"), WORST, timeout_s=10)
            assert held is not None
            assert held.over == ("soft",)
    assert len(caplog.messages) == 1
    assert "'soft'" in caplog.messages[0]


async def test_an_unknown_price_counts_as_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    budgets = Budgets([rule("team", Spender.TENANT)], LocalBudgets(), ManualClock(NOW))
    worst = WorstCase(total_microusd=0, by_model={"odd": 0}, unpriced=("odd",))
    with caplog.at_level(logging.WARNING):
        for number in range(2):
            assert await budgets.reserve(asked(run=f"run_{number}"), worst, timeout_s=10) is not None
    assert caplog.messages == ["the price of 'odd' is not known; budgets count what it costs as nothing"]


async def test_who_answers_unexpectedly_pays_from_its_own_budget() -> None:
    budgets = Budgets([rule("each", Spender.MODEL)], LocalBudgets(), ManualClock(NOW))
    held = await budgets.reserve(asked(), WORST, timeout_s=10)
    assert held is not None
    await budgets.settle(held, [attempt(1, 5, model="a"), attempt(2, 7, model="fallback")])
    found = {each.subject: (each.spent_microusd, each.reserved_microusd) for each in await standings(budgets, NOW)}
    assert found == {"panel": (12, 0), "a": (5, 0), "b": (0, 0), "fallback": (7, 0)}


async def test_lines_of_the_ledger_balance_for_each_book() -> None:
    budgets = Budgets([rule("team", Spender.TENANT), rule("a", Spender.MODEL, "a")], LocalBudgets(), ManualClock(NOW))
    held = await budgets.reserve(asked(), WORST, timeout_s=10)
    assert held is not None
    await budgets.settle(held, [attempt(1, 70, model="a")])
    await budgets.settle(held, [attempt(1, 70, model="a"), attempt(2, 9, model="b")])
    by_book: dict[str, list[LedgerLine]] = {}
    for line in held.lines:
        by_book.setdefault(line.book.partition(":")[0], []).append(line)
    assert {name: spent(lines) for name, lines in by_book.items()} == {"team": 79, "a": 70}
    for lines in by_book.values():
        reserved = {move: sum(line.amount_microusd or 0 for line in lines if line.move is move) for move in Move}
        assert reserved[Move.RESERVE] == reserved[Move.SETTLE] + reserved[Move.RELEASE]


async def test_what_cannot_be_settled_waits_and_is_settled_once() -> None:
    store = Away()
    budgets = Budgets([rule("team", Spender.TENANT)], store, ManualClock(NOW))
    held = await budgets.reserve(asked(), WORST, timeout_s=10)
    assert held is not None
    store.away = True
    await budgets.settle(held, [attempt(1, 30)])
    await budgets.settle(held, [attempt(1, 30)])
    assert budgets.waiting == 2
    await budgets.close()
    store.away = False
    await budgets.close()
    (found,) = await standings(budgets, NOW)
    assert (budgets.waiting, found.spent_microusd, found.reserved_microusd) == (0, 30, 0)


async def test_what_is_never_taken_holds_up_nobody() -> None:
    class Picky(Away):
        async def settle(self, hold: Hold, attempts: Sequence[LedgerLine], now: datetime) -> Sequence[LedgerLine]:
            if hold.run == "run_0":
                raise OverflowError
            return await super().settle(hold, attempts, now)

    store = Picky()
    budgets = Budgets([rule("team", Spender.TENANT)], store, ManualClock(NOW))
    all_held = [await budgets.reserve(asked(run=f"run_{number}"), WORST, timeout_s=10) for number in range(3)]
    store.away = True
    for number, held in enumerate(all_held):
        assert held is not None
        await budgets.settle(held, [attempt(number, 30)])
    store.away = False
    await budgets.close()
    (found,) = await standings(budgets, NOW)
    assert (budgets.waiting, found.spent_microusd) == (1, 60)


async def test_a_store_that_is_away_refuses() -> None:
    store = Away()
    store.away = True
    budgets = Budgets([rule("team", Spender.TENANT)], store, ManualClock(NOW))
    with pytest.raises(Overloaded):
        await budgets.reserve(asked(), WORST, timeout_s=10)


async def test_cancelled_while_it_reserves_keeps_nothing() -> None:
    class Slow(LocalBudgets):
        async def reserve(self, hold: Hold, now: datetime) -> Reserved:
            reserved = await super().reserve(hold, now)
            await asyncio.sleep(60)
            return reserved

    budgets = Budgets([rule("team", Spender.TENANT)], Slow(), ManualClock(NOW))
    task = asyncio.create_task(budgets.reserve(asked(), WORST, timeout_s=10))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await budgets.close()
    (found,) = await standings(budgets, NOW)
    assert found.reserved_microusd == 0


async def test_a_reservation_lasts_a_minute_longer_than_its_request() -> None:
    clock = ManualClock(NOW)
    budgets = Budgets([rule("team", Spender.TENANT)], LocalBudgets(), clock)
    await budgets.reserve(asked(), WORST, timeout_s=10)
    assert [each.reserved_microusd for each in await standings(budgets, NOW + timedelta(seconds=69))] == [100]
    assert [each.reserved_microusd for each in await standings(budgets, NOW + timedelta(seconds=70))] == [0]
