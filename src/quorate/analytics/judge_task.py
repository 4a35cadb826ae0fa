"""What a judge is put to: labelled pairs of answers, and choices among recorded answers of which some are right.

A line of a file of pairs: `{"q": "...", "a": "...", "b": "...", "agree": 1}`; `agree` (0, 1, false, true) says whether
the two answers say the same in substance. Unknown fields are ignored. Files may be plain (`.jsonl`) or gzip
(`.jsonl.gz`). A file of recorded answers has the form that `quorate.providers.recorded` reads.
"""

import gzip
import hashlib
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias, cast

import msgspec

from quorate.analytics.trial import LEAST_ANSWERS, correctness
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import RecordedAnswer, Recording, read_recordings

_FORM = '{"q": "...", "a": "...", "b": "...", "agree": 1}'
#: Changes when the prompts or the order of the answers do: verdicts on record are then not those of the same task.
_EDITION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTask:
    """Two answers to a question, and whether they `agree`, as somebody has labelled them."""

    id: str
    question: str
    a: str
    b: str
    agree: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceTask:
    """Answers to a question in the order in which a judge sees them first; `models` wrote them, `right` are some."""

    id: str
    question: str
    texts: tuple[str, ...]
    models: tuple[str, ...]
    right: tuple[bool, ...]


Task: TypeAlias = PairTask | ChoiceTask


class _Line(msgspec.Struct):
    q: str
    a: str
    b: str
    agree: bool | int


_LINE = msgspec.json.Decoder(_Line)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_tasks(path: Path, *, answers: int, keep: Collection[str] = (), seed: int = 0) -> Iterator[Task]:
    """Yield the tasks of a file of labelled pairs or of recorded answers, whichever it is.

    A choice is among `answers` of the recorded ones, drawn with the `seed` of which and in which order; those of the
    models in `keep` are always there. Recordings whose right answers are not known, or with fewer than two answers, are
    left out. Raises InvalidRequest with file and line. It reads from disk: do not iterate it on an event loop.
    """
    if answers < LEAST_ANSWERS:
        raise InvalidRequest(f"a choice among {answers!r} answers is none; use at least 2", param="answers")
    if path.name.endswith(".zst") or not _holds_pairs(path):
        for recording in read_recordings(path):
            task = _choice(recording, answers, keep, seed)
            if task is not None:
                yield task
        return
    with _opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _pair(line, f"{path}:{number}")


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.name.endswith(".gz") else path.open("rb")


def _holds_pairs(path: Path) -> bool:
    try:
        with _opened(path) as lines:
            first = next((line for line in lines if line.strip()), b"")
        return {"a", "b"} <= _FIELDS.decode(first).keys()
    except (OSError, EOFError) as error:
        raise InvalidRequest(f"{path}: cannot be read ({error}); give a complete file", param="data") from error
    except msgspec.DecodeError:
        return False  # the reader of recordings says what is wrong


def _pair(line: bytes, where: str) -> PairTask:
    try:
        found = _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{where}: {error}; expected {_FORM}", param="data") from error
    if found.agree not in {0, 1}:
        raise InvalidRequest(f"{where}: agree is {found.agree!r}; use 0 or 1", param="data")
    return PairTask(
        id=_id("pair", found.q, found.a, found.b), question=found.q, a=found.a, b=found.b, agree=bool(found.agree)
    )


def _choice(recording: Recording, answers: int, keep: Collection[str], seed: int) -> ChoiceTask | None:
    question = Question(recording.prompt)
    readings = [Reading(question, answer.text) for answer in recording.answers]
    right = correctness(recording, question, readings)
    if right is None or len(readings) < LEAST_ANSWERS:
        return None
    drawn = _drawn(recording, answers, keep, random.Random(f"{seed}/{recording.track}/{recording.prompt_id}"))
    chosen: list[RecordedAnswer] = [recording.answers[position] for position in drawn]
    texts = tuple(answer.text for answer in chosen)
    return ChoiceTask(
        id=_id("choice", recording.prompt, *texts),
        question=recording.prompt,
        texts=texts,
        models=tuple(answer.model for answer in chosen),
        right=tuple(right[position] for position in drawn),
    )


def _drawn(recording: Recording, answers: int, keep: Collection[str], rng: random.Random) -> list[int]:
    order = list(range(len(recording.answers)))
    rng.shuffle(order)
    kept = sorted(order, key=lambda position: recording.answers[position].model not in keep)[:answers]
    rng.shuffle(kept)
    return kept


def _id(*parts: str) -> str:
    """Return a name for a task by its content, so that a run that is resumed knows it again."""
    data = "\0".join((_EDITION, *parts)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:24]
