"""Events: tagged JSON, and sinks that cannot disturb a call."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from quorate.flows.event import StepEnded, StepEvent
from quorate.model import Event
from quorate.model.event import BranchEvent, Vote, Warned, fan_out
from quorate.testing import RecordingSink

SAMPLES: dict[object, Any] = {
    bool: True,
    str: "x",
    float: 1.5,
    int: 3,
    int | None: None,
    str | None: None,
    float | None: 0.5,
    tuple[str, ...]: ("a", "b"),
    tuple[float, ...]: (0.5, 0.5),
    tuple[Vote, ...]: (Vote(branch="a", cluster=0, weight=1.0),),
}
ABSTRACT = {Event, BranchEvent, StepEvent, StepEnded}


def kinds(kind: type[Event] = Event) -> Iterator[type[Event]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


CONCRETE = sorted((each for each in kinds() if each not in ABSTRACT), key=lambda each: each.__name__)


def sample(kind: type[Event]) -> Event:
    fields = {field.name: SAMPLES[field.type] for field in msgspec.structs.fields(kind)}
    return kind(**fields)


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_events_are_json_with_a_tag(kind: type[Event]) -> None:
    event = sample(kind)
    body = json.loads(msgspec.json.encode(event))
    assert body.pop("event") == kind.__struct_config__.tag
    assert set(body) == {field.encode_name for field in msgspec.structs.fields(kind)}
    assert msgspec.json.decode(msgspec.json.encode(event), type=kind) == event


def test_tags_are_unique_and_dotted_words() -> None:
    tags = [str(kind.__struct_config__.tag) for kind in CONCRETE]
    assert len(tags) == len(set(tags)) >= 11
    assert all(tag == tag.lower() and "_" not in tag.partition(".")[0] for tag in tags)


def test_a_sink_that_fails_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fails(event: Event) -> None:
        raise RuntimeError("sink")

    before, after = RecordingSink(), RecordingSink()
    event = Warned(call_id="c", at_s=0.0, code="c", message="m")
    fan_out(before, fails, after)(event)
    assert before.events == after.events == [event]
    assert "an event sink failed on Warned" in caplog.text
