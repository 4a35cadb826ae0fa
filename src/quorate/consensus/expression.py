r"""The value of a small arithmetic expression: numbers, + - * / ^, roots, pi, parentheses, LaTeX \frac and \sqrt.

A recursive-descent parser with bounded length and depth; nothing is executed.
"""

import math

from quorate.consensus.patterns import lazy

_MAX_CHARS = 160
_MAX_DEPTH = 24
_MAX_EXPONENT = 512
_TOKEN = lazy(r"\s*(\d+(?:\.\d+)?|\.\d+|\\[a-z]+|[-+*/^(){}\[\]])")
_UNICODE = str.maketrans(
    {
        "\u00d7": "*",
        "\u00b7": "*",
        "\u22c5": "*",
        "\u00f7": "/",
        "\u2212": "-",
        "\u2013": "-",
        "\u03c0": "\\pi ",
        "\u221a": "\\sqrt ",
        "\u00b2": "^2",
        "\u00b3": "^3",
    }
)
_SYNONYMS = {"\\times": "*", "\\cdot": "*", "\\div": "/", "\\dfrac": "\\frac", "\\tfrac": "\\frac"}
_IGNORED = frozenset({"\\left", "\\right", "\\displaystyle"})
_CLOSERS = {"(": ")", "{": "}", "[": "]"}


def evaluate(text: str) -> float | None:
    """Return the value of an expression that fills the whole text, or None if it is not one."""
    if len(text) > _MAX_CHARS:
        return None
    parts = _split(text.translate(_UNICODE))
    if not parts:
        return None
    parser = _Parser(parts)
    try:
        value = parser.sum(0)
    except (ArithmeticError, ValueError, IndexError):
        return None
    if parser.position != len(parts) or isinstance(value, complex) or not math.isfinite(value):
        return None
    return value


def _split(text: str) -> list[str] | None:
    parts: list[str] = []
    position = 0
    text = text.rstrip().replace("**", "^")
    while position < len(text):
        match = _TOKEN().match(text, position)
        if match is None:
            return None
        part = match.group(1)
        if part not in _IGNORED:
            parts.append(_SYNONYMS.get(part, part))
        position = match.end()
    return parts


class _Parser:
    """One pass over the tokens; IndexError means that the text ended too early, ValueError that it is no expression."""

    def __init__(self, parts: list[str]) -> None:
        self.parts = parts
        self.position = 0

    def peek(self) -> str:
        return self.parts[self.position] if self.position < len(self.parts) else ""

    def take(self) -> str:
        part = self.parts[self.position]
        self.position += 1
        return part

    def sum(self, depth: int) -> float:
        if depth > _MAX_DEPTH:
            raise ValueError("the expression is nested too deeply")
        value = self.product(depth)
        while self.peek() in {"+", "-"}:
            sign = 1.0 if self.take() == "+" else -1.0
            value += sign * self.product(depth)
        return value

    def product(self, depth: int) -> float:
        value = self.signed(depth)
        while True:
            part = self.peek()
            if part == "*":
                self.take()
                value *= self.signed(depth)
            elif part == "/":
                self.take()
                value /= self.signed(depth)
            elif part.startswith("\\") or part in {"(", "{"}:
                value *= self.power(depth)
            elif part[:1].isdigit() and self.parts[self.position - 1] in {")", "}", "\\pi"}:
                raise ValueError("two numbers side by side are not a product")
            else:
                return value

    def signed(self, depth: int) -> float:
        sign = 1.0
        while self.peek() in {"+", "-"}:
            sign = -sign if self.take() == "-" else sign
        return sign * self.power(depth)

    def power(self, depth: int) -> float:
        base = self.atom(depth + 1)
        if self.peek() != "^":
            return base
        self.take()
        negative = self.peek() == "-"
        if negative:
            self.take()
        exponent = self.atom(depth + 1)
        if abs(exponent) > _MAX_EXPONENT or (base < 0 and exponent != int(exponent)):
            raise ValueError("the power is out of range")
        return base ** (-exponent if negative else exponent)

    def atom(self, depth: int) -> float:
        part = self.take()
        if part[0].isdigit() or part[0] == ".":
            return float(part)
        if part in _CLOSERS:
            value = self.sum(depth + 1)
            if self.take() != _CLOSERS[part]:
                raise ValueError("a bracket is not closed by its partner")
            return value
        if part == "\\pi":
            return math.pi
        if part == "\\frac":
            return self.argument(depth) / self.argument(depth)
        if part == "\\sqrt":
            return self.root(depth)
        raise ValueError(f"{part!r} is not part of a number")

    def argument(self, depth: int) -> float:
        r"""Read a braced argument, or the one or two digits that LaTeX takes without braces (`\frac12`)."""
        part = self.peek()
        if part.isdigit() and len(part) > 1:
            self.parts[self.position : self.position + 1] = [part[0], part[1:]]
        return self.atom(depth + 1)

    def root(self, depth: int) -> float:
        index = 2.0
        if self.peek() == "[":
            index = self.atom(depth + 1)
        radicand = self.argument(depth) if self.peek() == "{" else self.atom(depth + 1)
        return math.sqrt(radicand) if index == 2.0 else radicand ** (1.0 / index)  # noqa: PLR2004  # square root
