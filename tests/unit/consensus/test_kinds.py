import pytest

from quorate.consensus import Answer, Kind, agreement, extract

OPTIONS = "Which town?\nA. Paris\nB. Lyon\nC. Paris and Lyon"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("**B**", "B"),
        ("B. Lyon", "B"),
        ("The answer is (B).", "B"),
        ("The correct option is B because it is.", "B"),
        ("Some thought.\n\nAnswer: B", "B"),
        ("So $\\boxed{\\text{B}}$", "B"),
        ('{"reasoning": "x", "answer": "B"}', "B"),
        ("\\[\n\\text{The answer is } (B)\n\\]", "B"),
        ("Lyon", "B"),
        ("Of the three it must be (B), I am sure", "B"),
        ("Parisian", None),
        ("Paris and Lyon", "C"),
        ("I would go with option B", "B"),
        ("The answer is (A).\n\nQuestion: what else?\nThe answer is (C).", "A"),
        ("The result is stored in K. The answer is (A).\nThe final answer is:", "A"),
        ("A dog is not a town", None),
        ("The answer is a matter of taste", None),
        ("It is hard to say", None),
        ("The answer is (Z).", None),
    ],
)
def test_choice(text: str, label: str | None) -> None:
    assert extract(OPTIONS, text, Kind.CHOICE) == label


def test_choice_reads_inline_options() -> None:
    assert extract("Pick: (a) red (b) green (c) blue", "green", Kind.CHOICE) == "B"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"),
        ("$1,200.00", "1200"),
        ("1200 dollars", "1200"),
        ("USD 3.50", "3.5"),
        ("The answer is -7.", "-7"),
        ("#### 1,234", "1234"),
        ("\\boxed{\\frac{3}{4}}", "0.75"),
        ("\\boxed{\\dfrac12}", "0.5"),
        ("\\boxed{3\\sqrt{2}}", "4.242640687"),
        ("The answer is $2\\pi$", "6.283185307"),
        ("\\boxed{90^\\circ}", "90"),
        ("\\boxed{12\\text{ cm}}", "12"),
        ("3/4", "0.75"),
        ("1 1/2", "1.5"),
        ("\u00bd", "0.5"),
        ("6.02e23", "6.02e+23"),
        ("1.5 x 10^3", "1500"),
        ("1.5 \\times 10^{-2}", "0.015"),
        ("50%", "50"),
        ("So the share is \\frac{3}{4}", "0.75"),
        ("So it is -1\\frac{1}{2}", "-1.5"),
        ("\\boxed{2\\frac{1}{2}}", "2.5"),
        ("So it is \\frac{1}{0}", None),
        ("1/0", "1"),
        ("3.5 million", "3500000"),
        ("twenty-one", "21"),
        ("three hundred and five", "305"),
        ("two thousand", "2000"),
        ("1.234.567,5", "1234567.5"),
        ("3,14", "3.14"),
        ("12345678901234567890", "12345678901234567890"),
        ("x = 3 + 4 = 7", "7"),
        ('```json\n{"reasoning": "2 then 3", "answer": "5 apples"}\n```', "5"),
        ('{"reasoning": "a "quoted" word", "answer": 6}', "6"),
        ("He has 5 and gets 3.\nSo he has 5 + 3 = 8 apples in 2 bags.", "8"),
        ("Total = 4 * 9 = 36.\nShe pays $36 for 12 pots and 17 bulbs.", "36"),
        ("<think>is it 4? 5?</think>It is 6.", "6"),
        ("minus 5 degrees", "-5"),
        ("10 minus 5 is 5", "5"),
        ("6.02*10**23", "6.02e+23"),
        ("It is 1e400 in all.", "1e400"),
        ("-1e400", "-1e400"),
        ("3 x 10^999", "3e999"),
        ("0e400", "0"),
        ("9" * 400 + "/3", "9" * 400 + "/3"),
        ("3:1", None),
        ("two weeks", "2"),
        ("Cannot be determined", None),
        ("from 5 to 10", None),
        ("The answer is 5-10.", None),
        ("", None),
    ],
)
def test_number(text: str, number: str | None) -> None:
    assert extract("", text, Kind.NUMBER) == number


