"""Short literal answers (a list, a quoted word, a formula): canonical text, and whether only identity counts."""

import ast
import warnings
from typing import NamedTuple, cast

from quorate.consensus.patterns import lazy

_MAX_CHARS = 400
_SYMBOLS = lazy(r"[\\^_=+*/<>(){}\[\]|]")
_VALUE = lazy(r"\d|\\[a-z]{2,}|^\w[=^]|\w\^")
_PLAIN_WORD = lazy(r"(?<![\\\w])[A-Za-z]{3,}")
_OPENERS = "[({'\""
_CALL = lazy(r"=?\s?[A-Za-z_][\w.]{0,60}\([^\n]{0,300}\)?;?(?:\n[^\n]{0,300}){0,6}")
_WRAPPING = lazy(r"\\(?:text|textbf|mathrm|mathbf)\s?\{([^{}]{0,200})\}")
_LAYOUT = lazy(r"\\left|\\right|\\[,;:! ]|\s+|\$|\\\(|\\\)|\\\[|\\\]")


class Literal(NamedTuple):
    """`strict` answers (structures, formulas) have to be equal, `quoted` ones equal to quoted or strict ones."""

    text: str
    strict: bool
    quoted: bool = False


def literal(span: str) -> Literal:
    """Return the canonical form of a short answer; case is kept for show and ignored unless both sides are strict."""
    bare = _unquoted(span.strip().strip("`").strip(), ("**",))
    if bare[:1] in _OPENERS and len(bare) <= _MAX_CHARS:
        value = _python_value(bare)
        if isinstance(value, str):
            return Literal(text=value, strict=False, quoted=True)
        if value is not None:
            return Literal(text=_canonical(value), strict=True)
    if _SYMBOLS().search(bare) and _VALUE().search(bare) and not _PLAIN_WORD().search(bare):
        return Literal(text=_formula(bare), strict=True)
    if _CALL().fullmatch(bare):
        return Literal(text=_LAYOUT().sub("", bare), strict=True)
    return Literal(text=_unquoted(" ".join(bare.split()), ("*", '"', "'")), strict=False)


def same_literal(one: Literal, other: Literal) -> bool | None:
    """Whether two answers are equal; None if neither is strict and more than identity has to decide."""
    if one.text == other.text:
        return True
    exact = (one.strict or one.quoted) and (other.strict or other.quoted)
    if not exact and _loose(one.text) == _loose(other.text):
        return True
    return False if exact or one.strict or other.strict else None


def _loose(text: str) -> str:
    return " ".join(text.casefold().replace("\\n", " ").split()).strip("\"'`. ")


def _unquoted(text: str, quotes: tuple[str, ...]) -> str:
    for quote in quotes:
        if len(text) > 2 * len(quote) and text.startswith(quote) and text.endswith(quote):
            return text.removeprefix(quote).removesuffix(quote)
    return text


def _formula(span: str) -> str:
    text = _LAYOUT().sub("", _WRAPPING().sub(r"\1", span))
    return text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").rstrip(".")


def _python_value(span: str) -> object | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a reply's own invalid escapes are none of the user's business
        try:
            return cast("object", ast.literal_eval(span))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None


def _canonical(value: object) -> str:
    """Like repr, with dict items and set members sorted, so that only their order is forgiven."""
    match value:
        case dict():
            items = cast("dict[object, object]", value).items()
            return "{" + ", ".join(sorted(f"{_canonical(key)}: {_canonical(item)}" for key, item in items)) + "}"
        case set():
            return "{" + ", ".join(sorted(_canonical(item) for item in cast("set[object]", value))) + "}"
        case list():
            return "[" + ", ".join(_canonical(item) for item in cast("list[object]", value)) + "]"
        case tuple():
            return "(" + ", ".join(_canonical(item) for item in cast("tuple[object, ...]", value)) + ")"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return repr(value)
