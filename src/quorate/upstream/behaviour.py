"""What a model of the upstream does, read from its name: words joined by `+`, such as `first-300ms+tokens-60`."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from quorate.core.errors import NotFound
from quorate.upstream.fault import FAULTS, Fault

MAX_WAIT_S = 600.0
MAX_TOKENS = 100_000
MAX_BYTES = 1024 * 1024


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How a model answers; all times in seconds.

    `delay_s` passes before the response begins, `first_s` before its first token, `gap_s` between two tokens; an answer
    in one piece comes when its last token would have. `tokens` or `size_bytes` is the length of a plain answer, `says`
    its text, and with `echo` it is the prompt. `fail_share` of the requests get status 500.
    """

    delay_s: float = 0.0
    first_s: float = 0.0
    gap_s: float = 0.0
    tokens: int | None = None
    size_bytes: int | None = None
    says: str | None = None
    echo: bool = False
    fail_share: float = 0.0
    fault: Fault | None = None
    lasts_s: float | None = None


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word of a model's name: how it is written, what it means, and the fields it sets."""

    form: str
    meaning: str
    pattern: re.Pattern[str]
    fields: Callable[[re.Match[str]], dict[str, Any]]


_TIME = r"(\d{1,6}(?:\.\d{1,6})?)(ms|s)"
_FAULT = re.compile(rf"(f\d\d(?:-fallback)?)(?:-{_TIME})?")


def _seconds(amount: str, unit: str) -> float:
    seconds = float(amount) / 1000 if unit == "ms" else float(amount)
    if seconds > MAX_WAIT_S:
        raise NotFound(f"{amount}{unit} is longer than the upstream waits; use at most {MAX_WAIT_S:g}s", param="model")
    return seconds


def _count(text: str, limit: int) -> int:
    if not 1 <= int(text) <= limit:
        raise NotFound(f"{text} is out of range in a model's name; use 1 to {limit}", param="model")
    return int(text)


def _tokens_per_s(text: str) -> dict[str, Any]:
    return {"gap_s": 1 / _count(text, 1_000_000)}


def _size(amount: str, unit: str) -> dict[str, Any]:
    return {"size_bytes": _count(str(int(amount) * (1024 if unit == "kb" else 1)), MAX_BYTES)}


def _share(text: str) -> dict[str, Any]:
    return {"fail_share": min(float(text), 100.0) / 100}


def _word(form: str, meaning: str, pattern: str, fields: Callable[[re.Match[str]], dict[str, Any]]) -> Word:
    return Word(form=form, meaning=meaning, pattern=re.compile(pattern), fields=fields)


WORDS: tuple[Word, ...] = (
    _word("fast", "answers at once; what every model does that says nothing else", "fast", lambda _: {}),
    _word(
        "delay-20ms",
        "the response begins after this time",
        f"delay-{_TIME}",
        lambda m: {"delay_s": _seconds(*m.groups())},
    ),
    _word(
        "first-300ms",
        "a stream's headers come at once, its first token after this time",
        f"first-{_TIME}",
        lambda m: {"first_s": _seconds(*m.groups())},
    ),
    _word("gap-5ms", "time between two tokens", f"gap-{_TIME}", lambda m: {"gap_s": _seconds(*m.groups())}),
    _word("tps-200", "tokens per second: a gap of 1/200 s", r"tps-(\d{1,7})", lambda m: _tokens_per_s(m[1])),
    _word(
        "tokens-60",
        "length of the answer in tokens",
        r"tokens-(\d{1,6})",
        lambda m: {"tokens": _count(m[1], MAX_TOKENS)},
    ),
    _word(
        "size-800b",
        "length of the answer's text in bytes; `kb` is 1024",
        r"size-(\d{1,8})(b|kb)",
        lambda m: _size(*m.groups()),
    ),
    _word(
        "says-blue_whale",
        "the answer is this text; `_` is a space",
        r"says-(.{1,200})",
        lambda m: {"says": m[1].replace("_", " ")},
    ),
    _word("echo", "the answer is the last message of the user", "echo", lambda _: {"echo": True}),
    _word(
        "fail-5pct",
        "this share of the requests gets status 500, evenly spread",
        r"fail-(\d{1,3}(?:\.\d{1,3})?)pct",
        lambda m: _share(m[1]),
    ),
)


@lru_cache(maxsize=4096)
def behaviour_of(name: str) -> Behaviour:
    """Return what the model called `name` does; raise `NotFound` naming the part that is not known.

    A label after `#` means nothing but makes another model of it, with counts of its own.
    """
    fields: dict[str, Any] = {}
    for part in name.partition("#")[0].split("+"):
        fields.update(_fault_fields(part) or _word_fields(part, name))
    return Behaviour(**fields)


def _word_fields(part: str, name: str) -> dict[str, Any]:
    for word in WORDS:
        if (match := word.pattern.fullmatch(part)) is not None:
            return word.fields(match)
    known = ", ".join((*(word.form for word in WORDS), "f01 ... f16"))
    raise NotFound(
        f"no model {name[:200]!r} here: {part[:100]!r} is no behaviour; join any of {known} with +", param="model"
    )


def _fault_fields(part: str) -> dict[str, Any] | None:
    match = _FAULT.fullmatch(part)
    if match is None or match[1] not in FAULTS:
        return None
    fault = Fault(match[1])
    lasts_s = FAULTS[fault].lasts_s
    if match[2] is None:
        return {"fault": fault, "lasts_s": lasts_s}
    if lasts_s is None:
        raise NotFound(f"the fault {fault.value} has no time to set in {part!r}; leave it away", param="model")
    return {"fault": fault, "lasts_s": _seconds(match[2], match[3])}