def test_a_conclusion_that_repeats_the_question_is_not_the_answer() -> None:
    prompt = "Allen is now 99. How old is he in 10 years?"
    assert extract(prompt, "Therefore, Allen will be 109 years old 10 years from now.", Kind.NUMBER) == "109"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1000000", "1000001", False),
        ("0.3333333", "1/3", True),
        ("5%", "0.05", True),
        ("5%", "5", True),
        ("2 hours", "120 minutes", True),
        ("2 hours", "2 minutes", False),
        ("3 kg", "3 m", False),
        ("5%", "5 kg", False),
        ("7 apples", "7 pears", True),
        ("-3", "3", False),
        ("two weeks", "two months", False),
        ("two weeks", "14 days", True),
        ("100 \u00b0C", "212 \u00b0F", True),
        ("100 \u00b0C", "100 \u00b0F", False),
        ("37 degrees Celsius", "310.15 kelvin", True),
        ("5 mg", "5 Mg", False),
        ("5 Mg", "5000 kg", True),
        ("5 mW", "5 MW", False),
        ("5 Mb", "5 MB", False),
        ("5 MILES", "5 miles", True),
        ("2.5e-3", "1/400", True),
    ],
)
def test_quantities(one: str, other: str, same: bool) -> None:
    result = agreement("How much?", [Answer(text=one), Answer(text=other)], kind=Kind.NUMBER)
    assert (result.score == 1.0) is same


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes.", "yes"),
        ("no", "no"),
        ("**True**", "yes"),
        ("That is incorrect.", "no"),
        ("It is not true.", "no"),
        ("Yes, because it is.", "yes"),
        ("We thought about it.\n\nThe answer is no.", "no"),
        ('{"answer": "False"}', "no"),
        ("No one knows", None),
        ("Yes and no", None),
        ("Perhaps", None),
    ],
)
def test_boolean(text: str, value: str | None) -> None:
    assert extract("", text, Kind.BOOLEAN) == value


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('{"b": 1, "a": [2]}', '{"a":[2],"b":1}'),
        ('Here you are:\n```json\n{"a": null}\n```', '{"a":null}'),
        ('The result: {"a": true}', '{"a":true}'),
        ("[1, 2", None),
        ("no json", None),
        ("7", None),
    ],
)
def test_json(text: str, canonical: str | None) -> None:
    assert extract("", text, Kind.JSON) == canonical


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ('{"a": 1, "b": "x"}', '{"b": "X", "a": "1.0"}', 1.0, 1.0),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0.5, 0.5),
        ("[1, 2, 3]", "[3, 1, 2]", 0.5, 0.5),
        ('{"a": {}}', '{"a": []}', 1.0, 1.0),
        ('{"a": 1}', '{"b": 1}', 0.0, 0.0),
        ('{"a": [true, null]}', '{"a": [false, null]}', 0.5, 0.5),
        (
            '{"id": 1, "why": "the sea is wide and very deep today"}',
            '{"id": 1, "why": "the sea is wide and deep and cold"}',
            0.4,
            0.99,
        ),
    ],
)
def test_json_leaves(one: str, other: str, least: float, most: float) -> None:
    result = agreement("", [Answer(text=one), Answer(text=other)], kind=Kind.JSON)
    assert least <= result.pairs[0].score <= most


PROGRAM = """```python
def total(items):
    result = 0
    for item in items:
        result += item
    return result
```"""
RENAMED = (
    "Sure! Here is the code:\n```python\ndef add_up(values: list[int]) -> int:\n"
    '    """Add them."""\n    acc = 0  # start\n    for value in values:\n        acc += value\n    return acc\n```'
)


RICH = """import math


class Shape:
    size: float = 2.0
    name: str

    async def area(self, scale: float = 1.0) -> float:
        "Measure it."
        return math.pow(self.size, 2) * scale


def run(shape):
    print(shape.area(scale=3))


def nothing():
    "Only this."
"""


def test_a_bare_program_is_recognised_and_classes_and_coroutines_are_renamed() -> None:
    other = RICH.replace("Shape", "Form").replace("shape", "form").replace(": float", "").replace(" -> float", "")
    other = other.replace("    name: str\n", "    name: int\n").replace('        "Measure it."\n', "")
    other = other.replace("scale", "factor").replace('"Only this."', "pass")
    result = agreement("", [Answer(text=RICH), Answer(text=other)])
    assert result.kind is Kind.CODE
    assert result.score == 1.0
    assert agreement("", [Answer(text=RICH), Answer(text=RICH.replace("2)", "3)"))], kind=Kind.CODE).score == 0.5


def test_renamed_programs_are_the_same() -> None:
    result = agreement("Write a function that sums.", [Answer(text=PROGRAM), Answer(text=RENAMED)])
    assert result.kind is Kind.CODE
    assert result.score == 1.0


def test_other_programs_are_at_most_half_alike() -> None:
    other = PROGRAM.replace("+=", "-=")
    result = agreement("Write a function that sums.", [Answer(text=PROGRAM), Answer(text=other)])
    assert 0.0 < result.pairs[0].score <= 0.5


