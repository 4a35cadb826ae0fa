"""Read a YAML file into plain values that remember where they stand.

The values follow YAML 1.2's core rules (`no` and `on` are text, `010` is ten), keys are always text. Built from the
parser's events rather than by a constructor: no tag can build an object, aliases are refused or counted (so that no
alias bomb goes off), and depth is checked before anything recurses. libyaml's parser is used where PyYAML has it: it
takes a nineteenth of the time (a file of 1,860 characters: 9.1 ms and 0.5 ms).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import yaml

from quorate.source.anchors import MAX_NODES, AliasRefused, Anchors, paths_in
from quorate.source.place import BadConfiguration, KeyPath, Problem, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)")
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
#: The loader whose events are read; the one in Python where PyYAML was built without libyaml.
_LOADER: type[object] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq"))


class Mark(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place in a file: line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's values: dicts, lists, text, numbers, booleans and `None`.

    `values` are the marks of values, `keys` those of the keys in front of them. `decimals` are the numbers with a
    point as they were written: `1.10` is another text than `1.1`.
    """

    file: str
    tree: dict[str, Any]
    values: dict[KeyPath, Mark]
    keys: dict[KeyPath, Mark]
    decimals: dict[KeyPath, str] = field(default_factory=dict[KeyPath, str])

    def place(self, path: KeyPath) -> str:
        """Return where the value at `path` stands; the nearest container's place if it has none of its own."""
        for length in range(len(path), 0, -1):
            if (mark := self.values.get(path[:length])) is not None:
                return str(mark)
        return self.file

    def key_place(self, path: KeyPath) -> str:
        """Return where the key at the end of `path` stands."""
        mark = self.keys.get(path)
        return self.place(path) if mark is None else str(mark)


def plain_scalar(text: str) -> str | float | bool | None:
    """Return what an unquoted scalar means in YAML 1.2's core schema (decimal numbers only)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def read_document(path: Path, *, shown_as: str | None = None, aliases: bool = False) -> Document:
    """Return the values of a YAML file; raise `BadConfiguration` naming file, line and column of every problem.

    The file is at most `MAX_BYTES` long and `MAX_DEPTH` levels deep. With `aliases`, `*name` repeats what `&name`
    anchors, at most `anchors.MAX_ALIASES` times and up to `anchors.MAX_NODES` values in all; without it, it is an
    error. Blocking: call it before the event loop runs.
    """
    name = shown_as or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _bad(name, f"cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise _bad(name, f"is larger than {MAX_BYTES} bytes; a configuration is not that long")
    return parse_bytes(data, name, aliases=aliases)


def parse_bytes(data: bytes, file: str, *, aliases: bool = False) -> Document:
    """Return the values of YAML in UTF-8, with or without a byte order mark; as `parse_document` otherwise."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _bad(f"{file}:{line}:1", f"is not UTF-8 text (byte {error.start}: {error.reason})") from None
    return parse_document(text, file, aliases=aliases)


def parse_document(text: str, file: str, *, aliases: bool = False) -> Document:
    """Return the values of YAML text; raise `BadConfiguration` with every problem that does not stop the parser."""
    reader = _Reader(text, file, aliases=aliases)
    try:
        tree = reader.read()
    except yaml.MarkedYAMLError as error:
        raise BadConfiguration([*reader.problems, _syntax_problem(error, file)]) from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise _bad(file, f"is not YAML: {' '.join(str(error).split())}") from None
    if reader.problems:
        raise BadConfiguration(reader.problems)
    return Document(file=file, tree=tree, values=reader.values, keys=reader.keys, decimals=reader.decimals)


def _bad(where: str, message: str) -> BadConfiguration:
    return BadConfiguration([Problem(where=where, path=(), message=message)])


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark is not None else file
    what = ", ".join(part for part in (error.problem, error.context) if part)
    return Problem(where=where, path=(), message=f"is not YAML: {what}")


