"""What a call holds of budgets: reckoned and reserved before its work begins."""

from collections import Counter

import msgspec

from quorate.access.budgets import Reservation, Spending, WorstCase
from quorate.access.principal import Principal
from quorate.core.errors import QuorateError
from quorate.engine.estimate import worst_case_microusd
from quorate.model import Model
from quorate.parallel.branch import MAX_DEPTH, Resolve
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.helpers import BOTH_ORDERS, helpers_of
from quorate.parallel.plan import Plan
from quorate.providers.estimate import estimate_prompt_tokens
from quorate.providers.relay import Fields
from quorate.server.fan_out import branches_of
from quorate.server.services import Services
from quorate.server.top_level import count_of, output_limit
from quorate.wire.chat import ChatRequest
from quorate.wire.open import decode


async def hold_budgets(
    services: Services, principal: Principal, run: str, name: str, model: Model, fields: Fields, body_bytes: int
) -> Reservation | None:
    """Return what a request to `model` holds of the budgets that are about it; `None` if there are none.

    Raises `BudgetSpent`, and `QuorateError`s of a store that is away.
    """
    budgets = services.budgets
    if budgets is None or not budgets.concern(principal.tenant, principal.key_id):
        return None
    spending = Spending(run=run, tenant=principal.tenant, key_id=principal.key_id, model=name)
    worst = worst_case(
        model,
        name,
        resolve=services.catalog.resolve,
        prompt_tokens=_prompt_tokens(fields, body_bytes),
        max_output_tokens=output_limit(fields),
        attempts=services.defaults.plan.retry.max_retries + 1,
        answers=count_of(fields),
    )
    return await budgets.reserve(spending, worst, timeout_s=services.settings.request_timeout_s)


def worst_case(
    model: Model,
    name: str,
    *,
    resolve: Resolve,
    prompt_tokens: int,
    max_output_tokens: int | None,
    attempts: int,
    answers: int = 1,
) -> WorstCase:
    """Return what a request to `model` may cost at most, in all and by the model that answers.

    `answers` is how many the request asks for at once. What a model costs inside an ensemble is reckoned with the
    prompt of the request; a judge's own may be longer, which the sum of all takes into account.
    """
    if not isinstance(model, Ensemble):
        return _worst_of_one(model, name, resolve, prompt_tokens, max_output_tokens, attempts * answers)

    def cost(of: Model) -> int | None:
        most = worst_case_microusd(
            of,
            prompt_tokens=prompt_tokens,
            max_output_tokens=max_output_tokens,
            attempts=1 if isinstance(of, Ensemble) else attempts,
            resolve=resolve,
        )
        return None if most is None else most * answers

    calls = _leaves(model.plan, resolve, 0)
    each = {leaf: cost(resolve(leaf)) for leaf in calls}
    by_model = {leaf: (each[leaf] or 0) * times for leaf, times in calls.items()}
    total = cost(model)
    return WorstCase(
        total_microusd=sum(by_model.values()) if total is None else total,
        by_model=by_model,
        unpriced=tuple(leaf for leaf in calls if each[leaf] is None),
    )


def _worst_of_one(
    model: Model, name: str, resolve: Resolve, prompt_tokens: int, max_output_tokens: int | None, times: int
) -> WorstCase:
    """Return what a request to a model that is no ensemble may cost, asked so many times."""
    most = worst_case_microusd(
        model, prompt_tokens=prompt_tokens, max_output_tokens=max_output_tokens, attempts=times, resolve=resolve
    )
    return WorstCase(total_microusd=most or 0, by_model={name: most or 0}, unpriced=(name,) if most is None else ())


def _leaves(plan: Plan, resolve: Resolve, depth: int) -> Counter[str]:
    """Return how often each model that is no ensemble is asked at most, retries after failures aside."""
    found = Counter[str]()
    if depth > MAX_DEPTH:
        return found  # it does not run
    members = branches_of(plan)
    asked = Counter(member.model for member in members)
    for helper in helpers_of(plan, members):
        asked[helper.model] += helper.times
    if plan.output is not None:
        asked = Counter({name: count * (1 + plan.output.retries) for name, count in asked.items()})
        if plan.output.repair_model is not None:
            asked[plan.output.repair_model] += asked.total()
    if plan.pair_judge is not None and (pairs := plan.judged_pairs(len(members))):
        asked[plan.pair_judge] += BOTH_ORDERS * pairs
    if plan.cascade is not None:
        asked.update(plan.cascade.judges)
    for name, count in asked.items():
        model = resolve(name)
        inner = _leaves(model.plan, resolve, depth + 1) if isinstance(model, Ensemble) else Counter({name: 1})
        for leaf, often in inner.items():
            found[leaf] += often * count
    return found


def _prompt_tokens(fields: Fields, body_bytes: int) -> int:
    """Return about how many tokens a request has; four bytes to one where it is no chat request that can be read."""
    if "messages" not in fields:
        return body_bytes >> 2
    read = {name: fields[name] for name in ("messages", "tools", "response_format") if name in fields}
    try:
        return estimate_prompt_tokens(decode(msgspec.json.encode(read), ChatRequest))
    except QuorateError:
        return body_bytes >> 2
