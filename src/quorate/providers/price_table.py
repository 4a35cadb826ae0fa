"""The price table, kept as one JSON file between runs; the models of a provider are packed until somebody asks."""

import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from importlib.metadata import version
from pathlib import Path
from typing import Literal, assert_never

import msgspec

from quorate.providers.price import Price

#: Counts up when the meaning of the file changes.
_FORMAT = 3


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a name is recognised: `op` applied to the lower-cased `text`, or `any`/`all` of `rules`."""

    op: Literal["equals", "starts_with", "ends_with", "contains", "regex", "any", "all"]
    text: str = ""
    rules: tuple["Rule", ...] = ()

    def matches(self, name: str) -> bool:
        """Whether the lower-cased `name` is recognised."""
        match self.op:
            case "equals":
                return name == self.text
            case "starts_with":
                return name.startswith(self.text)
            case "ends_with":
                return name.endswith(self.text)
            case "contains":
                return self.text in name
            case "regex":
                return re.search(self.text, name) is not None
            case "any":
                return any(rule.matches(name) for rule in self.rules)
            case "all":
                return all(rule.matches(name) for rule in self.rules)
            case _:
                assert_never(self.op)


class DatedPrice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price (`None`: not known) and when it holds: from a day on, or between two times of day; UTC."""

    price: Price | None = None
    since: date | None = None
    start: time | None = None
    end: time | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether the price holds at `moment`."""
        if self.since is not None:
            return moment.date() >= self.since
        if self.start is not None and self.end is not None:
            now = moment.time()
            if self.end < self.start:
                return now >= self.start or now < self.end
            return self.start <= now < self.end
        return True


class PricedModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model of the table; of several prices the last one that holds counts, the first if none does.

    `context_window` is the most tokens that it takes, `None` if the data do not say.
    """

    id: str
    rule: Rule
    prices: tuple[DatedPrice, ...]
    name: str = ""
    context_window: int | None = None

    def price_at(self, moment: datetime) -> Price | None:
        """Return the price at `moment` (aware), or `None` if it is not known."""
        utc = moment.astimezone(UTC)
        return next((dated for dated in reversed(self.prices) if dated.holds(utc)), self.prices[0]).price


_MODELS = msgspec.json.Decoder(tuple[PricedModel, ...])


class PricedProvider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provider of the table; `fallbacks` are the providers whose models it resells.

    Its models are packed, a fifteenth of their size in memory: a process asks for those of few providers.
    """

    id: str
    packed: bytes
    rule: Rule | None = None
    fallbacks: tuple[str, ...] = ()

    def models(self) -> tuple[PricedModel, ...]:
        """Unpack its models: below 1 ms, for a reseller of a thousand models 6 ms."""
        return _MODELS.decode(zlib.decompress(self.packed))


def pack(models: Sequence[PricedModel]) -> bytes:
    """Return models as a provider keeps them."""
    return zlib.compress(msgspec.json.encode(models))


def find(models: Sequence[PricedModel], name: str) -> PricedModel | None:
    """Return the model with the id or, if there is none, the first whose rule recognises `name` (lower-cased)."""
    exact = (priced for priced in models if priced.id.lower() == name)
    ruled = (priced for priced in models if priced.rule.matches(name))
    return next(exact, None) or next(ruled, None)


class PriceTable(msgspec.Struct, frozen=True, kw_only=True):
    """All known prices.

    `key` names the format and the version of the data they were compiled from, `checksum` is that of what is packed.
    """

    key: str
    checksum: int
    providers: tuple[PricedProvider, ...]


def _checksum(providers: Iterable[PricedProvider]) -> int:
    value = 0
    for provider in providers:
        value = zlib.crc32(provider.packed, value)
    return value


def load_table(cache_path: Path | None) -> PriceTable:
    """Return the table, from the file at `cache_path` if it holds this version's, else compiled and written there.

    A file that is missing, damaged or of another version is replaced; one that cannot be written is done without.
    Blocking: 160 ms to compile (nearly all of it imports the data), 1 ms from the file.
    """
    key = f"{_FORMAT}/{version('genai-prices')}"
    table = None if cache_path is None else _read(cache_path)
    if table is not None and table.key == key and table.checksum == _checksum(table.providers):
        return table
    # slow: 150 ms, needed only when there is no file with the compiled table
    from quorate.providers.price_compile import compile_providers  # noqa: PLC0415

    providers = compile_providers()
    table = PriceTable(key=key, checksum=_checksum(providers), providers=providers)
    if cache_path is not None:
        _write(cache_path, msgspec.json.encode(table))
    return table


def _read(path: Path) -> PriceTable | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PriceTable)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _write(path: Path, data: bytes) -> None:
    """Replace the file in one step, so that no reader ever sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError:
        return  # a cache that cannot be kept costs time, nothing else
