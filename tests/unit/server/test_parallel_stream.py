from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from plans import CAPITAL, after, models, plan
from quorate.core.errors import QuorateError, Unavailable
from quorate.model import Delta, Event, Usage, new_call
from quorate.model.event import BranchStarted
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Mode, Plan
from quorate.parallel.resources import Resources
from quorate.server.parallel_request import Progress
from quorate.server.parallel_stream import ParallelStream, parallel_events
from quorate.testing import ScriptedAnswer, VirtualClock, run_virtual
from quorate.wire.chat import user_request
from quorate.wire.problem import openai_error_body
from quorate.wire.sse import DONE, SseDecoder, encode_sse
from quorate.wire.stream import text_chunk

STREAMED = msgspec.structs.replace(user_request(CAPITAL), stream=True)


def stream_of(made: Plan, progress: Progress = Progress.COMMENTS) -> ParallelStream:
    return ParallelStream(id="par_1", model="panel", created=7, plan=made, progress=progress)


async def streamed(progress: Progress = Progress.COMMENTS, **fields: Any) -> list[bytes]:
    """What goes out, event by event: those of the sink as they come, between the pieces."""
    named = models(**{name: fields.pop(name) for name in tuple(fields) if len(name) == 1})
    made = plan(named, **fields)
    stream, sent = stream_of(made, progress), list[bytes]()

    def tell(event: Event) -> None:
        if told := stream.event(event):
            sent.append(told)

    ensemble = Ensemble(name="panel", plan=made, resources=Resources(resolve=named.__getitem__))
    call = new_call(clock=VirtualClock(), sink=tell, seed=7)
    try:
        async with ensemble.open(STREAMED, call) as reply, aclosing(parallel_events(reply, stream)) as events:
            async for data in events:
                sent.append(data)
    except QuorateError as error:
        sent.append(encode_sse(msgspec.json.encode(openai_error_body(error))))
    return sent


def read(sent: list[bytes]) -> list[Any]:
    events = SseDecoder().feed(b"".join(sent))
    return [each.data if each.data == DONE else msgspec.json.decode(each.data) for each in events]


def comments(sent: list[bytes]) -> list[Any]:
    lines = b"".join(sent).splitlines()
    return [msgspec.json.decode(line.removeprefix(b": quorate ")) for line in lines if line.startswith(b":")]


PARIS = ScriptedAnswer(
    pieces=("Par", "is"), delay_s=1, gap_s=0.5, usage=Usage(prompt_tokens=5, completion_tokens=2), cost_microusd=100
)


def test_a_race_streams_its_winner_from_the_first_token_and_ends_with_the_report() -> None:
    sent = run_virtual(streamed(a=PARIS, b=after(9), mode=Mode.RACE))
    *chunks, report, done = read(sent)
    assert done == DONE
    assert "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"]) == "Paris"
    assert len(chunks) >= 2
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert {(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks} == {("par_1", "panel", 7)}
    assert report["choices"] == []
    assert report["object"] == "chat.completion.chunk"
    assert [each["state"] for each in report["responses"]] == ["finished", "cancelled"]
    assert report["synthesis"]["content"] == "Paris"
    assert report["usage"]["completion_tokens"] == 2
    assert not any("usage" in chunk for chunk in chunks)


@pytest.mark.parametrize("mode", [Mode.ALL, Mode.QUORUM])
def test_the_other_modes_tell_their_progress_and_then_the_answer(mode: Mode) -> None:
    sent = run_virtual(streamed(a=PARIS, b=after(2), c=after(3), mode=mode))
    first_piece = next(i for i, data in enumerate(sent) if data.startswith(b"data:"))
    told = [event["event"] for event in comments(sent[:first_piece])]
    assert told[0] == "plan.started"
    assert told.count("branch.started") == 3
    assert "agreement.updated" in told
    assert told[-1] == "selected"
    assert "branch.delta" not in told
    answer, report, done = read(sent)
    assert answer["choices"][0]["delta"]["content"] == "Paris"
    assert report["synthesis"]["consensus_score"] == 1
    assert done == DONE


def test_progress_in_chunks_has_no_choices() -> None:
    sent = run_virtual(streamed(Progress.CHUNKS, a=PARIS, b=after(2)))
    assert comments(sent) == []
    chunks = [chunk for chunk in read(sent) if "quorate" in chunk]
    assert chunks[0]["quorate"]["event"] == "plan.started"
    assert all(chunk["choices"] == [] and chunk["id"] == "par_1" for chunk in chunks)


def test_no_progress_when_none_is_wanted() -> None:
    assert len(run_virtual(streamed(Progress.NONE, a=PARIS, b=after(2)))) == 2


def test_a_failure_after_the_first_piece_is_an_error_and_no_end_mark() -> None:
    broken = ScriptedAnswer(pieces=("Par", "is"), delay_s=1, gap_s=1, error=Unavailable("cut"))
    sent = run_virtual(streamed(a=broken, mode=Mode.RACE))
    *_, last = read(sent)
    assert last["error"]["message"] == "cut"
    assert DONE.encode() not in b"".join(sent)


def test_line_ends_in_an_event_do_not_end_its_comment() -> None:
    event = BranchStarted(call_id="run_1", at_s=0.0, branch="a\n\ndata: x", model="a\r")
    told = stream_of(plan({})).event(event)
    assert SseDecoder().feed(told) == []
    assert comments([told])[0]["branch"] == "a\n\ndata: x"


def test_a_piece_of_nothing_is_not_sent() -> None:
    stream = stream_of(plan({}))
    assert stream.delta(Delta(chunk=msgspec.structs.replace(text_chunk("x"), choices=()))) == b""
