import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from plans import CAPITAL, after, models, plan, virtual_call
from quorate.consensus import Kind
from quorate.core.errors import Failure, Unavailable
from quorate.model import Call, Completion, Delta, Model, Reply, State, opens_reply
from quorate.model.event import BranchDelta, BranchFirstToken, BranchRetry
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Select, Synthesis
from quorate.parallel.provenance import Basis
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.parallel.stop import Stopped
from quorate.resilience.retry_policy import RetryPolicy
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel, run_virtual
from quorate.wire.chat import ChatRequest, user_request
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta
from rankers import Ranker

STREAM = msgspec.structs.replace(user_request(CAPITAL), stream=True)


async def read(
    named: Mapping[str, Model], sink: RecordingSink | None = None, **fields: Any
) -> tuple[list[tuple[str, float]], Completion]:
    """Return (text, virtual second) of each piece, and the completion."""
    call = virtual_call(sink)
    ensemble = Ensemble(name="panel", plan=plan(named, **fields), resources=Resources(resolve=named.__getitem__))
    async with ensemble.open(STREAM, call) as reply:
        pieces = [(delta.text, call.at_s) async for delta in reply if delta.text]
        return pieces, await reply.completion()


def spoken(first_s: float, *pieces: str, gap_s: float = 1.0, **fields: Any) -> ScriptedAnswer:
    return ScriptedAnswer(pieces=pieces, delay_s=first_s, gap_s=gap_s, **fields)


def result_of(completion: Completion) -> Result:
    assert isinstance(completion.detail, Result)
    return completion.detail


def test_a_streamed_race_passes_on_its_winner_from_the_first_token() -> None:
    named = models(a=spoken(3, "no"), b=spoken(1, "Pa", "ris"))
    sink = RecordingSink()
    pieces, completion = run_virtual(read(named, sink, mode=Mode.RACE))
    assert pieces == [("Pa", 1.0), ("ris", 2.0)]
    result = result_of(completion)
    assert result.stopped is Stopped.FIRST_TOKEN
    assert result.branches[0].state is State.CANCELLED
    assert result.branches[0].finished_s == 1.0
    assert completion.text == "Paris"
    assert {event.branch for event in sink.of(BranchFirstToken)} == {"b"}


def test_an_empty_opening_chunk_is_not_a_token() -> None:
    class Opener(ScriptedModel):
        @opens_reply
        async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
            yield Delta(chunk=ChatChunk(choices=(ChunkChoice(delta=ChunkDelta(role="assistant", content="")),)))
            async with ScriptedModel("late", spoken(9, "late")).open(request, call) as reply:
                async for delta in reply:
                    yield delta
                yield await reply.completion()

    named = {"opens": Opener("opens"), "speaks": ScriptedModel("speaks", spoken(2, "Paris"))}
    _, completion = run_virtual(read(named, mode=Mode.RACE))
    assert result_of(completion).chosen == "speaks"


def test_a_failure_before_the_first_token_does_not_end_the_race() -> None:
    named = models(a=Unavailable("down"), b=spoken(1, "Paris"))
    pieces, _ = run_virtual(read(named, mode=Mode.RACE))
    assert pieces == [("Paris", 1.0)]


def test_a_race_for_several_answers_streams_no_single_one() -> None:
    named = models(a=spoken(1, "Pa", "ris"), b=spoken(1, "Ly", "on"), c=spoken(2, "Par", "is"))
    pieces, completion = run_virtual(read(named, mode=Mode.RACE, min_models=3, select=Select.CONSENSUS))
    assert pieces == [("Paris", 4.0)]
    assert result_of(completion).stopped is Stopped.FIRST_SUCCESS


def test_an_empty_answer_of_the_same_moment_does_not_silence_the_speaker() -> None:
    named = models(empty=ScriptedAnswer(text="", delay_s=1), speaks=spoken(1, "Pa", "ris"))
    for first, second in (("empty", "speaks"), ("speaks", "empty")):
        pieces, completion = run_virtual(read({first: named[first], second: named[second]}, mode=Mode.RACE))
        assert "".join(text for text, _ in pieces) == completion.text
        assert not pieces or result_of(completion).chosen == "speaks"


def test_a_winner_that_is_cut_is_an_error_not_a_short_answer() -> None:
    cut = Unavailable("cut", failure=Failure.CUT_STREAM)
    named = models(a=spoken(1, "Pa", error=cut), b=spoken(5, "Paris"))
    with pytest.raises(Unavailable, match="cut"):
        run_virtual(read(named, mode=Mode.RACE))


def test_a_single_model_is_passed_on_in_any_mode() -> None:
    pieces, _ = run_virtual(read(models(a=spoken(1, "Pa", "ris")), mode=Mode.QUORUM))
    assert pieces == [("Pa", 1.0), ("ris", 2.0)]


def test_all_gives_its_answer_as_one_piece_and_its_progress_as_events() -> None:
    sink = RecordingSink()
    named = models(a=spoken(1, "Pa", "ris"), b=spoken(2, "Paris"))
    pieces, _ = run_virtual(read(named, sink))
    assert pieces == [("Paris", 3.0)]
    assert [event.text for event in sink.of(BranchDelta)] == ["Pa", "ris", "Paris"]