def test_programs_in_other_languages_compare_without_comments_and_layout() -> None:
    one = "```js\n// sum\nfunction f(a) { return a+1 }\n```"
    other = "```js\nfunction f(a)\n{\n  return a + 1\n}\n```"
    assert agreement("", [Answer(text=one), Answer(text=other)], kind=Kind.CODE).score == 1.0


@pytest.mark.parametrize("body", ["(" * 5_000, "-" * 30_000 + "1", "x = '\\d'", "\0", "1+" * 4_000 + "1"])
def test_odd_programs_do_not_raise(body: str) -> None:
    answers = [Answer(text=f"```python\n{body}\n```"), Answer(text=f"```python\n{body} \n```")]
    assert agreement("", answers, kind=Kind.CODE).score == 1.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("[1, 2, 3]", "[1,2,3]", True),
        ("[1, 2, 3]", "[1, 3, 2]", False),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", True),
        ("'abc'", "abc", True),
        ("{1, 2.0}", "{2, 1}", True),
        ("(1, 'a')", "(1,'a')", True),
        ('{"answer": "say "hi" now"}', 'say "hi" now', True),
        ('{"answer": ""}', '{"reasoning": "nothing", "answer": ""}', True),
        ("'aBc'", "'abc'", False),
        ("\\boxed{x^2+1}", "\\boxed{x^2 + 1}", True),
        ("\\boxed{x^2+1}", "\\boxed{x^2-1}", False),
        ("=SUM(A1:A3)", "=SUM(A1:A4)", False),
        ('{"answer": "Paris"}', "The capital is Paris", True),
    ],
)
def test_short_literals(one: str, other: str, same: bool) -> None:
    result = agreement("What does it give?", [Answer(text=one), Answer(text=other)], kind=Kind.SHORT)
    assert (result.score == 1.0) is same


@pytest.mark.parametrize(
    ("prompt", "texts", "kind"),
    [
        (OPTIONS, ["B", "The answer is (B)", "Lyon"], Kind.CHOICE),
        ("Is it so?", ["Yes.", "No, it is not."], Kind.BOOLEAN),
        ("Is it A or B?", ["It is A", "It is B"], Kind.SHORT),
        ("x", ['{"a": 1}', '{"a": 2}'], Kind.JSON),
        ("x", ['{"reasoning": "r", "answer": "7"}', '{"reasoning": "s", "answer": "8"}'], Kind.NUMBER),
        ("How many?", ["There are 3 of them", "four"], Kind.NUMBER),
        ("What is it called?", ["A spanner", "A wrench"], Kind.SHORT),
        ("Tell me more.", ["The sea is wide and deep and full of fish and ships and salt. " * 5] * 2, Kind.PROSE),
        ("Write a Python function.", [PROGRAM, RENAMED], Kind.CODE),
        ("x", [], Kind.PROSE),
    ],
)
def test_detection(prompt: str, texts: list[str], kind: Kind) -> None:
    assert agreement(prompt, [Answer(text=text) for text in texts]).kind is kind


def test_essays_are_not_reduced_to_the_yes_they_open_with() -> None:
    essays = [f"Yes, there are. {subject} " * 40 for subject in ("Tools for Python are many.", "Try a linter first.")]
    assert agreement("Are there free tools?", [Answer(text=text) for text in essays]).kind is Kind.PROSE
    assert agreement("Are there free tools? Yes or no?", [Answer(text=text) for text in essays]).kind is Kind.BOOLEAN


def test_a_declared_kind_is_kept() -> None:
    assert agreement("How many?", [Answer(text="3"), Answer(text="3")], kind=Kind.SHORT).kind is Kind.SHORT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a</think>Paris", "Paris"),
        ("a</think>Paris", "Paris"),
        ("<think>never closed", None),
        ("Sure, here is the answer: Paris", "Paris"),
        ("Certainly! Paris", "Paris"),
        ("Paris\n\nLet me know if you need more.", "Paris"),
        ("I can't help with that.", None),
        ("I can't give legal advice, but it is Paris", "I can't give legal advice, but it is Paris"),
        ("I don't know.", None),
        ('{"error": {"message": "overloaded"}}', None),
        ("   ", None),
        ('{"error": broken', '{"error": broken'),
        ("\u0130 <think>a</think>Paris", "\u0130 Paris"),
    ],
)
def test_cleaning(text: str, expected: str | None) -> None:
    assert extract("", text, Kind.SHORT) == expected


def test_prose_has_no_normalised_answer() -> None:
    assert extract("", "anything at all", Kind.PROSE) is None
