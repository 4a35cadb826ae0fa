import msgspec

from plans import after, ask_virtually, models
from quorate.core.errors import Unavailable
from quorate.model import Event, State
from quorate.model.event import BranchCancelled, Selected
from quorate.parallel.plan import Member, Mode
from quorate.parallel.progress import Progress
from quorate.testing import RecordingSink


def test_running_counts_half_and_settled_whole_by_weight() -> None:
    progress, seen = Progress(), list[float]()

    class Watch(RecordingSink):
        def __call__(self, event: Event) -> None:
            super().__call__(event)
            progress(event)
            seen.append(progress.percent)

    members = (Member(model="a", weight=3.0), Member(model="b", weight=1.0))
    ask_virtually(models(a=after(1), b=after(2)), members=members, sink=Watch())
    assert seen == [0.0, 37.5, 50.0, 87.5, 100.0, 100.0, 100.0]
    assert progress.states == {"a": State.FINISHED, "b": State.FINISHED}


def test_an_early_decision_is_the_whole_way() -> None:
    progress = Progress()
    sink = RecordingSink()
    ask_virtually(models(a=after(1), b=after(9), c=Unavailable("down")), mode=Mode.RACE, sink=sink)
    for event in sink.events:
        progress(event)
    assert progress.percent == 100
    assert progress.states == {"a": State.FINISHED, "b": State.CANCELLED, "c": State.FAILED}


def test_events_tell_the_whole_story_in_json() -> None:
    sink = RecordingSink()
    ask_virtually(models(a=after(1), b=after(9)), mode=Mode.RACE, sink=sink)
    assert sink.tags == [
        "plan.started",
        "branch.started",
        "branch.started",
        "branch.finished",
        "branch.cancelled",
        "selected",
    ]
    cancelled = sink.of(BranchCancelled)[0]
    assert cancelled.reason == "a settled it: first_success"
    assert sink.of(Selected)[0].branch == "a"
    assert all(msgspec.json.decode(msgspec.json.encode(event))["call_id"].startswith("run_") for event in sink.events)
