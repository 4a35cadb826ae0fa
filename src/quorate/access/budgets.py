"""Budgets for every request: what may be spent is reserved before it is, and settled after it was."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from quorate.access.budget_notice import BudgetNotice, facts_of, sentence_of
from quorate.access.budget_rule import BudgetRule, Spender
from quorate.core.clock import Clock
from quorate.core.errors import BudgetSpent
from quorate.model.budget import BudgetBook, BudgetStore, Claim, Hold, Standing
from quorate.model.ledger import LedgerLine, reservation

_log = logging.getLogger(__name__)

#: A reservation outlives its request's deadline by so much: the time to settle it.
MARGIN_S = 60.0
SWEEP_S = 30.0
_AGAIN_S = 1.0
#: So many that cannot be settled in one pass mean that the store takes none.
_AWAY_AFTER = 3
_MOST_REMEMBERED = 10_000


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for what. `model` is the name that is asked."""

    run: str
    tenant: str
    key_id: str | None
    model: str


class WorstCase(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may cost at most, in micro-USD: in all, and by the model that answers.

    `unpriced` are models without a known price: their cost is left out.
    """

    total_microusd: int
    by_model: Mapping[str, int]
    unpriced: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Reservation:
    """A live object: what a request holds of its budgets.

    `over` names soft budgets that it may carry past their limit. `lines` are those of the ledger that go into the
    request's record.
    """

    spending: Spending
    hold: Hold
    over: tuple[str, ...] = ()
    lines: list[LedgerLine] = field(default_factory=list[LedgerLine])
    settled: int | None = None


class Budgets:
    """A live object: reserves and settles what requests may cost and have cost.

    A request that no budget is about costs one look-up. A price that is not known counts as nothing, as in every sum
    and limit, and is told once. What could not be settled, the store being away, is tried again until it is.
    """

    def __init__(
        self,
        rules: Sequence[BudgetRule],
        store: BudgetStore,
        clock: Clock,
        *,
        notify: Callable[[BudgetNotice], None] | None = None,
    ) -> None:
        self.rules = tuple(rules)
        self.store = store
        self._clock = clock
        self._notify = notify
        self._webhooks = {rule.name: rule.webhook for rule in rules if rule.webhook is not None}
        self._of_models = tuple(rule for rule in rules if rule.of is Spender.MODEL)
        self._books: dict[tuple[str, str, str], BudgetBook] = {}
        self._known: dict[tuple[str, str | None], tuple[BudgetRule, ...]] = {}
        self._told: set[str] = set()
        self._late: list[tuple[Reservation, list[LedgerLine]]] = []

    def concern(self, tenant: str, key_id: str | None) -> bool:
        """Whether any budget may be about a request of this tenant with this key."""
        return bool(self._rules_of(tenant, key_id))

    async def reserve(self, spending: Spending, worst: WorstCase, *, timeout_s: float) -> Reservation | None:
        """Return what the request holds from now on; `None` if no budget is about it.

        It must be settled, however the request ends. Raises `BudgetSpent` naming the budget that has no room, and what
        the store raises while it is away: then nothing is held, or expires.
        """
        now = self._clock.now()
        claims = self._claims(spending, worst, now)
        if not claims:
            return None
        self._tell_unpriced(worst.unpriced)
        hold = Hold(
            run=spending.run,
            tenant=spending.tenant,
            key_id=spending.key_id,
            claims=tuple(sorted(claims, key=lambda claim: claim.book.id)),
            expires_at=now + timedelta(seconds=timeout_s + MARGIN_S),
        )
        try:
            reserved = await self.store.reserve(hold, now)
        except asyncio.CancelledError:
            self._late.append((Reservation(spending=spending, hold=hold), []))  # it may have been made all the same
            raise
        if reserved.refused_by is not None:
            claim, standing = hold.claims[reserved.refused_by], reserved.standings[reserved.refused_by]
            self._tell_of(claim, standing, now)
            raise _no_room(claim, standing)
        held = Reservation(spending=spending, hold=hold, over=self._over(hold, reserved.standings))
        if not self.store.writes_ledger:
            held.lines += [reservation(claim.book.id, claim.amount_microusd, now.timestamp()) for claim in hold.claims]
        return held

    async def settle(self, held: Reservation, attempts: Sequence[LedgerLine]) -> None:
        """Charge the attempts of the request in place of what it holds; again, with those that came later.

        Never fails: what the store does not take now is tried again later. May stand in a `finally`.
        """
        if held.settled == len(attempts):
            return
        self._extend(held, attempts)
        try:
            lines = await self.store.settle(held.hold, attempts, self._clock.now())
        except asyncio.CancelledError:
            self._late.append((held, list(attempts)))  # it may not have happened, and twice is harmless
            raise
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, what was spent must not be lost
            self._late.append((held, list(attempts)))
            _log.warning("budgets cannot be settled, they wait: %s", type(error).__name__)
            return
        held.settled = len(attempts)
        held.lines += lines

    @property
    def waiting(self) -> int:
        """How many requests wait to be settled."""
        return len(self._late)

    async def watch(self) -> None:
        """Settle what waits and release what expired, for ever."""
        while True:
            await asyncio.sleep(_AGAIN_S if self._late else SWEEP_S)
            try:
                await self._catch_up()
                await self.store.expire(self._clock.now())
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, there is another try
                _log.warning("budgets cannot be looked after, there will be another try: %s", type(error).__name__)

    async def close(self) -> None:
        """Settle what waits, once more, and close the store."""
        try:
            await self._catch_up()
        except Exception:  # noqa: BLE001 - the store is closed whatever its driver raises
            _log.exception("%d requests were not settled; what they reserved expires", len(self._late))
        await self.store.close()

    async def _catch_up(self) -> None:
        """Settle what waits, past what is not taken; where several are not, the store is away. Raises why."""
        waiting, self._late = self._late, []
        failures: list[Exception] = []
        while waiting and len(failures) < _AWAY_AFTER:
            held, attempts = waiting.pop(0)
            try:
                await self.store.settle(held.hold, attempts, self._clock.now())
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, the others are to be tried
                failures.append(error)
                self._late.append((held, attempts))
            except BaseException:
                self._late += [(held, attempts), *waiting]
                raise
        self._late[:0] = waiting  # those that failed stand behind the others
        if failures:
            raise failures[0]

    def _rules_of(self, tenant: str, key_id: str | None) -> tuple[BudgetRule, ...]:
        rules = self._known.get((tenant, key_id))
        if rules is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            subjects = {Spender.TENANT: tenant, Spender.KEY: key_id}
            rules = tuple(
                rule
                for rule in self.rules
                if rule.of is Spender.MODEL
                or (rule.subject in (None, subjects[rule.of]) and subjects[rule.of] is not None)
            )
            self._known[tenant, key_id] = rules
        return rules

    def _claims(self, spending: Spending, worst: WorstCase, now: datetime) -> list[Claim]:
        claims: list[Claim] = []
        for rule in self._rules_of(spending.tenant, spending.key_id):
            if rule.of is Spender.MODEL:
                claims += _of_models(rule, spending, worst, now)
            else:
                subject = spending.tenant if rule.of is Spender.TENANT else spending.key_id or ""
                book = self._book(rule, subject, spending.tenant, now)
                claims.append(Claim(book=book, amount_microusd=worst.total_microusd))
        return claims

    def _book(self, rule: BudgetRule, subject: str, tenant: str, now: datetime) -> BudgetBook:
        """Return the book of a rule; made once for each window, because its name takes 20 us to put together."""
        book = self._books.get((rule.name, subject, tenant))
        if book is None or (book.until is not None and now >= book.until):
            if len(self._books) >= _MOST_REMEMBERED:
                self._books.clear()
            book = self._books[rule.name, subject, tenant] = rule.book(subject, tenant, now)
        return book

    def _extend(self, held: Reservation, attempts: Sequence[LedgerLine]) -> None:
        """Add the books of models that nobody expected to answer."""
        known = {claim.book.budget + ":" + claim.book.subject for claim in held.hold.claims}
        names = {line.model: 0 for line in attempts}
        now = self._clock.now()
        more = [
            claim
            for rule in self._of_models
            for claim in _of_models(rule, held.spending, WorstCase(total_microusd=0, by_model=names), now)
            if f"{rule.name}:{claim.book.subject}" not in known
        ]
        if more:
            claims = sorted((*held.hold.claims, *more), key=lambda claim: claim.book.id)
            held.hold = msgspec.structs.replace(held.hold, claims=tuple(claims))

    def _over(self, hold: Hold, standings: Sequence[Standing]) -> tuple[str, ...]:
        over: list[str] = []
        for claim, standing in zip(hold.claims, standings, strict=True):
            if standing.spent_microusd + standing.reserved_microusd > claim.book.limit_microusd:
                over.append(claim.book.budget)
                self._tell_of(claim, standing, self._clock.now())
        return tuple(over)

    def _tell_of(self, claim: Claim, standing: Standing, now: datetime) -> None:
        """Tell the log and the budget's webhook that there was no room, once for each window."""
        if not self._tell(claim.book.id, "%s", sentence_of(claim, standing)):
            return
        webhook = self._webhooks.get(claim.book.budget)
        if webhook is not None and self._notify is not None:
            self._notify(BudgetNotice(webhook=webhook, claim=claim, standing=standing, at=now))

    def _tell_unpriced(self, models: Sequence[str]) -> None:
        for model in models:
            self._tell(f"price:{model}", "the price of %r is not known; budgets count what it costs as nothing", model)

    def _tell(self, about: str, message: str, value: str) -> bool:
        """Log what was not told before; return whether it was new."""
        if about in self._told:
            return False
        if len(self._told) >= _MOST_REMEMBERED:
            self._told.clear()
        self._told.add(about)
        _log.warning(message, value)
        return True


def _of_models(rule: BudgetRule, spending: Spending, worst: WorstCase, now: datetime) -> list[Claim]:
    """Return the claims of a model's budget: of all if the model itself is asked, else of its own attempts."""
    claims: list[Claim] = []
    for model in {spending.model: None, **worst.by_model} if rule.subject is None else (rule.subject,):
        asked = model == spending.model
        if asked or model in worst.by_model:
            amount = worst.total_microusd if asked else worst.by_model[model]
            claims.append(Claim(book=rule.book(model, "", now), amount_microusd=amount, model=None if asked else model))
    return claims


def _no_room(claim: Claim, standing: Standing) -> BudgetSpent:
    advice = "ask for less (max_tokens, fewer models), or wait"
    return BudgetSpent(f"{sentence_of(claim, standing)}; {advice}", budget=facts_of(claim, standing))
