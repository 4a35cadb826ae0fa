"""What is told without a pattern is what the pattern would have told."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.consensus import Kind, extract
from quorate.consensus.patterns import lacks
from quorate.consensus.question import Question

QUANTITIES = """
    how many are there|how much is it|please calculate it|compute it|what percent is it|what percentage|what fraction
    what number is it|what's the value|what is its total price|what was the boiling point|what will be the mean age
    find the value of x|determine the new length|say it in dollars|in cents|in euros|in hours|in minutes|in miles
    in kilometers|in kilometres|in percent|3 * 4 = ?|is 3-4 even?|7 % of all|7 percent of all|2 to the power of n
    square root of x|cube root of x|x plus 2|x minus 2|x times 2|x divided by 2"""
DATES = """
    when is it|and when did it end|what date is it|which exact year|what month|which day|what weekday|what time
    what's the deadline|what is the date|what was the founding year|what is the birthday|the date of birth"""
LISTS = """
    list them|please enumerate them|name three towns|make me a list|write the short list|create your list
    give me 3 towns|tell us several ways|suggest some names|what are the five towns|what are all 3
    select all|choose all|pick all|check all|mark all|all that apply"""
DEMANDS = """is it so, yes or no|yes/no: it is|true or false: it is|it is so (true/false)"""


def lines(text: str) -> list[str]:
    return [cue.strip() for line in text.split("\n") for cue in line.split("|") if cue.strip()]


@given(
    text=st.text(st.sampled_from("answeriskANSWER \u017f\u212a\u0131\u0130\n"), max_size=30),
    words=st.lists(st.sampled_from(["answer", "is", "k", "s", "a", "i"]), min_size=1, max_size=3),
)
def test_no_word_is_missed(text: str, words: list[str]) -> None:
    found = any(re.search(word, text, re.IGNORECASE) for word in words)
    assert not (lacks(text, tuple(words)) and found)
    assert lacks(text, tuple(words)) or found or not text.isascii()


@pytest.mark.parametrize("change", [str, str.upper, str.title, "{} \u00e9t\u00e9".format])
@pytest.mark.parametrize(
    ("asks", "cue"),
    [
        *(("asks_quantity", cue) for cue in lines(QUANTITIES)),
        *(("asks_date", cue) for cue in lines(DATES)),
        *(("asks_list", cue) for cue in lines(LISTS)),
        *(("demands_yes_or_no", cue) for cue in lines(DEMANDS)),
    ],
)
def test_every_cue_of_a_question_is_heard(change: Callable[[str], str], asks: str, cue: str) -> None:
    assert getattr(Question(change(cue)), asks)
    assert not getattr(Question("Who wrote it, and of whom is it?"), asks)


def test_letters_that_only_a_pattern_takes_for_others() -> None:
    assert Question("What is the \u017fum of it?").asks_quantity
    assert extract("", "The an\u017fwer i\u017f 4, not 5 as others say. So 6 is wrong", Kind.NUMBER) == "4"


@pytest.mark.parametrize("digit", ["7", "\u0667", "\uff17"])
def test_a_digit_of_any_script_is_one(digit: str) -> None:
    assert extract("How many?", digit, Kind.NUMBER) == extract("How many?", f"There are {digit}.", Kind.NUMBER) == digit
