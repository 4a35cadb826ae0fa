"""Questions to ask live: one on each line of a JSON-lines file, with the right answer where it is known."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from quorate.consensus.kind import Kind
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import truth_text

_EXPECTED = 'expected {"prompt": "...", "truth": "..."}'


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question; `truth` is '' if it is not known, `kind` None if the answers' kind is to be found out.

    `prompt_id` is its name within `track`.
    """

    prompt: str
    prompt_id: str
    truth: str = ""
    kind: Kind | None = None
    track: str = ""
    task: str = ""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    prompt: str
    truth: str | float | None = None
    kind: Kind | None = None
    track: str = ""
    task: str = ""
    prompt_id: str | int = ""


_LINE = msgspec.json.Decoder(_Line)


def read_questions(path: Path) -> tuple[Question, ...]:
    """Return the questions of a file; blank lines are skipped, and one without `prompt_id` is named by its line.

    Raises InvalidRequest, with file and line, for a line that is no question, an empty prompt and a `prompt_id` that
    occurs twice in a track; and if there is no question at all. Reads from disk: not on an event loop.
    """
    questions: list[Question] = []
    places: dict[tuple[str, str], int] = {}
    for number, line in _lines(path):
        question = _question(line, path, number)
        key = (question.track, question.prompt_id)
        if key in places:
            raise InvalidRequest(
                f"{path}:{number}: the prompt_id {question.prompt_id!r} is that of line {places[key]}; each question of"
                " a track needs its own"
            )
        places[key] = number
        questions.append(question)
    if not questions:
        raise InvalidRequest(f"{path}: there is no question in it; {_EXPECTED} on each line")
    return tuple(questions)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InvalidRequest(f"cannot read the questions {str(path)!r} ({error.strerror})", param="live") from error


def _question(line: bytes, path: Path, number: int) -> Question:
    try:
        found = _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{path}:{number}: {error}; {_EXPECTED}") from error
    if not found.prompt.strip():
        raise InvalidRequest(f"{path}:{number}: the prompt is empty; {_EXPECTED}")
    return Question(
        prompt=found.prompt,
        prompt_id=str(found.prompt_id) or str(number),
        truth=truth_text(found.truth),
        kind=found.kind,
        track=found.track,
        task=found.task,
    )
