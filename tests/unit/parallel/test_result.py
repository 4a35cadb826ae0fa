import json

from plans import after, ask_virtually, models
from quorate.core.errors import Unavailable
from quorate.model import new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Plan
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.testing import VirtualClock, run_virtual
from quorate.wire.chat import user_request


def test_a_result_prints_its_answer_and_becomes_json() -> None:
    result = ask_virtually(models(a=after(1, cost_microusd=12), b=after(2, cost_microusd=30), c=Unavailable("down")))
    assert str(result) == "Paris"
    assert result.cost == "$0.000042"
    whole = json.loads(json.dumps(result.to_dict()))
    assert whole["cost_microusd"] == 42
    assert whole["agreement"]["clusters"] == [{"answer": "Paris", "share": 1.0, "members": ["a", "b"]}]
    assert whole["agreement"]["calibrated"] is False
    assert whole["branches"][2]["error"] == {"code": "provider_unavailable", "message": "down", "retryable": True}


def test_an_unknown_price_makes_the_cost_unknown_never_zero() -> None:
    result = ask_virtually(models(a=after(1, cost_microusd=None), b=after(2, cost_microusd=30)))
    assert result.cost_microusd is None
    assert result.cost == "unknown"
    assert any("no price is known for a" in warning for warning in result.warnings)


def test_an_ensemble_of_ensembles_counts_everything_once() -> None:
    named = models(a=after(1, cost_microusd=1), b=after(2, cost_microusd=2), c=after(3, cost_microusd=4))
    catalog = dict(named)
    inner = Ensemble(
        name="inner",
        plan=Plan(members=(Member(model="a"), Member(model="b"))),
        resources=Resources(resolve=catalog.__getitem__),
    )
    both = {**catalog, "inner": inner}
    outer = Ensemble(
        name="outer",
        plan=Plan(members=(Member(model="inner"), Member(model="c"))),
        resources=Resources(resolve=both.__getitem__),
    )
    result = run_virtual(_asked(outer))
    assert result.cost_microusd == 7
    detail = result.branches[0].completion.detail if result.branches[0].completion else None
    assert isinstance(detail, Result)
    assert [outcome.branch for outcome in detail.branches] == ["a", "b"]
    assert result.branches[0].spend.cost_microusd == 3


async def _asked(ensemble: Ensemble) -> Result:
    call = new_call(clock=VirtualClock())
    result = await ensemble.run(user_request("?"), call)
    assert call.budget.spend.cost_microusd == result.cost_microusd
    return result
