"""How a branch ended."""

from quorate.core.errors import Unavailable
from quorate.model import Completion, Outcome, State
from quorate.wire.chat import ChatResponse, Choice, Message


def test_an_outcome_is_an_answer_or_an_error() -> None:
    completion = Completion(response=ChatResponse(choices=(Choice(message=Message(content="x")),)), model="m")
    answered = Outcome(
        branch="b",
        model="m",
        index=0,
        group=0,
        state=State.FINISHED,
        started_s=1.0,
        finished_s=3.5,
        completion=completion,
    )
    assert (answered.ok, answered.text, answered.latency_s) == (True, "x", 2.5)
    failed = Outcome(
        branch="b",
        model="m",
        index=0,
        group=0,
        state=State.FAILED,
        started_s=1.0,
        finished_s=1.0,
        error=Unavailable("no"),
    )
    assert (failed.ok, failed.text, failed.latency_s) == (False, "", 0.0)
