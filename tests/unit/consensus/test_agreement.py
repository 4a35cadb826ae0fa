import json
import math
import random
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import grows_at_most
from quorate.consensus import Abstention, Agreement, Answer, Kind, Panel, agreement
from quorate.core.errors import InvalidRequest

REPLIES = st.sampled_from(
    [
        "Paris.",
        "The capital of France is Paris",
        "It is Lyon.",
        "Yes.",
        "No, because it is small",
        "$1,200.00",
        "1200 dollars",
        "The answer is (B).",
        "use tabs",
        "do not use tabs",
        '{"a": 1, "b": [1, 2]}',
        "```python\ndef f(a):\n    return a + 1\n```",
        "I'm sorry, but I can't help with that.",
        "",
        "<think>hm</think>42",
        "The sea is wide. It is deep. Many fish live in it, and ships cross it every day of the year.",
    ]
)
TEXTS = st.one_of(REPLIES, st.text(max_size=120))


def measured(prompt: str, *texts: str, kind: Kind | None = None) -> Agreement:
    return agreement(prompt, [Answer(text=text) for text in texts], kind=kind)


def test_numbers_beyond_every_float_are_the_same_as_they_are_written() -> None:
    assert measured("How many?", "It is 1e400 in all.", "1e400").score == 1.0
    assert measured("How many?", "1e400", "1e500").score == 0.5
    assert measured("How many?", "-1e400", "1e400").score == 0.5
    assert measured("How far?", "1e400 km", "1e400 miles").score == 0.5
    assert measured("How far?", "1e400 km", "1e400 km").score == 1.0


@pytest.mark.parametrize(
    ("prompt", "one", "other"),
    [
        ("What is the capital of France?", "Paris.", "The capital of France is Paris"),
        ("Is the sky blue?", "Yes.", "Yes, because short waves scatter more."),
        ("", "Yes.", "Yes, because short waves scatter more."),
        ("How much is it?", "$1,200.00", "1200 dollars"),
        ("", "$1,200.00", "1200 dollars"),
        ("How far is it?", "5 km", "5000 m"),
        ("What is one half?", "0.5", "\\boxed{\\frac{1}{2}}"),
        ("Is the earth flat?", "No.", "The earth is not flat."),
        ("Is 17 prime?", "True", "17 is a prime number."),
        ("Translate 'dog'.", '"chien"', "It is chien in French."),
        ("How hot is it?", "100 \u00b0C", "100 degrees Celsius"),
        ("How many people live there?", "About 68 million", "68,000,000"),
        ("Describe it.", "a mammal that people keep", "a mammal kept by people"),
        ("Differentiate it.", "2x", "\\(2x\\)"),
        ("Name the town.", "Sure, here is the answer: Paris", "<think>Lyon?</think>Paris. I hope this helps!"),
        ("Extract it.", '{"a": 1, "b": ["x", "y"]}', '```json\n{"b": ["X", "y"], "a": 1.0}\n```'),
    ],
)
def test_says_the_same(prompt: str, one: str, other: str) -> None:
    result = measured(prompt, one, other)
    assert result.score == 1.0
    assert result.agreed


@pytest.mark.parametrize(
    ("prompt", "one", "other"),
    [
        ("What is the capital of France?", "The capital of France is Paris.", "The capital of France is Lyon."),
        ("Is the sky blue?", "Yes, it is.", "No, it is not."),
        ("", "Yes.", "No."),
        ("How should I indent?", "use tabs", "do not use tabs"),
        ("Tabs or spaces?", "Tabs, because everybody can set a width", "Spaces, because everybody can set a width"),
        ("Which is bigger, Earth or Mars?", "Earth is bigger, it has more mass", "Mars is bigger, it has more mass"),
        ("Who won?", "Alice beats Bob", "Bob beats Alice"),
        ("How do I sort?", "from left to right", "from right to left"),
        ("How much is it?", "$1,200", "\u20ac1,200"),
        ("How far is it?", "5 km", "5 miles"),
        ("When was it?", "in 1969", "in 1970"),
        ("Was it before 1900?", "It was before 1900", "It was after 1900"),
        ("Differentiate it.", "2x", "x^2"),
        ("How hot is it?", "100 \u00b0C", "100 \u00b0F"),
        ("The switch?", "turn it on", "turn it off"),
        ("Sum up.", "The talk moved to noon, the room was full", "The talk was cancelled, the room was full"),
        ("Is it safe?", "It is safe to eat", "It is unsafe to eat"),
        ("Describe it.", "running, jumped, stopped", "sleeping, eating, resting"),
    ],
)
def test_contradicts(prompt: str, one: str, other: str) -> None:
    result = measured(prompt, one, other)
    assert result.score == 0.5
    assert len(result.clusters) == 2
    assert max(pair.score for pair in result.pairs) < 0.7


