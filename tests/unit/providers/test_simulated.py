"""Simulated models: labelled, reproducible, as accurate and as faulty as told, and charged on every path."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest

from quorate.consensus import (
    Answer,
    Kind,
    LabelledAnswer,
    PromptMessage,
    agreement,
    attribution_messages,
    pair_judge_messages,
    parse_attribution,
    parse_pair_verdict,
    parse_ranking,
    parse_selection,
    ranking_messages,
    selection_messages,
    synthesis_messages,
)
from quorate.core.clock import ManualClock
from quorate.core.errors import (
    BudgetSpent,
    DeadlineExceeded,
    Failure,
    Filtered,
    InvalidRequest,
    Malformed,
    Misconfigured,
    ProviderError,
    QuorateError,
    Rejected,
    Unavailable,
)
from quorate.model import Call, Completion, Delta, complete, new_call
from quorate.model.event import Warned
from quorate.providers.estimate import estimate_prompt_tokens
from quorate.providers.simulated import (
    Fault,
    Question,
    QuestionBank,
    SimulatedFailure,
    SimulatedModel,
    SimulatedProfile,
    default_profiles,
)
from quorate.providers.simulated_bank import built_in_questions
from quorate.providers.simulated_run import split_tokens
from quorate.testing import RecordingSink, VirtualClock, run_virtual
from quorate.wire.chat import ChatRequest, Message, StreamOptions, user_request
from quorate.wire.stream import Joiner

CAPITAL = "What is the capital of France?"
ESSAY = "Compare trains and planes."
PROFILE = SimulatedProfile(name="sim", latency_s=1.0, tokens_per_s=10.0, price=default_profiles()[0].price)


def virtual_call(seed: int = 1, **fields: object) -> Call:
    return new_call(clock=VirtualClock(), seed=seed, **fields)  # pyright: ignore[reportArgumentType] - passed through


def streamed(request: ChatRequest) -> ChatRequest:
    return msgspec.structs.replace(request, stream=True)


def failing(kind: Fault, **fields: object) -> SimulatedModel:
    failure = SimulatedFailure(kind=kind, **{"probability": 1.0, **fields})  # pyright: ignore[reportArgumentType] - ditto
    return SimulatedModel(replace(PROFILE, failures=(failure,)))


def ask(model: SimulatedModel, prompt: str | ChatRequest, call: Call | None = None) -> Completion:
    request = user_request(prompt) if isinstance(prompt, str) else prompt

    async def main() -> Completion:
        return await complete(model, request, call or virtual_call())

    return run_virtual(main())


async def read_into(texts: list[str], model: SimulatedModel, request: ChatRequest, call: Call) -> None:
    """What was read stays readable when the reading fails."""
    async with model.open(request, call) as reply:
        async for delta in reply:
            texts.append(delta.text)  # noqa: PERF401 - a comprehension would lose what came before an error


def test_everything_is_labelled_as_simulated() -> None:
    async def main() -> tuple[list[Delta], Completion]:
        async with SimulatedModel(PROFILE).open(streamed(user_request(CAPITAL)), virtual_call()) as reply:
            return [delta async for delta in reply], await reply.completion()

    deltas, completion = run_virtual(main())
    assert completion.metadata == {"simulated": True}
    assert (completion.provider, completion.model) == ("simulated", "sim")
    assert completion.response.extra == {"simulated": True}
    assert all(delta.chunk.extra == {"simulated": True} for delta in deltas)
    assert "simulated" in ask(SimulatedModel(PROFILE), ESSAY).text


@pytest.mark.parametrize("question", built_in_questions(), ids=lambda question: question.prompt[:40])
def test_right_wordings_agree_and_mistakes_do_not(question: Question) -> None:
    for wordings in (question.right, *question.wrong):
        assert agreement(question.prompt, [Answer(text=text) for text in wordings]).score == 1.0, wordings
    for mistake in question.wrong:
        for text in mistake:
            assert agreement(question.prompt, [Answer(text=question.right[0]), Answer(text=text)]).score == 0.5, text


def test_the_bank_covers_the_kinds_of_answers() -> None:
    assert len(built_in_questions()) >= 30
    topics = Counter(question.topic for question in built_in_questions())
    assert set(topics) == {"fact", "arithmetic", "choice", "yes_no", "code", "json"}
    first = {question.topic: question for question in reversed(built_in_questions())}
    kinds = {topic: agreement(q.prompt, [Answer(text=t) for t in q.right]).kind for topic, q in first.items()}
    expected = {"choice": Kind.CHOICE, "arithmetic": Kind.NUMBER, "yes_no": Kind.BOOLEAN, "code": Kind.CODE}
    assert {topic: kinds[topic] for topic in expected} == expected
    assert kinds["json"] == Kind.JSON


def test_a_question_is_found_in_other_words_around_it() -> None:
    bank = QuestionBank.built_in()
    found = bank.find(f"Please answer briefly.\n\n{CAPITAL.upper()}  ")
    assert found is not None
    assert found.prompt == CAPITAL
    assert bank.find("What is the capital of Atlantis?") is None
    assert bank.find(CAPITAL + "x" * 10_000) is None


def test_added_knowledge_is_answered_with_plausible_mistakes() -> None:
    knowledge = {"Our code word?": "heron", "Our other code word?": "finch", "How many of us?": "12"}
    always = SimulatedModel(replace(PROFILE, knowledge=knowledge, accuracy=1.0))
    never = SimulatedModel(replace(PROFILE, knowledge=knowledge, accuracy=0.0))
    assert "heron" in ask(always, "Our code word?").text
    assert "heron" not in ask(never, "Our code word?").text
    assert "12" in ask(always, "How many of us?").text
    assert "13" in ask(never, "How many of us?").text or "11" in ask(never, "How many of us?").text
    lonely = SimulatedModel(replace(PROFILE, knowledge={"Our code word?": "heron"}, accuracy=0.0))
    assert "Not heron" in ask(lonely, "Our code word?").text


def test_the_same_seed_gives_the_same_answer_at_the_same_time() -> None:
    def timed(seed: int, name: str = "sim") -> tuple[str, float]:
        async def main() -> tuple[str, float]:
            call = virtual_call(seed)
            profile = replace(PROFILE, name=name, latency_sigma=0.5, accuracy=0.5)
            completion = await complete(SimulatedModel(profile), user_request(CAPITAL), call)
            return completion.text + completion.response.id, call.at_s

        return run_virtual(main())

    assert timed(1) == timed(1)
    assert len({timed(seed) for seed in range(8)}) == 8
    assert timed(1) != timed(1, "sim-other")


def test_different_questions_of_one_call_are_drawn_apart() -> None:
    model = SimulatedModel(replace(PROFILE, accuracy=0.5))
    bank = QuestionBank.built_in()
    right = sum(ask(model, question.prompt).text in question.right for question in bank.questions)
    assert 5 <= right <= len(bank.questions) - 5


@pytest.mark.parametrize(("accuracy", "low", "high"), [(0.0, 0, 0), (0.7, 235, 325), (1.0, 400, 400)])
def test_accuracy_is_the_share_of_right_answers(accuracy: float, low: int, high: int) -> None:
    model = SimulatedModel(replace(PROFILE, accuracy=accuracy, time_scale=0.0))
    question = QuestionBank.built_in().find(CAPITAL)
    assert question is not None

    async def main() -> int:
        texts = [(await complete(model, user_request(CAPITAL), virtual_call(seed))).text for seed in range(400)]
        return sum(text in question.right for text in texts)

    assert low <= run_virtual(main()) <= high


def test_accuracy_by_topic_replaces_the_general_one() -> None:
    model = SimulatedModel(replace(PROFILE, accuracy=0.0, accuracy_by_topic={"fact": 1.0}))
    assert "Paris" in ask(model, CAPITAL).text
    assert "391" not in ask(model, "What is 17 * 23?").text


def test_shared_error_makes_mistakes_coincide() -> None:
    base = replace(PROFILE, accuracy=0.0, time_scale=0.0)

    def common(shared_error: float) -> int:
        async def main() -> int:
            texts: list[str] = []
            for number in range(200):
                profile = replace(base, name=f"sim-{number}", shared_error=shared_error)
                texts.append((await complete(SimulatedModel(profile), user_request(CAPITAL), virtual_call())).text)
            return sum("Lyon" in text for text in texts)

        return run_virtual(main())

    assert common(1.0) == 200
    assert 70 <= common(0.0) <= 130


def test_times_are_latency_then_tokens_at_the_rate() -> None:
    async def main(*, stream: bool) -> tuple[list[float], int]:
        call, times = virtual_call(), list[float]()
        request = user_request(ESSAY)
        async with SimulatedModel(PROFILE).open(streamed(request) if stream else request, call) as reply:
            async for _ in reply:
                times.append(call.at_s)
            return times, (await reply.completion()).usage.completion_tokens

    times, tokens = run_virtual(main(stream=True))
    assert times[0] == pytest.approx(1.2)  # three tokens: the first after 1 s, the others 0.1 s apart
    assert times[-1] == pytest.approx(1.0 + (tokens) / 10)
    assert all(later >= earlier for earlier, later in pairwise(times))
    assert len(times) == -(-tokens // 3) + 1
    (whole,), same = run_virtual(main(stream=False))
    assert same == tokens
    assert whole == pytest.approx(1.0 + (tokens - 1) / 10)


def test_streamed_pieces_join_to_the_whole_answer() -> None:
    request = msgspec.structs.replace(
        user_request(ESSAY), stream=True, n=3, stream_options=StreamOptions(include_usage=True)
    )

    async def main() -> tuple[Joiner, Completion]:
        joiner = Joiner()
        async with SimulatedModel(PROFILE).open(request, virtual_call()) as reply:
            async for delta in reply:
                joiner.add(delta.chunk)
            return joiner, await reply.completion()

    joiner, completion = run_virtual(main())
    assert joiner.finished
    assert joiner.response() == completion.response
    assert [choice.index for choice in completion.response.choices] == [0, 1, 2]
    tokens = sum(len(split_tokens(choice.message.text)) for choice in completion.response.choices)
    assert completion.usage.completion_tokens == tokens


def test_the_output_limit_cuts_the_answer() -> None:
    completion = ask(SimulatedModel(PROFILE), msgspec.structs.replace(user_request(ESSAY), max_tokens=4))
    assert (completion.finish_reason, completion.usage.completion_tokens) == ("length", 4)


@pytest.mark.parametrize("fields", [{"n": 0}, {"n": 1000}, {"max_tokens": 0}])
def test_impossible_requests_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match="use 1"):
        ask(SimulatedModel(PROFILE), msgspec.structs.replace(user_request(CAPITAL), **fields))


def test_success_is_charged_exactly() -> None:
    call = new_call(clock=ManualClock(), seed=1)
    completion = ask(SimulatedModel(PROFILE), CAPITAL, call)
    assert PROFILE.price is not None
    assert call.budget.spend.usage == completion.usage
    assert completion.usage.prompt_tokens == estimate_prompt_tokens(user_request(CAPITAL))
    assert call.budget.spend.known_microusd == completion.cost_microusd == PROFILE.price.cost_microusd(completion.usage)
    assert not call.budget.spend.estimated


EXPECTED = [
    (Fault.OVERLOAD, Unavailable, Failure.OVERLOAD, 429),
    (Fault.TRANSIENT, Unavailable, Failure.TRANSIENT, 500),
    (Fault.REFUSED_CONNECTION, Unavailable, Failure.TRANSIENT, None),
    (Fault.SILENCE, Unavailable, Failure.SILENCE, None),
    (Fault.CUT_STREAM, Unavailable, Failure.CUT_STREAM, 200),
    (Fault.MALFORMED, Malformed, Failure.MALFORMED, 200),
    (Fault.CONTENT_REFUSAL, Filtered, Failure.CONTENT_REFUSAL, 400),
    (Fault.CONTEXT_LENGTH, Rejected, Failure.CONTEXT_LENGTH, 400),
    (Fault.AUTHENTICATION, Rejected, Failure.AUTHENTICATION, 401),
    (Fault.QUOTA, Rejected, Failure.QUOTA, 429),
]


def test_every_fault_is_expected_here() -> None:
    assert {row[0] for row in EXPECTED} == set(Fault)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "error", "failure", "status"), EXPECTED)
def test_faults_raise_what_an_endpoint_would(
    kind: Fault, error: type[ProviderError], failure: Failure, status: int | None, *, stream: bool
) -> None:
    call = new_call(clock=ManualClock(), seed=1)
    request = streamed(user_request(CAPITAL)) if stream else user_request(CAPITAL)
    with pytest.raises(error, match="simulated") as caught:
        ask(failing(kind), request, call)
    raised = caught.value
    assert (raised.failure, raised.upstream_status, raised.model, raised.provider) == (
        failure,
        status,
        "sim",
        "simulated",
    )
    paid = kind in {Fault.SILENCE, Fault.CUT_STREAM, Fault.MALFORMED}
    assert (call.budget.spend.known_microusd > 0) == paid
    assert call.budget.spend.estimated == paid


def test_overload_says_how_long_to_wait() -> None:
    with pytest.raises(Unavailable) as caught:
        ask(failing(Fault.OVERLOAD, retry_after_s=7.0), CAPITAL)
    assert caught.value.retry_after_s == 7.0


def test_a_cut_stream_gives_what_came_before_and_charges_it() -> None:
    async def main() -> tuple[str, Call]:
        call, texts = virtual_call(), list[str]()
        model = failing(Fault.CUT_STREAM, after_tokens=6)
        with pytest.raises(Unavailable):
            await read_into(texts, model, streamed(user_request(ESSAY)), call)
        return "".join(texts), call

    text, call = run_virtual(main())
    assert len(split_tokens(text)) == 6 == call.budget.spend.usage.completion_tokens


def test_silence_lasts_as_long_as_told() -> None:
    async def main() -> float:
        call = virtual_call()
        with pytest.raises(Unavailable):
            await complete(failing(Fault.SILENCE, silence_s=30.0), user_request(CAPITAL), call)
        return call.at_s

    assert run_virtual(main()) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"first_n": 2}, [False, False, True, True, True, True]),
        ({"every_nth": 3}, [True, True, False, True, True, False]),
        ({"first_n": 1, "every_nth": 2}, [False, False, True, False, True, False]),
    ],
)
def test_counted_faults(when: dict[str, int], expected: list[bool]) -> None:
    model = failing(Fault.TRANSIENT, **{"probability": 0.0, **when})

    def answers() -> bool:
        try:
            ask(model, CAPITAL)
        except QuorateError:
            return False
        return True

    assert [answers() for _ in expected] == expected


def test_a_retry_in_the_same_call_draws_again() -> None:
    model = failing(Fault.TRANSIENT, probability=0.5)

    async def main() -> set[bool]:
        call, outcomes = virtual_call(), set[bool]()
        for _ in range(30):
            try:
                await complete(model, user_request(CAPITAL), call)
            except Unavailable:
                outcomes.add(False)
            else:
                outcomes.add(True)
        return outcomes

    assert run_virtual(main()) == {False, True}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.25, 2.0])
def test_cancelling_charges_the_prompt_and_what_was_sent(after_s: float, *, stream: bool) -> None:
    async def main() -> tuple[Call, str]:
        call, texts = virtual_call(), list[str]()
        request = streamed(user_request(ESSAY)) if stream else user_request(ESSAY)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(after_s):
                await read_into(texts, SimulatedModel(PROFILE), request, call)
        return call, "".join(texts)

    call, text = run_virtual(main())
    spend = call.budget.spend
    if after_s:
        assert spend.estimated
        assert spend.usage.prompt_tokens == estimate_prompt_tokens(user_request(ESSAY))
    assert spend.usage.completion_tokens == len(split_tokens(text))
    assert bool(text) == (stream and after_s > 1.2)


def test_leaving_a_stream_early_charges_once() -> None:
    async def main() -> Call:
        call = virtual_call()
        async with SimulatedModel(PROFILE).open(streamed(user_request(ESSAY)), call) as reply:
            await anext(reply)
        return call

    spend = run_virtual(main()).budget.spend
    assert (spend.usage.completion_tokens, spend.estimated) == (3, True)


@pytest.mark.parametrize("timeout_s", [0.2, 1.5])
def test_the_deadline_ends_the_answer(timeout_s: float) -> None:
    async def main() -> Call:
        call = virtual_call(timeout_s=timeout_s)
        with pytest.raises(DeadlineExceeded, match="'sim'"):
            await complete(SimulatedModel(PROFILE), streamed(user_request(ESSAY)), call)
        assert call.at_s == pytest.approx(timeout_s)
        return call

    assert run_virtual(main()).budget.spend.estimated


def test_nothing_is_asked_after_the_deadline_or_without_money() -> None:
    late = ManualClock()
    call = new_call(clock=late, timeout_s=1)
    late.advance(2)
    with pytest.raises(DeadlineExceeded):
        ask(SimulatedModel(PROFILE), CAPITAL, call)
    with pytest.raises(BudgetSpent):
        ask(SimulatedModel(PROFILE), CAPITAL, new_call(clock=ManualClock(), limit_microusd=0))


def test_a_prompt_longer_than_the_window_is_rejected() -> None:
    with pytest.raises(Rejected, match="shorten") as caught:
        ask(SimulatedModel(replace(PROFILE, context_window=10)), "word " * 100)
    assert caught.value.failure is Failure.CONTEXT_LENGTH


def test_an_unknown_price_is_unknown_and_warned_of_once() -> None:
    sink = RecordingSink()

    async def main() -> Completion:
        call, model = virtual_call(sink=sink), SimulatedModel(replace(PROFILE, price=None))
        await complete(model, user_request(CAPITAL), call)
        return await complete(model, user_request(CAPITAL), call)

    assert run_virtual(main()).cost_microusd is None
    assert [event.code for event in sink.of(Warned)] == ["unknown_price"]


def test_the_responder_goes_first() -> None:
    model = SimulatedModel(PROFILE, responder=lambda request, _: "seen" if request.prompt_text == ESSAY else None)
    assert ask(model, ESSAY).text == "seen"
    assert ask(model, CAPITAL).text != "seen"


def test_json_is_given_where_json_is_asked_for() -> None:
    request = msgspec.structs.replace(user_request(ESSAY), response_format={"type": "json_object"})
    assert json.loads(ask(SimulatedModel(PROFILE), request).text)["simulated"] is True


def helper_request(messages: tuple[PromptMessage, ...]) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role=each.role, content=each.content) for each in messages))


ANSWERS = (LabelledAnswer(label="A", text="Lyon"), LabelledAnswer(label="B", text="It is Paris."))
NONCE = "n0nce-12345678"


def test_judges_with_knowledge_choose_the_right_answer_in_both_orders() -> None:
    model = SimulatedModel(replace(PROFILE, accuracy=1.0))
    for answers in (ANSWERS, ANSWERS[::-1]):
        request = helper_request(selection_messages(CAPITAL, answers, nonce=NONCE))
        assert parse_selection(ask(model, request).text, ["A", "B"]) == "B"


def test_judges_without_knowledge_follow_the_majority() -> None:
    answers = (*ANSWERS, LabelledAnswer(label="C", text="lyon"))
    request = helper_request(selection_messages("What is the best town of all?", answers, nonce=NONCE))
    assert parse_selection(ask(SimulatedModel(PROFILE), request).text, ["A", "B", "C"]) in {"A", "C"}


@pytest.mark.parametrize(("text", "expected"), [("Paris", 1.0), ("Lyon", 0.0)])
def test_pairs_are_compared(text: str, expected: float) -> None:
    request = helper_request(pair_judge_messages(CAPITAL, text, "It is Paris.", nonce=NONCE))
    assert parse_pair_verdict(ask(SimulatedModel(PROFILE), request).text).score == expected


def test_a_synthesis_keeps_the_answer_and_lists_contradictions() -> None:
    texts = [Answer(text=answer.text) for answer in ANSWERS]
    messages = synthesis_messages(CAPITAL, ANSWERS, agreement(CAPITAL, texts), method="weighted_merge", nonce=NONCE)
    merged = ask(SimulatedModel(replace(PROFILE, accuracy=1.0)), helper_request(messages)).text
    assert merged.startswith("It is Paris.")
    assert "Open contradictions\n- It is Paris. / Lyon" in merged
    alike = (ANSWERS[1], replace(ANSWERS[1], label="C", text="Paris"))
    texts = [Answer(text=answer.text) for answer in alike]
    messages = synthesis_messages(CAPITAL, alike, agreement(CAPITAL, texts), method="best_parts", nonce=NONCE)
    assert "contradictions" not in ask(SimulatedModel(PROFILE), helper_request(messages)).text


@pytest.mark.parametrize(
    "fields",
    [
        {"accuracy": 1.5},
        {"shared_error": -0.1},
        {"accuracy_by_topic": {"fact": 2.0}},
        {"latency_s": -1.0},
        {"latency_sigma": -1.0},
        {"tokens_per_s": 0.0},
        {"time_scale": -1.0},
    ],
)
def test_impossible_profiles_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(Misconfigured, match="'sim'"):
        replace(PROFILE, **fields)


def test_impossible_failures_are_refused() -> None:
    with pytest.raises(Misconfigured, match="never happen"):
        SimulatedFailure(kind=Fault.OVERLOAD)
    with pytest.raises(Misconfigured, match="0 to 1"):
        SimulatedFailure(kind=Fault.OVERLOAD, probability=2.0)


def test_the_default_models_differ_in_speed_price_and_accuracy() -> None:
    profiles = default_profiles()
    assert [profile.name for profile in profiles] == ["sim-atlas", "sim-birch", "sim-cedar", "sim-delta", "sim-ember"]
    for earlier, later in pairwise(profiles):
        assert earlier.latency_s < later.latency_s
        assert earlier.tokens_per_s > later.tokens_per_s
        assert earlier.accuracy < later.accuracy
        assert earlier.price is not None
        assert later.price is not None
        assert earlier.price.output_microusd_per_mtok < later.price.output_microusd_per_mtok
    assert all("simulated" in profile.description for profile in profiles)


async def test_time_scale_shortens_real_waiting() -> None:
    call = new_call(seed=1)
    await complete(SimulatedModel(replace(PROFILE, time_scale=0.001)), user_request(CAPITAL), call)
    assert call.at_s < 0.5
    call = new_call(seed=1)
    await complete(SimulatedModel(PROFILE, time_scale=0.0), streamed(user_request(ESSAY)), call)
    assert call.at_s < 0.5


def test_reviewers_rank_what_agrees_with_the_truth_first() -> None:
    answers = (*ANSWERS, LabelledAnswer(label="C", text="Paris"))
    request = helper_request(ranking_messages(CAPITAL, answers, nonce=NONCE))
    reply = ask(SimulatedModel(replace(PROFILE, accuracy=1.0)), request).text
    assert parse_ranking(reply, ["A", "B", "C"]) == ("B", "C", "A")


def test_a_part_is_attributed_to_the_answers_that_say_it() -> None:
    request = helper_request(attribution_messages(CAPITAL, ANSWERS, ["Paris", "Rome"], nonce=NONCE))
    assert parse_attribution(ask(SimulatedModel(PROFILE), request).text, ["A", "B"], 2) == (("B",), ())
