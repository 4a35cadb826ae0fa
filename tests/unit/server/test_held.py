from quorate.model import Model
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Plan
from quorate.parallel.resources import Resources
from quorate.providers.price import Price
from quorate.providers.simulated import SimulatedModel, SimulatedProfile
from quorate.resilience.retry_policy import NO_RETRY
from quorate.server.held import worst_case

PRICE = Price(input_microusd_per_mtok=1_000_000, output_microusd_per_mtok=1_000_000)
MODELS: dict[str, Model] = {
    name: SimulatedModel(SimulatedProfile(name=name, price=PRICE)) for name in ("a", "b", "judge")
}


def _held(**fields: object) -> dict[str, int]:
    members = (Member(model="a"), Member(model="b", count=2))
    plan = Plan(members=members, retry=NO_RETRY, **fields)  # pyright: ignore[reportArgumentType] - fields of a plan
    panel = Ensemble(name="panel", plan=plan, resources=Resources(resolve=MODELS.__getitem__))
    found = worst_case(panel, "panel", resolve=MODELS.__getitem__, prompt_tokens=100, max_output_tokens=50, attempts=1)
    assert found.total_microusd >= sum(found.by_model.values()) or not fields
    return dict(found.by_model)


def test_a_judge_of_pairs_is_held_for_as_often_as_it_may_be_asked() -> None:
    assert _held() == {"a": 150, "b": 300}
    assert _held(pair_judge="judge") == {"a": 150, "b": 300, "judge": 6 * 150}
    assert _held(pair_judge="judge", max_judged_pairs=2)["judge"] == 4 * 150
    assert "judge" not in _held(pair_judge="judge", mode=Mode.RACE)


def test_a_member_that_judges_as_well_is_held_for_both() -> None:
    assert _held(pair_judge="a", max_judged_pairs=1)["a"] == 150 + 2 * 150