def test_two_long_essays_that_differ_stay_below_the_line_until_a_judge_confirms() -> None:
    first = "The sea is wide and deep, and many fish live in it. " * 14
    second = first + "Ships cross it every day of the year."
    panel = Panel("Describe the sea.")
    panel.add(0, Answer(text=first))
    panel.add(1, Answer(text=second))
    before = panel.agreement()
    assert before.kind is Kind.PROSE
    assert before.pairs[0].score <= 0.6
    assert "length" in before.pairs[0].guards
    panel.judge(1, 0, 1.0)
    assert panel.agreement().score == 1.0
    assert panel.agreement().method == "judged"
    assert panel.agreement().pairs[0].judged


def test_abstentions_count_below_the_line_and_never_win() -> None:
    refusal = "I'm sorry, but I can't help with that."
    answers = [Answer(text=refusal), Answer(text=refusal), Answer(text="Paris"), Answer(text="", name="mute")]
    result = agreement("What is the capital of France?", answers)
    assert result.leader is not None
    assert result.leader.members == (2,)
    assert result.score == 0.25
    assert result.abstentions == (0, 1, 3)
    assert [reason.reason for reason in result.reasons] == [Abstention.REFUSAL, Abstention.REFUSAL, Abstention.EMPTY]


def test_a_truncated_answer_abstains() -> None:
    answers = [Answer(text="Paris"), Answer(text="Paris", complete=False)]
    assert agreement("Capital of France?", answers).score == 0.5


def test_all_refusing_is_an_agreement_to_refuse() -> None:
    result = measured("Do harm", "I can't help with that.", "I cannot assist with that request.")
    assert result.score == 1.0
    assert result.method == "refusal"
    assert result.leader is not None
    assert result.leader.answer == ""


def test_nothing_received_agrees_on_nothing() -> None:
    empty = agreement("x", [])
    assert (empty.score, empty.clusters, empty.leader, empty.agreed) == (0.0, (), None, False)
    assert measured("x", "", "").score == 0.0


def test_a_reply_without_the_kind_of_answer_abstains() -> None:
    replies = ["4", "The answer is 4", "4.0", "\\boxed{4}", "Let us think about it"]
    result = measured("How many legs has a dog?", *replies)
    assert result.kind is Kind.NUMBER
    assert result.score == 0.8
    assert result.abstentions == (4,)


def test_weights_decide_and_the_medoid_is_the_best_weighted_member() -> None:
    answers = [Answer(text="4"), Answer(text="four"), Answer(text="The answer is 5", weight=3.0), Answer(text="5")]
    result = agreement("How many legs has a dog?", answers)
    assert result.leader is not None
    assert result.leader.members == (2, 3)
    assert result.leader.medoid == 2
    assert result.leader.share == pytest.approx(4 / 6)
    assert result.leader.answer == "5"


def test_weights_of_zero_score_zero() -> None:
    assert agreement("x", [Answer(text="a", weight=0.0)]).score == 0.0


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_a_weight_that_is_no_vote_is_refused(weight: float) -> None:
    with pytest.raises(InvalidRequest, match="weight"):
        agreement("x", [Answer(text="a", weight=weight)])


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5, math.nan])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(InvalidRequest, match="threshold"):
        Panel("x", threshold=threshold)


def test_explain_is_json_and_names_guards_and_answers() -> None:
    answers = [Answer(text="use tabs", name="a"), Answer(text="do not use tabs", name="b")]
    explained = agreement("How should I indent?", answers).explain()
    text = json.dumps(explained)
    assert '"polarity"' in text
    assert '"name": "a"' in text
    assert explained["calibrated"] is False


@given(st.lists(TEXTS, min_size=1, max_size=6), st.randoms(use_true_random=False), st.sampled_from(["", "How many?"]))
def test_the_order_of_arrival_does_not_matter(texts: list[str], rng: random.Random, prompt: str) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    panel = Panel(prompt)
    for index in order:
        panel.add(index, Answer(text=texts[index]))
        panel.agreement()
    assert panel.agreement() == measured(prompt, *texts)


