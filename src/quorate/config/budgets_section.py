"""How much may be spent."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.access.budget_rule import BudgetRule, Spender
from quorate.model.budget import Window
from quorate.source.section import ModelName, Name, Section, Usd, microusd

_Id = Annotated[str, Field(min_length=1, max_length=64)]


class OnLimit(StrEnum):
    """`refuse`: what may cost more than is left is refused. `warn`: it is answered, and told."""

    REFUSE = "refuse"
    WARN = "warn"


class BudgetSection(Section):
    """How much one tenant, key or model may spend in each window, or each of them for itself."""

    tenant: _Id | None = None
    """The id of a tenant: what all its keys spend together."""
    key: _Id | None = None
    """The id of a key (`key_...`)."""
    model: ModelName | None = None
    """A model's name: what everybody spends on it together, asked by itself or inside an ensemble."""
    each: Spender | None = None
    """A budget of this size for each tenant, key or model."""
    limit: Usd
    """US dollars."""
    window: Window = Window.MONTH
    """By the UTC calendar; `total` never begins anew."""
    on_limit: OnLimit = OnLimit.REFUSE
    """What happens to a request that may cost more than is left."""
    webhook: Name | None = None
    """A name from `webhooks`: told once for each window when that happens."""

    @model_validator(mode="after")
    def _has_one_scope(self) -> Self:
        given = [name for name in ("tenant", "key", "model", "each") if getattr(self, name) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "budget",
                "a budget is of one thing: give one of `tenant`, `key`, `model` and `each` (given: {given})",
                {"given": ", ".join(given) or "none"},
            )
        return self

    def rule(self, name: str) -> BudgetRule:
        """Return the budget as a value."""
        fixed = {Spender.TENANT: self.tenant, Spender.KEY: self.key, Spender.MODEL: self.model}
        spender = self.each or next(spender for spender, subject in fixed.items() if subject is not None)
        return BudgetRule(
            name=name,
            of=spender,
            subject=None if self.each else fixed[spender],
            limit_microusd=microusd(self.limit),
            window=self.window,
            hard=self.on_limit is OnLimit.REFUSE,
            webhook=self.webhook,
        )
