"""Tokens used and money spent. Structs rather than dataclasses: several are made for every request."""

from collections.abc import Sequence

import msgspec

from quorate.core.errors import BudgetSpent
from quorate.core.units import format_usd
from quorate.wire.chat import CompletionTokensDetails, PromptTokensDetails, WireUsage


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Token counts.

    `cached_tokens` and `cache_write_tokens` are parts of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )

    def since(self, before: "Usage") -> "Usage":
        """Return what was added since it stood at `before`; no count is below 0."""
        return Usage(
            prompt_tokens=max(0, self.prompt_tokens - before.prompt_tokens),
            completion_tokens=max(0, self.completion_tokens - before.completion_tokens),
            cached_tokens=max(0, self.cached_tokens - before.cached_tokens),
            cache_write_tokens=max(0, self.cache_write_tokens - before.cache_write_tokens),
            reasoning_tokens=max(0, self.reasoning_tokens - before.reasoning_tokens),
        )

    @classmethod
    def from_wire(cls, wire: WireUsage) -> "Usage":
        """Read the wire's counts."""
        prompt, completion = wire.prompt_tokens_details, wire.completion_tokens_details
        return cls(
            prompt_tokens=wire.prompt_tokens,
            completion_tokens=wire.completion_tokens,
            cached_tokens=0 if prompt is None else prompt.cached_tokens or 0,
            cache_write_tokens=0 if prompt is None else prompt.cache_write_tokens or 0,
            reasoning_tokens=0 if completion is None else completion.reasoning_tokens or 0,
        )

    def to_wire(self) -> WireUsage:
        """Return the counts as the wire carries them."""
        prompt = completion = None
        if self.cached_tokens or self.cache_write_tokens:
            prompt = PromptTokensDetails(
                cached_tokens=self.cached_tokens or None, cache_write_tokens=self.cache_write_tokens or None
            )
        if self.reasoning_tokens:
            completion = CompletionTokensDetails(reasoning_tokens=self.reasoning_tokens)
        return WireUsage(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            total_tokens=self.total_tokens,
            prompt_tokens_details=prompt,
            completion_tokens_details=completion,
        )


NO_USAGE = Usage()