@given(st.lists(TEXTS, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_panel_changes_no_cluster(texts: list[str], rng: random.Random) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    straight, shuffled = measured("", *texts), measured("", *(texts[index] for index in order))
    assert straight.score == shuffled.score
    assert straight.kind == shuffled.kind

    def contents(result: Agreement, source: list[str]) -> list[list[str]]:
        return [sorted(source[member] for member in cluster.members) for cluster in result.clusters]

    assert contents(straight, texts) == contents(shuffled, [texts[index] for index in order])


@given(TEXTS, TEXTS, st.one_of(st.none(), st.sampled_from(Kind)), st.sampled_from(["", "A or B?\nA. x\nB. y"]))
def test_pair_scores_are_symmetric_and_in_range(one: str, other: str, kind: Kind | None, prompt: str) -> None:
    forth, back = measured(prompt, one, other, kind=kind), measured(prompt, other, one, kind=kind)
    assert [pair.score for pair in forth.pairs] == [pair.score for pair in back.pairs]
    assert all(0.0 <= pair.score <= 1.0 for pair in forth.pairs)
    assert 0.0 <= forth.score <= 1.0


@given(TEXTS, st.sampled_from(Kind))
def test_a_reply_agrees_with_itself_or_abstains(text: str, kind: Kind) -> None:
    result = measured("", text, text, kind=kind)
    assert result.score == 1.0 or result.abstentions == (0, 1)


@given(st.text(max_size=300), st.lists(st.text(max_size=400), max_size=4), st.one_of(st.none(), st.sampled_from(Kind)))
def test_no_text_raises(prompt: str, texts: list[str], kind: Kind | None) -> None:
    result = measured(prompt, *texts, kind=kind)
    voted = {member for cluster in result.clusters for member in cluster.members}
    assert voted | set(result.abstentions) == set(range(len(texts)))
    assert not voted & set(result.abstentions)
    json.dumps(result.explain())


#: What comes first, what is repeated, what comes last.
HOSTILE = {
    "spaces": ("answer is", " ", ""),
    "asterisks": ("", "*", ""),
    "answers": ("", "the answer is ", ""),
    "brackets": ("", "[", ""),
    "braces": ("", "{", ""),
    "numbers": ("", "1,000,", ""),
    "digits": ("", "9", ""),
    "minus": ("", "-", "1"),
    "fences": ("", "```\n", ""),
    "boxes": ("", "\\boxed{", ""),
    "fields": ("", '{"answer": ', ""),
    "options": ("", "A. x\nB. y\n", ""),
    "from to": ("", "from a to ", ""),
    "sorry": ("", "I'm sorry, but I can't ", ""),
    "comments": ("```\n", "/*", ""),
    "here is": ("", "Sure! ", ""),
    "fractions": ("", "\\frac{1}{", ""),
    "newlines": ("", "\n", "Q"),
    "sentences": ("", "No. ", ""),
    "tags": ("", "<think>", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_length_of_a_hostile_text_and_not_with_its_square(name: str) -> None:
    head, piece, tail = HOSTILE[name]
    # 8 times the text: 64 times the time if it were the square. All of it is looked at, no limit cuts it off.
    assert grows_at_most(
        lambda length: measuring_s(head + piece * (length // len(piece)) + tail), short=4_000, long=32_000, times=24
    )


def test_the_time_for_a_prompt_of_empty_lines_grows_with_their_number_and_not_with_its_square() -> None:
    assert grows_at_most(lambda length: measuring_s("\n" * length), short=200, long=1_600, times=24)


def measuring_s(text: str) -> float:
    """CPU seconds: the neighbours of a shared machine do not count."""
    began_s = time.process_time()
    for kind in (None, *Kind):
        measured(text, text, text[:-1] + "x", kind=kind)
    return time.process_time() - began_s


def test_cannot_be_overtaken_counts_what_is_outstanding() -> None:
    panel = Panel("How many legs has a dog?")
    assert not panel.cannot_be_overtaken(0)
    for index, text in enumerate(["4", "4", "4", "5"]):
        panel.add(index, Answer(text=text))
    assert panel.cannot_be_overtaken(1)
    assert not panel.cannot_be_overtaken(2)  # a tie is not ahead
    assert panel.cannot_be_overtaken([0.5, 0.5, 0.9])
    assert not panel.cannot_be_overtaken([1.0, 1.0, 1.0])


@given(st.lists(st.sampled_from(["4", "5", "6"]), min_size=1, max_size=9), st.data())
def test_a_leader_that_cannot_be_overtaken_wins_whatever_follows(votes: list[str], data: st.DataObject) -> None:
    received = data.draw(st.integers(min_value=1, max_value=len(votes)))
    panel = Panel("How many?", kind=Kind.NUMBER)
    for index in range(received):
        panel.add(index, Answer(text=votes[index]))
    leader = panel.agreement().clusters[0].answer
    if panel.cannot_be_overtaken(len(votes) - received):
        assert measured("How many?", *votes, kind=Kind.NUMBER).clusters[0].answer == leader


def test_an_index_is_added_once() -> None:
    panel = Panel("x")
    panel.add(3, Answer(text="a"))
    with pytest.raises(InvalidRequest, match="already"):
        panel.add(3, Answer(text="b"))


@pytest.mark.parametrize(("pair", "score"), [((0, 0), 1.0), ((0, 7), 1.0), ((0, 1), 1.1)])
def test_a_judgement_needs_a_pair_and_a_score(pair: tuple[int, int], score: float) -> None:
    panel = Panel("x")
    panel.add(0, Answer(text="a"))
    panel.add(1, Answer(text="b"))
    with pytest.raises(InvalidRequest):
        panel.judge(*pair, score)


def test_key_fields_decide_alone() -> None:
    first, second = '{"id": 7, "note": "seen on Monday"}', '{"id": 7, "note": "nobody knows when"}'
    answers = [Answer(text=first), Answer(text=second)]
    assert agreement("x", answers).score == 0.5
    assert agreement("x", answers, key_fields=["id"]).score == 1.0
    assert agreement("x", answers, key_fields=["note"]).score == 0.5
    assert agreement("x", answers, key_fields=["missing"]).score == 0.5


@pytest.mark.subprocess
def test_import_needs_no_numpy() -> None:
    code = "import sys, quorate.consensus; print('numpy' in sys.modules, 'msgspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
