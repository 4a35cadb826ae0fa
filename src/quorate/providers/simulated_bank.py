"""What simulated models know: questions of our own making, right answers in several wordings, likely mistakes."""

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from quorate.wire.chat import ChatRequest

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LONGEST_SEARCH_CHARS = 8_000
_QUOTED_CHARS = 80
_OPENINGS = ("Taking the question as it stands,", "In short,", "Seen from several sides,", "As far as it goes,")
_BODIES = (
    "this text stands where a model's answer would",
    "nothing here was looked up or thought about",
    "the words were drawn at random and mean nothing",
    "a real model would answer in this place",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with the wordings of its right answer and, for each likely mistake, the most common first, its own."""

    prompt: str
    topic: str
    right: tuple[str, ...]
    wrong: tuple[tuple[str, ...], ...]

    def answer(self, rng: random.Random, *, accuracy: float, shared_error: float) -> str:
        """Return one answer: right with probability `accuracy`; draws the same number of values in every case."""
        is_right, is_common = rng.random() < accuracy, rng.random() < shared_error
        mistake, wording = rng.random(), rng.random()
        wordings = self.right if is_right else self.wrong[0 if is_common else int(mistake * len(self.wrong))]
        return wordings[int(wording * len(wordings))]


class QuestionBank:
    """Finds the question that a prompt asks."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._questions = {normalise(question.prompt): question for question in questions}

    @classmethod
    def built_in(cls, knowledge: Mapping[str, str] | None = None) -> "QuestionBank":
        """Return the bank of the built-in questions and of `knowledge` (question to right answer), which goes first.

        A likely mistake for an added question is a number near a numeric answer, else the answer to another added
        question, else a denial.
        """
        added = tuple(_added(prompt, knowledge) for prompt in knowledge) if knowledge else ()
        return cls((*built_in_questions(), *added))

    @property
    def questions(self) -> tuple[Question, ...]:
        """All questions."""
        return tuple(self._questions.values())

    def find(self, prompt: str) -> Question | None:
        """Return the question that `prompt` is or, with other words around it, contains (the longest one)."""
        text = normalise(prompt)
        if text in self._questions:
            return self._questions[text]
        if len(text) > _LONGEST_SEARCH_CHARS:
            return None
        contained = [key for key in self._questions if key in text]
        return self._questions[max(contained, key=len)] if contained else None


def unknown_answer(model: str, request: ChatRequest, rng: random.Random) -> str:
    """Return a text that says it is simulated, worded differently by each model; as JSON if the request wants JSON."""
    prompt = " ".join(request.prompt_text.split())
    quoted = prompt if len(prompt) <= _QUOTED_CHARS else prompt[: _QUOTED_CHARS - 3] + "..."
    opening, body = rng.choice(_OPENINGS), rng.choice(_BODIES)
    text = f"[simulated answer of {model}] {opening} {body}. The prompt was: {quoted!r}"
    wanted = (request.response_format or {}).get("type")
    return json.dumps({"simulated": True, "answer": text}) if wanted in {"json_object", "json_schema"} else text


def normalise(text: str) -> str:
    """Return `text` in lower case with single spaces and without closing punctuation."""
    return " ".join(text.split()).casefold().rstrip(" .?!:")


def _added(prompt: str, knowledge: Mapping[str, str]) -> Question:
    right = knowledge[prompt]
    if _NUMBER.fullmatch(right):
        mistakes = [f"{float(right) + step:g}" for step in (1, -1, 10)]
    else:
        mistakes = [other for other in knowledge.values() if other != right][:5] or [f"Not {right}"]
    return Question(
        prompt=prompt,
        topic="knowledge",
        right=_wordings(right),
        wrong=tuple(_wordings(mistake) for mistake in mistakes),
    )


def _wordings(answer: str, sentence: str = "") -> tuple[str, ...]:
    forms = ["{}", "The answer is {}.", "**{}**"]
    if sentence:
        forms += [sentence, f"Sure! {sentence}"]
    return tuple(form.format(answer) for form in forms)


def _fact(prompt: str, right: str, wrong: tuple[str, ...], sentence: str, *, topic: str = "fact") -> Question:
    return Question(
        prompt=prompt,
        topic=topic,
        right=_wordings(right, sentence),
        wrong=tuple(_wordings(mistake, sentence) for mistake in wrong),
    )


def _sum(prompt: str, right: str, wrong: tuple[str, ...], sentence: str) -> Question:
    return _fact(prompt, right, wrong, sentence, topic="arithmetic")


def _dollars(prompt: str, right: int, wrong: tuple[int, ...]) -> Question:
    def wordings(amount: int) -> tuple[str, ...]:
        return f"${amount:,}.00", f"{amount} dollars", f"The total is ${amount:,}.", f"It comes to **${amount}**."

    return Question(prompt=prompt, topic="arithmetic", right=wordings(right), wrong=tuple(map(wordings, wrong)))


def _choice(prompt: str, options: tuple[str, ...], right: int, common: int) -> Question:
    letters = "ABCDEFGH"[: len(options)]

    def wordings(position: int) -> tuple[str, ...]:
        letter, text = letters[position], options[position]
        return letter, f"{letter}) {text}", f"The answer is ({letter}).", f"**{letter}**", f"Answer: {letter}. {text}"

    listed = "\n".join(f"{letter}) {text}" for letter, text in zip(letters, options, strict=True))
    others = [position for position in range(len(options)) if position not in {right, common}]
    return Question(
        prompt=f"{prompt}\n{listed}",
        topic="choice",
        right=wordings(right),
        wrong=tuple(wordings(position) for position in (common, *others)),
    )


def _yes_no(prompt: str, because: str, *, yes: bool, mistake: str) -> Question:
    word, other = ("Yes", "No") if yes else ("No", "Yes")
    return Question(
        prompt=prompt,
        topic="yes_no",
        right=(f"{word}.", word, f"{word}, {because}."),
        wrong=((f"{other}.", other, f"{other}, {mistake}."),),
    )


def _code(prompt: str, right: tuple[str, ...], wrong: tuple[str, ...]) -> Question:
    def fenced(source: str) -> str:
        return f"```python\n{source}\n```"

    return Question(
        prompt=prompt,
        topic="code",
        right=(*map(fenced, right), f"Here is the function:\n\n{fenced(right[0])}"),
        wrong=tuple((fenced(source),) for source in wrong),
    )


def _json(prompt: str, right: tuple[str, ...], wrong: tuple[str, ...]) -> Question:
    return Question(
        prompt=prompt,
        topic="json",
        right=(*right, f"```json\n{right[0]}\n```"),
        wrong=tuple((text,) for text in wrong),
    )


@cache
def built_in_questions() -> tuple[Question, ...]:
    """Return the built-in questions."""
    return (*_facts(), *_sums(), *_choices(), *_yes_noes(), *_tasks())


def _facts() -> tuple[Question, ...]:
    return (
        _fact("What is the capital of France?", "Paris", ("Lyon", "Marseille"), "The capital of France is {}."),
        _fact("What is the capital of Australia?", "Canberra", ("Sydney", "Melbourne"), "It is {}."),
        _fact("What is the capital of Turkey?", "Ankara", ("Istanbul", "Izmir"), "The capital of Turkey is {}."),
        _fact("What is the capital of Canada?", "Ottawa", ("Toronto", "Montreal"), "Canada's capital is {}."),
        _fact("Which planet is closest to the Sun?", "Mercury", ("Venus", "Mars"), "{} is closest to the Sun."),
        _fact("What is the largest ocean on Earth?", "Pacific", ("Atlantic", "Indian"), "It is the {}."),
        _fact("Which gas do plants take in to make sugar?", "carbon dioxide", ("oxygen", "nitrogen"), "It is {}."),
        _fact("What is the chemical symbol of gold?", "Au", ("Ag", "Go"), "The symbol of gold is {}."),
        _fact("Which language has the most native speakers?", "Mandarin", ("English", "Spanish"), "It is {}."),
        _fact("Who painted the Mona Lisa?", "Leonardo da Vinci", ("Michelangelo", "Raphael"), "{} painted it."),
    )


def _sums() -> tuple[Question, ...]:
    return (
        _sum("What is 17 * 23?", "391", ("381", "401"), "17 * 23 = {}"),
        _sum("What is 144 / 12?", "12", ("14", "11"), "144 / 12 = {}"),
        _sum("What is 2 to the power of 10?", "1024", ("1000", "512"), "2 to the power of 10 is {}."),
        _sum("What is 15 % of 240?", "36", ("34", "24"), "15 % of 240 is {}."),
        _sum(
            "A bat and a ball cost 110 cents together. The bat costs 100 cents more than the ball. "
            "How many cents does the ball cost?",
            "5",
            ("10", "15"),
            "The ball costs {} cents.",
        ),
        _sum(
            "Five machines make five parts in five minutes. How many minutes do 100 machines need for 100 parts?",
            "5",
            ("100", "20"),
            "They need {} minutes.",
        ),
        _sum("How many minutes are there in two and a half hours?", "150", ("120", "140"), "There are {} minutes."),
        _dollars("Twelve chairs cost 100 dollars each. What is the total in dollars?", 1200, (1000, 1300)),
        _dollars("A coat of 80 dollars is reduced by a quarter. What does it cost now, in dollars?", 60, (55, 20)),
    )


def _choices() -> tuple[Question, ...]:
    return (
        _choice("Which of these is a prime number?", ("51", "57", "59", "63"), 2, 0),
        _choice("Which metal is liquid at room temperature?", ("lead", "mercury", "tin", "zinc"), 1, 0),
        _choice("Which sorting method is stable?", ("merge sort", "heap sort", "quick sort", "shell sort"), 0, 2),
        _choice("Which continent has no permanent population?", ("Asia", "Europe", "Africa", "Antarctica"), 3, 2),
        _choice("Which HTTP status means 'too many requests'?", ("403", "408", "429", "503"), 2, 3),
        _choice("Which of these boils at the lowest temperature?", ("water", "ethanol", "mercury", "iron"), 1, 0),
    )


def _yes_noes() -> tuple[Question, ...]:
    return (
        _yes_no("Is 91 a prime number?", "91 = 7 * 13", yes=False, mistake="nothing but 1 and 91 divides it"),
        _yes_no("Is a tomato a fruit in botany?", "it grows from a flower", yes=True, mistake="it is a vegetable"),
        _yes_no("Can penguins fly?", "their wings are flippers", yes=False, mistake="they fly short distances"),
        _yes_no("Is the Sun a star?", "it makes its own light", yes=True, mistake="it is a planet"),
        _yes_no("Does water expand when it freezes?", "ice floats", yes=True, mistake="cold shrinks it"),
        _yes_no("Is zero an odd number?", "two divides it", yes=False, mistake="it is not even"),
    )


def _tasks() -> tuple[Question, ...]:
    return (
        _code(
            "Write a Python function double(x) that returns twice its argument.",
            ("def double(x):\n    return 2 * x", "def double(value):\n    return 2 * value"),
            ("def double(x):\n    return x ** 2", "def double(x):\n    return x + 2"),
        ),
        _code(
            "Write a Python function is_even(n) that tells whether n is even.",
            ("def is_even(n):\n    return n % 2 == 0", "def is_even(number):\n    return number % 2 == 0"),
            ("def is_even(n):\n    return n % 2 == 1", "def is_even(n):\n    return n / 2 == 0"),
        ),
        _json(
            'Return a JSON object with the keys "city" and "country" for the Eiffel Tower.',
            ('{"city": "Paris", "country": "France"}', '{"country":"France","city":"Paris"}'),
            ('{"city": "Lyon", "country": "France"}', '{"city": "London", "country": "England"}'),
        ),
        _json(
            'Return a JSON object with the keys "min" and "max" for the list 4, 9, 1, 7.',
            ('{"min": 1, "max": 9}', '{"max":9,"min":1}'),
            ('{"min": 4, "max": 7}', '{"min": 1, "max": 7}'),
        ),
    )