class Charge(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one attempt used. `cost_microusd` is `None` when the model's price is not known: never zero.

    `estimated` marks what had to be counted without the provider's own numbers, e.g. of a cancelled stream.
    """

    usage: Usage
    cost_microusd: int | None
    estimated: bool = False


class Spend(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Charges added up. `known_microusd` is the sum of the known ones; `unpriced` counts those without a price."""

    usage: Usage = NO_USAGE
    known_microusd: int = 0
    unpriced: int = 0
    estimated: bool = False

    @property
    def cost_microusd(self) -> int | None:
        """The cost, or `None` if any part of it is not known."""
        return None if self.unpriced else self.known_microusd

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(
            usage=self.usage + other.usage,
            known_microusd=self.known_microusd + other.known_microusd,
            unpriced=self.unpriced + other.unpriced,
            estimated=self.estimated or other.estimated,
        )

    def since(self, before: "Spend") -> "Spend":
        """Return what was added since it stood at `before`; nothing is below 0."""
        return Spend(
            usage=self.usage.since(before.usage),
            known_microusd=max(0, self.known_microusd - before.known_microusd),
            unpriced=max(0, self.unpriced - before.unpriced),
            estimated=self.estimated,
        )

    def plus(self, charge: Charge) -> "Spend":
        """Return the sum with one more charge."""
        return Spend(
            usage=self.usage + charge.usage if self.usage is not NO_USAGE else charge.usage,
            known_microusd=self.known_microusd + (charge.cost_microusd or 0),
            unpriced=self.unpriced + (charge.cost_microusd is None),
            estimated=self.estimated or charge.estimated,
        )


#: What nothing costs: every account begins with it.
NOTHING = Spend()


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One charge with who made it: the path of the branch and the model that answered; both may be empty."""

    branch: str
    model: str
    charge: Charge


class Budget:
    """How much a call may spend (`limit_microusd`, `None` for no limit) and what it has spent; a live object.

    Every branch gets a `child`, so each knows its own spend while the limit is the whole call's. Before a request
    leaves, the most that it may cost is reserved (`reserve`), so requests that run at the same time do not carry the
    sum past the limit together. `attempts` are all charges of the whole call, in the order they came; `branch` is the
    path of the part whose account it is; `limits` are this budget and those above it that have a limit.
    """

    __slots__ = ("_parent", "attempts", "branch", "limit_microusd", "limits", "reserved_microusd", "spend")

    def __init__(
        self, limit_microusd: int | None = None, *, parent: "Budget | None" = None, branch: str | None = None
    ) -> None:
        self.limit_microusd = limit_microusd
        self.spend = NOTHING
        self.reserved_microusd = 0
        self.attempts: list[Attempt] = [] if parent is None else parent.attempts
        self._parent = parent
        above = () if parent is None else parent.limits
        self.limits: tuple[Budget, ...] = above if limit_microusd is None else (*above, self)
        self.branch = (parent.branch if parent is not None else "") if branch is None else branch

    def child(self, branch: str | None = None, *, limit_microusd: int | None = None) -> "Budget":
        """Return an account of its own under this budget's limit; `branch` is its path, not given: as this one's."""
        return Budget(limit_microusd, parent=self, branch=branch)

    def charge(self, charge: Charge, *, by: str = "") -> None:
        """Record a charge of the model `by`, here and in every budget above."""
        self.attempts.append(Attempt(branch=self.branch, model=by, charge=charge))
        self.add(charge)

    def add(self, charge: Charge) -> None:
        """Add to the spend, here and in every budget above, what a part of the call was charged."""
        self.spend = self.spend.plus(charge)
        if self._parent is not None:
            self._parent.add(charge)

    def carry_over(self, spend: Spend) -> None:
        """Begin with what was spent before the call was made, here and in every budget above."""
        self.spend += spend
        if self._parent is not None:
            self._parent.carry_over(spend)

    def require(self, what: str) -> None:
        """Raise `BudgetSpent` naming `what` if this budget or one above has nothing left."""
        for budget in self.limits:
            _require(budget, 0, what)

    def reserve(self, most_microusd: int, what: str) -> "Held":
        """Set aside the most that something may cost, here and in every budget above, until it is released.

        Raises `BudgetSpent` naming `what` if one of them has not that much left; then nothing is set aside.
        """
        if not self.limits:
            return NOTHING_HELD
        for budget in self.limits:
            _require(budget, most_microusd, what)
        for budget in self.limits:
            budget.reserved_microusd += most_microusd
        return Held(self.limits, most_microusd)


def _require(budget: Budget, most_microusd: int, what: str) -> None:
    limit, spent = budget.limit_microusd or 0, budget.spend.known_microusd
    left = limit - spent - budget.reserved_microusd
    if 0 < left >= most_microusd:
        return
    held = f", {format_usd(budget.reserved_microusd)} reserved" if budget.reserved_microusd else ""
    if left <= 0:
        raise BudgetSpent(f"the budget of {format_usd(limit)} is spent ({format_usd(spent)}{held}) before {what}")
    raise BudgetSpent(
        f"the budget of {format_usd(limit)} has {format_usd(left)} left ({format_usd(spent)} spent{held}) "
        f"before {what}, which may cost {format_usd(most_microusd)}; lower max_tokens or raise the budget"
    )


class Held:
    """What is reserved of budgets; a live object, and a context manager that releases it. Twice is as good as once."""

    __slots__ = ("_budgets", "_microusd")

    def __init__(self, budgets: Sequence[Budget], microusd: int) -> None:
        self._budgets = budgets
        self._microusd = microusd

    def release(self) -> None:
        """Give it back; what it really cost is charged to the budget."""
        for budget in self._budgets:
            budget.reserved_microusd -= self._microusd
        self._budgets = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.release()


#: What is held where no budget has a limit.
NOTHING_HELD = Held((), 0)
