"""Translates an expression into one for the engine, in which every step is bounded and every name is resolved by us.

The engine (minijinja) runs control flow, logic, equality and plain arithmetic. What could allocate without bound
(joining, repeating, filters, lists in lists) or reach into a Python object (attributes, methods) becomes a call of
ours. Names of the scope become numbered variables that are looked up in mappings only, before the engine starts.
Precedence is Jinja's; the translation has brackets everywhere, so that the engine's own never matters.
"""

from collections.abc import Callable
from typing import Final

from quorate.templating.builtins import FILTERS, TESTS
from quorate.templating.lexer import Kind
from quorate.templating.names import Bound, Path
from quorate.templating.operand import Operand
from quorate.templating.place import nearest
from quorate.templating.primary import Primaries
from quorate.templating.token_reader import CONSTANTS, WORDS

_ORDER: Final = frozenset({"<", "<=", ">", ">="})
_OPTIONAL: Final = frozenset({"default", "d"})


class Expressions(Primaries):
    """Live: the translator of the expressions of one text. `names` are those bound where it stands."""

    # What the translator of templates asks for.

    def path_only(self) -> Path | None:
        """Return the path if the rest is a name of the scope with constant parts and nothing else."""
        first, *rest = self._tokens[self._index : -1] or [self.token]
        if first.kind is not Kind.NAME or first.text in CONSTANTS or first.text in WORDS or first.text[0] == "_":
            return None
        if self._names.get(first.text) or first.text in self._known.macros:
            return None
        path: list[str | int] = [first.text]
        texts = [token.text for token in rest]
        while texts:
            match texts:
                case [".", name, *texts] if name.isidentifier() and texts[:1] != ["("]:
                    path.append(name)
                case ["[", key, "]", *texts] if key.isdecimal():
                    path.append(int(key))
                case ["[", key, "]", *texts] if key[0] in "'\"" and "\\" not in key:
                    path.append(key[1:-1])
                case _:
                    return None
        return tuple(path)

    def without_if(self) -> str:
        """Translate an expression that an `if` may follow."""
        return self.strict(self._or())

    def filtered(self, code: str, at: int) -> str:
        """Translate `name(...) | name(...)` with `code` before the first bar."""
        operand = self._filter(Operand(code=code, at=at))
        while self.take("|"):
            operand = self._filter(operand)
        return self.strict(operand)

    def macro_call(self) -> str:
        """Translate the call of a macro."""
        at = self.token.at
        operand = self._postfix()
        if operand.what is not Bound.MACRO:
            raise self.wrong("a macro is called here, as in {% call box('title') %}", at)
        return operand.code

    # Precedence, from the weakest.

    def ternary(self) -> Operand:
        """Translate an expression, which may still become a path."""
        left = self._or()
        while self.take("if"):
            condition = self.strict(self._or())
            other = self.strict(self.ternary()) if self.take("else") else "none"
            left = Operand(code=f"({self.strict(left)} if {condition} else {other})", at=left.at)
        return left

    def _or(self) -> Operand:
        return self._chain(self._and, "or")

    def _and(self) -> Operand:
        return self._chain(self._not, "and")

    def _chain(self, below: Callable[[], Operand], word: str) -> Operand:
        left = below()
        parts = list[str]()
        while self.take(word):
            parts = parts or [self.strict(left)]
            parts.append(self.strict(below()))
        return Operand(code=f"({f' {word} '.join(parts)})", at=left.at) if parts else left

    def _not(self) -> Operand:
        at = self.token.at
        if self.take("not"):
            return Operand(code=f"(not {self.strict(self._not())})", at=at)
        return self._compare()

    def _compare(self) -> Operand:
        left = self._sum()
        while True:
            at = self.token.at
            if self.take("==", "!="):
                sign = self._tokens[self._index - 1].text
                left = Operand(code=f"({self.strict(left)} {sign} {self.strict(self._sum())})", at=at)
            elif self.take(*_ORDER):
                sign = self._tokens[self._index - 1].text
                left = self._call("order", at, f"{sign!r}", self.strict(left), self.strict(self._sum()))
            elif self.take("in"):
                left = self._call("in", at, self.strict(left), self.strict(self._sum()))
            elif self.token.text == "not" and self._tokens[self._index + 1].text == "in":
                self._index += 2
                inside = self._call("in", at, self.strict(left), self.strict(self._sum()))
                left = Operand(code=f"(not {inside.code})", at=at)
            else:
                return left

    def _sum(self) -> Operand:
        left = self._joined()
        while True:
            at = self.token.at
            if self.take("+"):
                left = self._grow("add", "+", at, left, self._joined())
            elif self.take("-"):
                left = Operand(code=f"({self.strict(left)} - {self.strict(self._joined())})", at=at, safe=True)
            else:
                return left

    def _joined(self) -> Operand:
        left, at = self._product(), self.token.at
        parts = list[str]()
        while self.take("~"):
            parts = parts or [self.strict(left)]
            parts.append(self.strict(self._product()))
        return self._call("join", at, *parts) if parts else left

    def _product(self) -> Operand:
        left = self._power()
        while self.take("*", "/", "//", "%"):
            sign, at = self._tokens[self._index - 1].text, self._tokens[self._index - 1].at
            right = self._power()
            if sign == "*":
                left = self._grow("times", "*", at, left, right)
            else:
                left = Operand(code=f"({self.strict(left)} {sign} {self.strict(right)})", at=at, safe=True)
        return left

    def _power(self) -> Operand:
        left = self._unary()
        while self.take("**"):
            left = Operand(code=f"({self.strict(left)} ** {self.strict(self._unary())})", at=left.at, safe=True)
        return left

    def _grow(self, name: str, sign: str, at: int, left: Operand, right: Operand) -> Operand:
        if left.safe and right.safe:
            return Operand(code=f"({self.strict(left)} {sign} {self.strict(right)})", at=at, safe=True)
        return self._call(name, at, self.strict(left), self.strict(right))

    def _unary(self, *, filters: bool = True) -> Operand:
        at = self.token.at
        if self.take("-"):
            operand = Operand(code=f"(-{self.strict(self._unary(filters=False))})", at=at, safe=True)
        elif self.take("+"):
            operand = self._unary(filters=False)
        else:
            operand = self._postfix()
        return self._filters(operand) if filters else operand

    def _filters(self, operand: Operand) -> Operand:
        while True:
            if self.take("|"):
                operand = self._filter(operand)
            elif self.take("is"):
                operand = self._test(operand)
            else:
                return operand

    def _filter(self, operand: Operand) -> Operand:
        at, name = self.token.at, self.word("the name of a filter")
        if name in self._known.functions:
            return self._user(at, name, self.strict(operand))
        if name not in FILTERS:
            known = FILTERS.keys() | self._known.functions
            raise self.wrong(f"there is no filter {name!r}{nearest(name, known)}", at)
        first = self._optional(operand) if name in _OPTIONAL else self.strict(operand)
        self._uses.slow = self._uses.slow or FILTERS[name].slow
        return self._call(f"f_{name}", at, first, *self._arguments())

    def _test(self, operand: Operand) -> Operand:
        negated = self.take("not")
        at, name = self.token.at, self.word("the name of a test")
        if name in ("defined", "undefined"):
            code = self._call("is_there", at, self._optional(operand)).code
            negated ^= name == "undefined"
        elif name in TESTS:
            arguments = self._arguments()
            if not arguments and TESTS[name].argument:
                arguments = [self.strict(self._unary(filters=False))]
            code = self._call(f"t_{name}", at, self.strict(operand), *arguments).code
        else:
            raise self.wrong(f"there is no test {name!r}{nearest(name, [*TESTS, 'defined', 'undefined'])}", at)
        return Operand(code=f"(not {code})" if negated else code, at=at)
