import pytest

from quorate.consensus import Answer, Kind, Panel, ToolCallText, agreement, extract

ROME = ToolCallText("get_weather", '{"city": "Rome", "days": 3}')


def calls(*made: ToolCallText, text: str = "") -> Answer:
    return Answer(text=text, tool_calls=made)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("red, blue and green", "red, blue, green"),
        ("- Red\n- Blue\n  - dark\n- Green", "Red, Blue, Green"),
        ("1. **Red** \u2013 the colour of the door of the house\n2. Blue", "Red, Blue"),
        ("The colours are red, blue, and green.", "red, blue, green"),
        ('["red", "blue"]', "red, blue"),
        ('{"colours": ["red", "blue"]}', "red, blue"),
        ("Here you are:\nred\nblue", "red, blue"),
        ("red", "red"),
        ("red, red, blue", "red, blue"),
        ("1,000 and 2,000", "1,000, 2,000"),
        ("The door is red because somebody painted it in the summer of that year.", None),
        ('{"a": [{"b": 1}]}', None),
    ],
)
def test_a_list_is_read(text: str, items: str | None) -> None:
    assert extract("List the colours.", text, Kind.LIST) == items


def test_lists_are_sets_unless_the_question_asks_for_an_order() -> None:
    answers = [Answer(text="red, blue, green"), Answer(text="green, blue, red")]
    assert agreement("List the colours.", answers).score == 1.0
    ordered = agreement("List the colours in the order of the rainbow.", answers)
    assert (ordered.kind, ordered.score) == (Kind.LIST, 0.5)
    assert ordered.pairs[0].guards == ("order",)


def test_lists_that_differ_score_their_f1_below_the_stop_line() -> None:
    answers = [Answer(text="a1, b2, c3, d4"), Answer(text="a1, b2, c3"), Answer(text="a1, x, y, z")]
    pairs = agreement("List the names.", answers).pairs
    assert [round(pair.score, 3) for pair in pairs] == [0.6, 0.25, round(2 / 7, 3)]


def test_calls_agree_up_to_the_writing_of_their_arguments() -> None:
    same = calls(ToolCallText("get_weather", '{"days":3.0,"city":"Rome","unit":null}'), text="One moment.")
    found = agreement("What is the weather?", [calls(ROME), same])
    assert (found.kind, found.score, found.method) == (Kind.TOOL_CALL, 1.0, "extracted")
    assert found.clusters[0].answer == 'get_weather({"city":"Rome","days":3})'


def test_calls_of_one_reply_are_a_multiset() -> None:
    other = ToolCallText("get_weather", '{"city": "Bari"}')
    assert agreement("", [calls(ROME, other), calls(other, ROME)]).score == 1.0
    assert agreement("", [calls(ROME, ROME), calls(ROME)]).score == 0.5
    assert agreement("", [calls(ROME, other), calls(ROME)]).pairs[0].score == 0.6


def test_a_call_and_a_text_never_agree() -> None:
    found = agreement("What is the weather?", [calls(ROME), Answer(text="It is sunny in Rome."), Answer(text="")])
    assert found.kind is not Kind.TOOL_CALL
    assert max(cluster.share for cluster in found.clusters) == pytest.approx(1 / 3)
    assert found.pairs[0].guards == ("tool_call",)


def test_a_call_that_nothing_can_run_abstains() -> None:
    broken = calls(ToolCallText("get_weather", '{"city": "Rome"'))
    found = agreement("", [calls(ROME), calls(ROME), calls(ROME), calls(ROME), broken])
    assert (found.kind, found.score, found.abstentions) == (Kind.TOOL_CALL, 0.8, (4,))


def test_programs_that_differ_are_the_same_if_the_caller_s_test_says_so() -> None:
    one, other = "```python\ndef f(n):\n    return n * 2\n```", "```python\ndef f(n):\n    return n + n\n```"
    answers = [Answer(text=one), Answer(text=other)]
    asked: list[tuple[str, str]] = []

    def same_code(first: str, second: str) -> bool:
        asked.append((first, second))
        return all("def f" in program for program in (first, second))

    assert agreement("Write a function.", answers).score == 0.5
    assert agreement("Write a function.", answers, same_code=same_code).score == 1.0
    assert len(asked) == 1
    assert agreement("Write a function.", answers, same_code=lambda _one, _other: False).score == 0.5


def test_one_field_of_five_contradicts_unless_key_fields_say_what_counts() -> None:
    one = '{"id": 7, "paid": true, "city": "Rome", "items": 3, "gift": false}'
    other = one.replace("true", "false")
    answers = [Answer(text=one), Answer(text=other)]
    found = agreement("Extract the order.", answers)
    assert (found.pairs[0].score, found.pairs[0].guards) == (0.6, ("value",))
    assert agreement("Extract the order.", answers, key_fields=["id", "city"]).score == 1.0
    wider = Answer(text=one[:-1] + ', "note": "checked"}')
    assert agreement("Extract the order.", [answers[0], wider]).score == 1.0


def test_a_judged_pair_is_explained_with_both_scores() -> None:
    panel = Panel("Which colour?")
    panel.add(0, Answer(text="red"))
    panel.add(1, Answer(text="red and blue"))
    before = panel.agreement().explain()
    panel.judge(0, 1, 1.0)
    after = panel.agreement().explain()
    pair = {"first": 0, "second": 1, "kind": "short", "answers": ["red", "red and blue"], "guards": ["extra"]}
    assert before["pairs"] == [
        pair | {"score": 0.5, "judged": False, "judge_score": None, "compared_score": 0.5},
    ]
    judged: dict[str, object] = {
        "score": 1.0,
        "judged": True,
        "judge_score": 1.0,
        "compared_score": 0.5,
        "cached": False,
        "verdicts": [],
    }
    assert after["pairs"] == [pair | judged]


@pytest.mark.parametrize(
    ("prompt", "one", "other", "same"),
    [
        ("What is the capital of France?", "Paris", "Paris, Texas", False),
        ("What is the capital of France?", "Paris", "Paris, France", True),
        ("What is the capital of France?", "Paris", "The capital of France is Paris", True),
        ("Which colour?", "red", "red and blue", False),
        ("Which colours?", "red, blue", "red, blue and green", False),
        ("Which colour?", "red", "red, because it is a warning", True),
        ("Which colour?", "red", "Red. It was chosen by the mayor.", True),
        ("Which colour?", "red", "The colour of the door is red.", True),
    ],
)
def test_a_longer_short_answer_agrees_if_it_only_explains(prompt: str, one: str, other: str, same: bool) -> None:
    found = agreement(prompt, [Answer(text=one), Answer(text=other)])
    assert (found.score == 1.0) is same
    assert found.pairs[0].score >= 0.3
