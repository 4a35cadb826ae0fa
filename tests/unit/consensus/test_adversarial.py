"""Replies that look alike and do not say the same thing: a false agreement is worse than a false disagreement."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import grows_at_most
from quorate.consensus import Answer, Kind, agreement

OPTIONS = "Which one?\nA) north\nB) south"
JS = "```js\n{}\n```"


def score(prompt: str, one: str, other: str) -> float:
    """The pair's score, the same in both orders."""
    there, back = (agreement(prompt, [Answer(text=a), Answer(text=b)]) for a, b in ((one, other), (other, one)))
    assert there.score == back.score
    return there.score


@pytest.mark.parametrize(
    ("prompt", "one", "other"),
    [
        ("When is it?", "2024-03-04", "2024-04-03"),
        ("When is it?", "Monday at 3 pm", "Monday at 3 am"),
        ("When was it?", "July 20, 1969", "1969"),
        ("Score?", "2-1", "1-2"),
        ("Ratio?", "2:1", "2"),
        ("Solve it.", "\u00b12", "2"),
        ("How long?", "1 h 30 min", "1 h"),
        ("List the primes below 10", "2, 3, 5, 7", "2, 3, 5"),
        ("How many?", "It is not 5.", "It is 5."),
        ("How many?", "at least 5", "at most 5"),
        ("How many?", "no more than 5", "more than 5"),
        ("How many?", "2 dozen", "2"),
        ("How much?", "10\u2076", "10\u2079"),
        ("How much?", "5 crore rupees", "5 lakh rupees"),
        ("What is 2+2?", "Some say the answer is 5, but it is 4.", "5"),
        ("Which language?", "C", "C++"),
        ("Which language?", "C++", "C#"),
        ("Which war?", "World War I", "World War II"),
        ("Which vitamin?", "It is vitamin A.", "It is vitamin B."),
        ("Which is larger?", "9.9 is larger than 9.11", "9.11 is larger than 9.9"),
        ("Who won?", "Alice defeated Bob in the final", "Bob defeated Alice in the final"),
        ("Is it safe?", "It is safe.", "It is hardly safe."),
        ("Should I use tabs?", "Use tabs", "Dont use tabs"),
        ("Is the earth flat?", "Some think the earth is flat.", "Yes"),
        ("Ist die Erde flach?", "Die Erde ist flach.", "Die Erde ist nicht flach."),
        ("", "C'est s\u00fbr.", "Ce n'est pas s\u00fbr."),
        (
            "",
            "\u042d\u0442\u043e \u0432\u0435\u0440\u043d\u043e.",
            "\u042d\u0442\u043e \u043d\u0435 \u0432\u0435\u0440\u043d\u043e.",
        ),
        (OPTIONS, "Not A", "A"),
        (OPTIONS, "The answer is not A.", "A"),
        (OPTIONS, "B is wrong.", "B"),
        (OPTIONS, "The answer is A or B.", "A"),
        (OPTIONS, "Either A or B", "B"),
        ("Extract it.", '{"zip": "01234"}', '{"zip": "1234"}'),
        ("Extract it.", '{"id": 1234567890123}', '{"id": 1234567890124}'),
        ("Extract it.", '{"x": "1,5"}', '{"x": "15"}'),
        ("Write code.", JS.format("let a = 'x//y';"), JS.format("let a = 'x//z';")),
        ("Write code.", "```c\n#include <a.h>\nint x;\n```", "```c\n#include <b.h>\nint x;\n```"),
        ("Write code.", "```bash\nrm -rf /tmp/x\n```", "```bash\nrm -rf / tmp/x\n```"),
        ("Write code.", "```yaml\na:\n  b: 1\nc: 2\n```", "```yaml\na:\n  b: 1\n  c: 2\n```"),
        ("Write code.", "```sql\nselect 1 where x = 'A'\n```", "```sql\nselect 1 where x = 'a'\n```"),
        ("Write code.", JS.format("f();" * 6000 + "a()"), JS.format("f();" * 6000 + "b()")),
    ],
)
def test_these_do_not_agree(prompt: str, one: str, other: str) -> None:
    assert score(prompt, one, other) == 0.5


@pytest.mark.parametrize(
    ("prompt", "one", "other"),
    [
        ("When did it end?", "May 8, 1945", "8 May 1945"),
        ("In which year was it?", "July 20, 1969", "1969"),
        ("List the primes below 10", "2, 3, 5, 7", "7, 5, 3, 2"),
        ("How many?", "at least 5", "5 or more, at least 5"),
        (OPTIONS, "A is wrong, so B", "B"),
        (OPTIONS, "The answer is A, I think.", "A"),
        ("What is 2+2?", "Some say the answer is 5, but the answer is 4.", "4"),
        ("Extract it.", '{"a": 1}', '{"a": "1"}'),
        ("Extract it.", '{"a": 1200}', '{"a": "1,200.0"}'),
        ("Write code.", JS.format("f(1); // one"), JS.format("f( 1 );\n/* none */")),
        ("Write code.", "```sql\nSELECT a FROM t; -- all\n```", "```sql\nselect a\nfrom t\n```"),
        ("Write code.", "```bash\nls  -l   \n\n```", "```bash\nls  -l\n```"),
        ("Who won?", "Alice and Bob won", "Bob and Alice won"),
    ],
)
def test_these_agree(prompt: str, one: str, other: str) -> None:
    assert score(prompt, one, other) == 1.0


@given(number=st.integers(min_value=-(10**17), max_value=10**17))
def test_json_integers_compare_exactly(number: int) -> None:
    assert score("Extract it.", f'{{"n": {number}}}', f'{{"n": "{number}"}}') == 1.0
    assert score("Extract it.", f'{{"n": {number}}}', f'{{"n": {number + 1}}}') == 0.5


@pytest.mark.parametrize(
    "piece", ["1-", "1:1 ", "not 5 ", "A or ", "some say the answer is ", "'\\", "`", "/* ", "\u00b9", "at "]
)
def test_time_grows_with_the_length_of_a_hostile_text_and_not_with_its_square(piece: str) -> None:
    # 8 times the text: 64 times the time if it were the square
    assert grows_at_most(lambda length: scoring_s(piece, length), short=2_000, long=16_000, times=24)


def scoring_s(piece: str, length: int) -> float:
    """CPU seconds: the neighbours of a shared machine do not count."""
    text = piece * (length // len(piece))
    began_s = time.process_time()
    for prompt in ("How many?", OPTIONS, "Write code."):
        score(prompt, text, f"```js\n{text}\n```")
        score(prompt, text, f"x{text}")
    return time.process_time() - began_s


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10^6", "1,000,000", True),
        ("10^6", "6", False),
        ("10**3", "1000", True),
        ("2 \u00d7 10^6", "2 million", True),
        ("5k", "5000", True),
        ("5k", "5", False),
        ("$5k", "$5,000", True),
    ],
)
def test_powers_and_thousands_are_read_as_values(one: str, other: str, same: bool) -> None:
    score = agreement("How many people live there?", [Answer(text=one), Answer(text=other)]).score
    assert score == (1.0 if same else 0.5)


def test_quoting_the_question_is_no_answer() -> None:
    replies = ("I was asked: What is 2+2?", "Somebody wants to know this: 'What is 2+2?'")
    result = agreement("What is 2+2?", [Answer(text=reply) for reply in replies])
    assert result.kind is not Kind.NUMBER
    assert not result.agreed
