"""Answers are read while others are awaited, and never where none will be compared."""

from collections.abc import Sequence
from typing import Any

import pytest

from plans import after, ask_virtually, models
from quorate.consensus import panel
from quorate.consensus.reading import Reading
from quorate.model.event import AgreementUpdated, BranchFinished, Event
from quorate.parallel.plan import Member, Mode
from quorate.testing import RecordingSink, ScriptedAnswer

DELAYED = {"a": after(1, "Paris"), "b": after(2, "It is Paris"), "c": after(3, "Lyon")}


class Watch(RecordingSink):
    """Keeps how many answers had been read when each branch ended; a live object."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self.seen: list[int] = []

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, BranchFinished):
            self.seen.append(self.read)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()

    def reading(*args: Any, **named: Any) -> Reading:
        watch.read += 1
        return Reading(*args, **named)

    monkeypatch.setattr(panel, "Reading", reading)
    return watch


def asked(watch: Watch, named: dict[str, ScriptedAnswer], **plan: Any) -> None:
    ask_virtually(models(**named), sink=watch, **plan)


def scores(watch: Watch) -> Sequence[int]:
    return [event.answered for event in watch.of(AgreementUpdated)]


@pytest.mark.parametrize("mode", [Mode.ALL, Mode.QUORUM])
def test_the_first_answer_is_read_before_the_second_has_come(watch: Watch, mode: Mode) -> None:
    asked(watch, DELAYED, mode=mode, min_models=3 if mode is Mode.QUORUM else None)
    assert watch.seen == [0, 1, 2]
    assert scores(watch) == [2, 3]


@pytest.mark.parametrize(
    ("named", "plan"),
    [
        ({"a": after(1)}, {}),
        (DELAYED, {"mode": Mode.RACE}),
        (DELAYED, {"mode": Mode.QUORUM, "min_models": 1, "members": (Member(model="a"),)}),
    ],
)
def test_an_answer_that_stays_alone_is_not_read(
    watch: Watch, named: dict[str, ScriptedAnswer], plan: dict[str, Any]
) -> None:
    asked(watch, named, **plan)
    assert watch.read == 0
    assert scores(watch) == []


def test_what_waits_for_its_turn_goes_before(watch: Watch) -> None:
    asked(watch, DELAYED, max_concurrent=1)
    assert watch.seen == [0, 0, 2]
    assert scores(watch) == [2, 3]
