"""Recorded answers: several models' answers to the same prompts, one prompt per line of a JSON-lines file.

Canonical form of a line (fields after `text` are optional; unknown fields are ignored):

    {"track": "exams", "task": "law", "prompt_id": "17", "repeat": 0, "prompt": "...", "kind": "choice", "truth": "B",
     "answers": [{"model": "m1", "text": "...", "key": "B", "correct": 1, "latency_s": 0.8, "prompt_tokens": 120,
                  "completion_tokens": 40, "cost_microusd": 95, "simulated": false}],
     "failures": [{"model": "m2", "code": "provider_error", "message": "..."}]}

Compact form: `{"q": "...", "gt": "18", "answers": {"m1": "...", "m2": "..."}}`; the track is then the file's name, the
id the line's number. Files may be plain (`.jsonl`), gzip (`.jsonl.gz`) or Zstandard (`.jsonl.zst`).
"""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import zstandard

from quorate.consensus.kind import Kind
from quorate.core.errors import InvalidRequest

_MAX_LINE_BYTES = 64 * 1024 * 1024
_CANONICAL = '{"prompt": "...", "truth": "...", "answers": [{"model": "...", "text": "..."}]}'
_COMPACT = '{"q": "...", "gt": "...", "answers": {"model": "text"}}'
_EXPECTED = f"expected {_CANONICAL} or {_COMPACT}"
_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")


class RecordedAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model's answer; None is "not recorded". `key` is a normalised answer that the recorder found ('' = none).

    `simulated`: an invented model of ours gave it.
    """

    model: str
    text: str
    key: str = ""
    correct: bool | None = None
    latency_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_microusd: int | None = None
    simulated: bool = False


class RecordedFailure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that gave no answer, the code and message of its error, and what the attempts cost (None: not known)."""

    model: str
    code: str = ""
    message: str = ""
    cost_microusd: int | None = None


class Recording(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One prompt, its true answer ('' = unknown) and the answers that models gave to it, at least one.

    Recordings with the same `track` and `prompt_id` are of one prompt, asked again (`repeat`: 0, 1, ...). `kind` is
    what the answers are, None: to be found out. `failures` are models that were asked and gave no answer.
    """

    track: str
    task: str
    prompt_id: str
    prompt: str
    truth: str
    answers: tuple[RecordedAnswer, ...]
    kind: Kind | None = None
    repeat: int = 0
    failures: tuple[RecordedFailure, ...] = ()


class _AnswerLine(msgspec.Struct):
    model: str
    text: str
    key: str = ""
    correct: bool | int | None = None
    latency_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_microusd: int | None = None
    simulated: bool = False


class _CanonicalLine(msgspec.Struct):
    prompt: str
    answers: list[_AnswerLine]
    track: str = ""
    task: str = ""
    prompt_id: str | int = ""
    truth: str | float | None = None
    kind: Kind | None = None
    repeat: int = 0
    failures: tuple[RecordedFailure, ...] = ()


class _CompactLine(msgspec.Struct):
    q: str
    gt: str | float | None
    answers: dict[str, str]


_ENCODER = msgspec.json.Encoder()
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CANONICAL_LINE = msgspec.json.Decoder(_CanonicalLine)
_COMPACT_LINE = msgspec.json.Decoder(_CompactLine)


def encode_recording(recording: Recording) -> bytes:
    """Return the recording as one line in canonical form, without its line feed; `read_recordings` reads it back.

    What has its default value is left out.
    """
    return _ENCODER.encode(recording)


def read_recordings(path: Path | str) -> Iterator[Recording]:
    """Yield the recordings of a file, one line in memory at a time; blank lines are skipped.

    Raises InvalidRequest, with file, line and what was expected, for a file that cannot be read or a line that is
    neither form. It reads from disk: do not iterate it on an event loop.
    """
    file = Path(path)
    if not file.name.endswith(_SUFFIXES):
        raise InvalidRequest(f"{str(file)!r} is no file of recordings; its name has to end in {', '.join(_SUFFIXES)}")
    number = 0
    try:
        with _opened(file) as stream:
            while line := stream.readline(_MAX_LINE_BYTES + 1):
                number += 1
                if line.strip():
                    yield _recording(line, file, number)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        where = f"{file}:{number + 1}" if number else str(file)
        raise InvalidRequest(f"{where}: cannot be read ({error}); give a complete file of recordings") from error


def _opened(file: Path) -> BinaryIO:
    if file.name.endswith(".gz"):
        return cast("BinaryIO", gzip.open(file, "rb"))
    if file.name.endswith(".zst"):
        raw = file.open("rb")
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=True)
        return io.BufferedReader(cast("io.RawIOBase", reader))
    return file.open("rb")


def _recording(line: bytes, file: Path, number: int) -> Recording:
    where = f"{file}:{number}"
    if len(line) > _MAX_LINE_BYTES:
        raise InvalidRequest(f"{where}: the line is longer than {_MAX_LINE_BYTES} bytes; put one prompt on each line")
    try:
        fields = _FIELDS.decode(line)
        compact = "q" in fields and "prompt" not in fields
        found = _from_compact(line, file, number) if compact else _from_canonical(line, number)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{where}: {error}; {_EXPECTED}") from error
    if not found.answers:
        raise InvalidRequest(f"{where}: 'answers' is empty; {_EXPECTED} with at least one answer")
    return found


def _from_canonical(line: bytes, number: int) -> Recording:
    found = _CANONICAL_LINE.decode(line)
    return Recording(
        track=found.track,
        task=found.task,
        prompt_id=str(found.prompt_id) or str(number),
        prompt=found.prompt,
        truth=truth_text(found.truth),
        answers=tuple(_answer(answer) for answer in found.answers),
        kind=found.kind,
        repeat=found.repeat,
        failures=found.failures,
    )


def _from_compact(line: bytes, file: Path, number: int) -> Recording:
    found = _COMPACT_LINE.decode(line)
    return Recording(
        track=file.name.partition(".")[0],
        task="",
        prompt_id=str(number),
        prompt=found.q,
        truth=truth_text(found.gt),
        answers=tuple(RecordedAnswer(model=model, text=text) for model, text in found.answers.items()),
    )


def _answer(answer: _AnswerLine) -> RecordedAnswer:
    return RecordedAnswer(
        model=answer.model,
        text=answer.text,
        key=answer.key,
        correct=None if answer.correct is None else bool(answer.correct),
        latency_s=answer.latency_s,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cost_microusd=answer.cost_microusd,
        simulated=answer.simulated,
    )


def truth_text(value: str | float | None) -> str:
    """Return a true answer as text, '' for None; a number as people write it."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