class _Reader:
    """Builds the tree from parser events; lives for one file."""

    def __init__(self, text: str, file: str, *, aliases: bool) -> None:
        parse = cast("Callable[..., Iterator[yaml.Event]]", yaml.parse)
        self._events = parse(text, Loader=_LOADER)
        self._file = file
        self._anchors = Anchors() if aliases else None
        self.values: dict[KeyPath, Mark] = {}
        self.keys: dict[KeyPath, Mark] = {}
        self.decimals: dict[KeyPath, str] = {}
        self.problems: list[Problem] = []

    def read(self) -> dict[str, Any]:
        next(self._events)  # the stream's start
        self.values[()] = Mark(file=self._file, line=1, column=1)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return {}
        first = next(self._events)
        tree = self._value(first, ())
        next(self._events)  # the document's end
        extra = next(self._events)
        if isinstance(extra, yaml.DocumentStartEvent):
            self._problem(extra, (), "begins a second document; a configuration is one document")
        if tree is None:
            return {}
        if not isinstance(tree, dict):
            self._problem(first, (), f"expected keys and values such as `version: 1`, found {shown(tree)}")
            return {}
        return cast("dict[str, Any]", tree)

    def _value(self, event: yaml.Event, path: KeyPath) -> object:
        self.values[path] = self._mark(event)
        self._refuse_foreign_tag(event, path)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        anchor = cast("str | None", getattr(event, "anchor", None))
        if anchor is None or self._anchors is None:
            return self._content(event, path)
        self._anchors.begin(anchor)
        value = self._content(event, path)
        self._anchors.end(anchor, path, value)
        return value

    def _content(self, event: yaml.Event, path: KeyPath) -> object:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= MAX_DEPTH:
            # Going on would recurse as deep as the file says.
            self._problem(event, path[:4], f"is nested deeper than {MAX_DEPTH} levels")
            raise BadConfiguration(self.problems)
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._sequence(path)

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath) -> object:
        if event.tag is not None or not event.implicit[0]:
            return event.value
        value = plain_scalar(event.value)
        if isinstance(value, float):
            self.decimals[path] = event.value
        return value

    def _alias(self, event: yaml.AliasEvent, path: KeyPath) -> object:
        """Return a copy of what an alias repeats; what is in it keeps the places where it was written."""
        if self._anchors is None:
            self._problem(event, path, f"the alias *{event.anchor} is not supported; write the value out")
            return None
        try:
            source, value = self._anchors.follow(event.anchor)
        except AliasRefused as refused:
            self._problem(event, path, str(refused))
            if refused.final:
                raise BadConfiguration(self.problems) from None
            return None
        if source in self.decimals:
            self.decimals[path] = self.decimals[source]
        for inner in paths_in(value):
            if inner:
                self._repeat(source + inner, path + inner)
                self._check_size(event, path + inner)
        return value

    def _repeat(self, source: KeyPath, path: KeyPath) -> None:
        self.values[path] = self.values[source]
        if source in self.keys:
            self.keys[path] = self.keys[source]
        if source in self.decimals:
            self.decimals[path] = self.decimals[source]

    def _check_size(self, event: yaml.Event, path: KeyPath) -> None:
        if len(path) > MAX_DEPTH or len(self.values) > MAX_NODES:
            most = f"{MAX_DEPTH} levels" if len(path) > MAX_DEPTH else f"{MAX_NODES:,} values"
            self._problem(event, path[:4], f"is more than {most} with what its aliases repeat")
            raise BadConfiguration(self.problems)

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            step = (*path, key)
            if key in mapping:
                self._problem(event, step, f"is given twice; the first is at line {self.keys[step].line}")
            else:
                self.keys[step] = self._mark(event)
            mapping[key] = self._value(next(self._events), step)
        return mapping

    def _key(self, event: yaml.Event, path: KeyPath) -> str:
        if isinstance(event, yaml.ScalarEvent):
            if event.value == "<<" and self._anchors is not None:
                self._problem(event, path, "the merge key << is not part of YAML 1.2; write its keys out")
            return event.value
        self._problem(event, path, "a key must be text")
        if isinstance(event, yaml.CollectionStartEvent):
            self._value(event, (*path, "?"))
        return "?"

    def _sequence(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _refuse_foreign_tag(self, event: yaml.Event, path: KeyPath) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in _CORE_TAGS and tag != "!":
            self._problem(event, path, f"the tag {shown(tag)} is not allowed; only plain values are")

    def _mark(self, event: yaml.Event) -> Mark:
        mark = event.start_mark
        return Mark(file=self._file, line=mark.line + 1, column=mark.column + 1)

    def _problem(self, event: yaml.Event, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(where=str(self._mark(event)), path=path, message=message))
