from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.consensus import Answer, Kind, agreement, extract

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def pair_score(prompt: str, one: str, other: str) -> float:
    found = agreement(prompt, [Answer(text=one), Answer(text=other)], kind=Kind.DATE)
    return found.pairs[0].score if found.pairs else 0.0


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-05", "2024-03-05"),
        ("March 5, 2024", "2024-03-05"),
        ("It was on the 5th of March 2024.", "2024-03-05"),
        ("the fifth of March 2024", "2024-03-05"),
        ("Mar. 5 2024", "2024-03-05"),
        ("05.03.2024", "2024-03-05"),
        ("13/03/2024", "2024-03-13"),
        ("03/13/24", "2024-03-13"),
        ("03/04/2024", "2024-03-04 d/m?"),
        ("Tuesday, 5 March 2024", "2024-03-05"),
        ("5 March 2024 at 3 pm", "2024-03-05T15:00"),
        ("2024-03-05T15:00:30Z", "2024-03-05T15:00Z"),
        ("3:30 p.m. EST", "T15:30-05:00"),
        ("noon", "T12:00"),
        ("March 2024", "2024-03"),
        ("2024-03", "2024-03"),
        ("March 5", "--03-05"),
        ("in 1969", "1969"),
        ("44 BC", "-044"),
        ("AD 79", "0079"),
        ("Monday", "mon"),
        ("before 1900", "before 1900"),
        ("\\boxed{1969}", "1969"),
        ("It did not begin in 1914 but in 1915.", "1915"),
        ("30 February 2024", None),
        ("in the 1960s", None),
        ("from 1914 to 1918", None),
        ("nobody knows", None),
        ("1,969 people", None),
    ],
)
def test_a_date_is_read(text: str, moment: str | None) -> None:
    assert extract("When was it?", text, Kind.DATE) == moment


@pytest.mark.parametrize(
    ("prompt", "one", "other", "score"),
    [
        ("When was it?", "2024-03-05", "March 5, 2024", 1.0),
        ("When was it?", "March 2024", "March 5, 2024", 0.6),
        ("When was it?", "2024", "March 5, 2024", 0.6),
        ("In which year was it?", "2024", "March 5, 2024", 1.0),
        ("In which year was it?", "2024", "March 5, 2023", 0.0),
        ("On which day of the week was it?", "Tuesday", "Tuesday, 5 March 2024", 1.0),
        ("When in 2024 was it?", "March 5", "5 March 2024", 1.0),
        ("When was it?", "03/04/2024", "3/4/2024", 1.0),
        ("When was it?", "03/04/2024", "04/03/2024", 0.0),
        ("When was it?", "03/04/2024", "2024-04-03", 0.6),
        ("When was it?", "03/04/2024", "2024-03-04", 0.6),
        ("When was it? Answer as DD/MM/YYYY.", "03/04/2024", "2024-04-03", 1.0),
        ("When was it? Answer as MM/DD/YYYY.", "03/04/2024", "2024-04-03", 0.0),
        ("When is it?", "15:00 UTC", "16:00 CET", 1.0),
        ("When is it?", "2024-03-05T23:30-05:00", "2024-03-06T04:30Z", 1.0),
        ("When is it?", "3 pm", "3 pm UTC", 1.0),
        ("When is it?", "Tuesday, 5 March 2024", "5 March 2024", 1.0),
        ("When is it?", "Monday, 5 March 2024", "5 March 2024", 0.0),
        ("When is it?", "Monday", "Tuesday", 0.0),
        ("When is it?", "Tuesday", "5 March 2024", 0.6),
        ("When is it?", "Monday", "5 March 2024", 0.0),
        ("When is it?", "before 1900", "after 1900", 0.0),
        ("When is it?", "1900", "after 1900", 0.0),
    ],
)
def test_dates_compare(prompt: str, one: str, other: str, score: float) -> None:
    assert pair_score(prompt, one, other) == pair_score(prompt, other, one) == score


def test_a_question_for_a_date_is_recognised_and_needs_dates() -> None:
    dates = [Answer(text="2024-03-05"), Answer(text="on March 5, 2024"), Answer(text="5 March 2024")]
    found = agreement("When was it signed?", dates)
    assert (found.kind, found.score, found.method) == (Kind.DATE, 1.0, "extracted")
    assert found.clusters[0].answer == "2024-03-05"
    assert agreement("When should I use a lock?", [Answer(text="if two tasks share a value")] * 2).kind is not Kind.DATE
    assert agreement("How many days?", [Answer(text="5"), Answer(text="6")]).kind is Kind.NUMBER


def test_of_several_dates_the_one_beside_the_question_s_words_counts() -> None:
    reply = "The talks began in 1990. The treaty was signed on 3 May 1992. It was changed in 1999."
    assert extract("When was the treaty signed?", reply, Kind.DATE) == "1992-05-03"


@given(st.dates(min_value=date(1000, 1, 1), max_value=date(2999, 12, 31)))
def test_every_way_of_writing_a_date_says_the_same(day: date) -> None:
    written = f"{MONTHS[day.month - 1]} {day.day}, {day.year}"
    assert pair_score("When was it?", day.isoformat(), written) == 1.0
    assert pair_score("When was it?", written, f"{day.day}.{day.month}.{day.year}") == 1.0