def test_a_cut_branch_that_nobody_reads_along_is_asked_again() -> None:
    cut = Unavailable("cut", failure=Failure.CUT_STREAM)
    named = models(a="", b="Paris")
    named["a"] = ScriptedModel("a", spoken(1, "Pa", error=cut), "Paris")
    sink = RecordingSink()
    pieces, completion = run_virtual(read(named, sink, retry=RetryPolicy(max_retries=1)))
    assert [text for text, _ in pieces] == ["Paris"]
    assert [outcome.state for outcome in result_of(completion).branches] == [State.FINISHED] * 2
    assert len(sink.of(BranchRetry)) == 1


def test_a_synthesis_streams_its_writer_only() -> None:
    named = {**models(a="Paris", b="Lyon"), "writer": ScriptedModel("writer", spoken(1, "Paris", ", mostly"))}
    members = (Member(model="a"), Member(model="b"))
    pieces, completion = run_virtual(read(named, members=members, select=Select.SYNTHESIS, synthesiser="writer"))
    assert pieces == [("Paris", 1.0), (", mostly", 2.0)]
    assert completion.text == "Paris, mostly"


def test_a_synthesis_that_is_cut_after_its_first_words_is_an_error_not_another_answer() -> None:
    cut = Unavailable("cut", failure=Failure.CUT_STREAM)
    named = {**models(a="Paris", b="Lyon"), "writer": ScriptedModel("writer", spoken(1, "Syn", "thesis", error=cut))}
    members = (Member(model="a"), Member(model="b"))
    with pytest.raises(Unavailable, match="cut"):
        run_virtual(read(named, members=members, select=Select.SYNTHESIS, synthesiser="writer"))


@pytest.mark.parametrize("script", [Unavailable("down"), ScriptedAnswer(pieces=(" ", "\n")), ScriptedAnswer(text="")])
def test_a_synthesis_that_said_nothing_gives_way_to_the_consensus(script: Any) -> None:
    named = {**models(a="Paris", b="Paris"), "writer": ScriptedModel("writer", script)}
    members = (Member(model="a"), Member(model="b"))
    pieces, completion = run_virtual(read(named, members=members, select=Select.SYNTHESIS, synthesiser="writer"))
    assert "".join(text for text, _ in pieces).strip() == completion.text == "Paris"


def test_leaving_a_stream_early_cancels_everything() -> None:
    async def leave() -> int:
        named = models(a=spoken(1, *("x" * 500), gap_s=0.1), b=after(3))
        ensemble = Ensemble(
            name="panel", plan=plan(named, mode=Mode.RACE), resources=Resources(resolve=named.__getitem__)
        )
        async with ensemble.open(STREAM, virtual_call()) as reply:
            async for _ in reply:
                break
        return sum(model.running for model in named.values())

    assert run_virtual(leave()) == 0


def test_a_slow_reader_holds_the_speaker_back() -> None:
    async def main() -> tuple[int, int]:
        named = models(a=spoken(0, *("x" * 500), gap_s=0.0))
        ensemble = Ensemble(name="panel", plan=plan(named), resources=Resources(resolve=named.__getitem__))
        sink = RecordingSink()
        async with ensemble.open(STREAM, virtual_call(sink)) as reply, aclosing(aiter_of(reply)) as pieces:
            await anext(pieces)
            await asyncio.sleep(5)
            ahead = len(sink.of(BranchDelta))
            rest = [piece async for piece in pieces]
        return ahead, len(rest)

    ahead, rest = run_virtual(main())
    assert ahead < 100
    assert rest == 499


async def aiter_of(reply: Reply) -> AsyncGenerator[str]:
    async for delta in reply:
        if delta.text:
            yield delta.text


def test_of_a_reviewed_synthesis_only_the_text_streams_not_the_reviews_nor_its_sources() -> None:
    texts = ("The sea is wide and blue.", "Salt water covers most of it.")
    named: dict[str, Model] = {name: Ranker(name, text) for name, text in zip("ab", texts, strict=True)}
    named["writer"] = ScriptedModel(
        "writer", spoken(1, "Wide", " and salty."), ScriptedAnswer(text='{"parts": {"1": ["A", "B"]}}', delay_s=5)
    )
    members = (Member(model="a"), Member(model="b"))
    pieces, completion = run_virtual(
        read(
            named,
            members=members,
            kind=Kind.PROSE,
            select=Select.SYNTHESIS,
            synthesis=Synthesis.RANK_THEN_FUSE,
            synthesiser="writer",
            provenance=True,
        )
    )
    assert pieces == [("Wide", 1.0), (" and salty.", 2.0)]
    assert completion.text == "Wide and salty."
    assert result_of(completion).provenance.basis is Basis.REPORTED


def test_a_vote_on_fields_streams_as_one_piece() -> None:
    named = models(a='{"x": 1}', b='{"x": 1}', c='{"x": 2}')
    pieces, completion = run_virtual(read(named, select=Select.FIELD_VOTE))
    assert [text for text, _ in pieces] == ['{"x": 1}'] == [completion.text]
