"""Cuts a template into pieces and an expression into tokens, each with its offset in the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quorate.templating.place import Written

_OPEN: Final = re.compile(r"\{[{%#][-+]?")
_ENDRAW: Final = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<end>[-+]?(?:\}\}|%\}))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][-+]?[0-9]+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<op>//|\*\*|==|!=|<=|>=|[-+*/%~<>=.,:|()\[\]{}])
    )""",
    re.VERBOSE | re.DOTALL,
)
_SPACE: Final = re.compile(r"\s*")
_CLOSERS: Final = {"(": ")", "[": "]", "{": "}"}
_MAX_NESTING: Final = 40
_MAX_TOKENS: Final = 2_000
_MAX_PIECES: Final = 5_000


class Kind(StrEnum):
    """What a token is."""

    NAME = "name"
    NUMBER = "number"
    TEXT = "text"
    OP = "op"
    END = "end"


_KINDS: Final = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token; `at` is its offset in the whole text."""

    kind: Kind
    text: str
    at: int


class PieceKind(StrEnum):
    """What a piece of a template is. `verbatim`: a comment or raw block, passed on as it is."""

    TEXT = "text"
    OUTPUT = "output"
    TAG = "tag"
    VERBATIM = "verbatim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece. `left` and `right` are the marks that trim white space (`-`, `+` or nothing)."""

    kind: PieceKind
    text: str
    at: int
    tokens: tuple[Token, ...] = ()
    left: str = ""
    right: str = ""


def is_template(text: str) -> bool:
    """Whether anything in it is more than text."""
    return "{{" in text or "{%" in text or "{#" in text


def pieces(written: Written) -> Iterator[Piece]:
    """Yield the pieces of a template. Raises `TemplateError` at what is never closed."""
    text, at = written.text, 0
    for _ in range(_MAX_PIECES):
        if at >= len(text):
            return
        opened = _OPEN.search(text, at)
        if opened is None:
            yield Piece(kind=PieceKind.TEXT, text=text[at:], at=at)
            return
        if opened.start() > at:
            yield Piece(kind=PieceKind.TEXT, text=text[at : opened.start()], at=at)
        piece = _comment(written, opened) if opened[0][1] == "#" else _code(written, opened)
        yield piece
        at = piece.at + len(piece.text)
    raise written.error(at, f"the template has too many parts (more than {_MAX_PIECES} expressions and tags)")


def _comment(written: Written, opened: re.Match[str]) -> Piece:
    end = written.text.find("#}", opened.end())
    if end < 0:
        raise written.error(opened.start(), "this comment is never closed ('#}' is missing)")
    return Piece(kind=PieceKind.VERBATIM, text=written.text[opened.start() : end + 2], at=opened.start())


def _code(written: Written, opened: re.Match[str]) -> Piece:
    closer = "}}" if opened[0][1] == "{" else "%}"
    tokens = tuple(tokens_of(written, opened.end(), closer))
    end = tokens[-1]
    if closer == "%}" and tokens[0].text == "raw":
        closed = _ENDRAW.search(written.text, end.at)
        if closed is None:
            raise written.error(opened.start(), "this raw block is never closed ('{% endraw %}' is missing)")
        return Piece(kind=PieceKind.VERBATIM, text=written.text[opened.start() : closed.end()], at=opened.start())
    return Piece(
        kind=PieceKind.OUTPUT if closer == "}}" else PieceKind.TAG,
        text=written.text[opened.start() : end.at + len(end.text)],
        at=opened.start(),
        tokens=tokens,
        left=opened[0][2:],
        right=end.text[:-2],
    )


def tokens_of(written: Written, at: int, closer: str) -> Iterator[Token]:
    """Yield the tokens from an offset to `closer`, which is the last one; an empty closer is the end of the text."""
    nesting: list[tuple[str, int]] = []
    for _ in range(_MAX_TOKENS):
        token = _token(written, at, closer, inside=bool(nesting))
        if token.kind is Kind.END:
            if nesting:
                raise written.error(nesting[-1][1], f"this {written.text[nesting[-1][1]]!r} is never closed")
            yield token
            return
        if token.text in _CLOSERS and token.kind is Kind.OP:
            nesting.append((_CLOSERS[token.text], token.at))
            if len(nesting) > _MAX_NESTING:
                raise written.error(token.at, f"this is nested more than {_MAX_NESTING} deep")
        elif token.kind is Kind.OP and token.text in ")]}":
            if not nesting:
                raise written.error(token.at, f"unexpected {token.text!r}")
            expected, opened = nesting.pop()
            if expected != token.text:
                raise written.error(opened, f"this {written.text[opened]!r} is never closed")
        yield token
        at = token.at + len(token.text)
    raise written.error(at, f"the expression is too long (more than {_MAX_TOKENS} names, signs and literals)")


def _token(written: Written, at: int, closer: str, *, inside: bool) -> Token:
    text = written.text
    found = _TOKEN.match(text, at)
    if found is None:
        start = _SPACE.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess] - matches nothing too
        if start >= len(text):
            if not closer:
                return Token(kind=Kind.END, text="", at=len(text))
            raise written.error(max(0, at - 1), f"this is never closed ({closer!r} is missing)")
        raise written.error(start, f"unexpected character {text[start]!r}")
    kind = found.lastgroup or ""
    token = Token(kind=_KINDS[kind], text=found[kind], at=found.start(kind))
    if token.kind is not Kind.END or (token.text[-2:] == closer and not inside):
        return token
    # A bracket, a sign or a remainder that only looks like the end: '{{ {"a": {}} }}', '{{ a[-1] }}'.
    return Token(kind=Kind.OP, text=token.text[0], at=token.at)
