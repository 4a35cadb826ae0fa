"""Translates an expression into one for the engine, in which every step is bounded and every name is resolved by us.

The engine (minijinja) runs control flow, logic, equality and plain arithmetic. What could allocate without bound
(joining, repeating, filters, lists in lists) or reach into a Python object (attributes, methods) becomes a call of
ours. Names of the scope become numbered variables that are looked up in mappings only, before the engine starts.
Precedence is Jinja's; the translation has brackets everywhere, so that the engine's own never matters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from quorate.templating.builtins import FILTERS, FUNCTIONS, METHODS, TESTS
from quorate.templating.lexer import Kind, Token
from quorate.templating.names import Bound, Known, Names, Path, Table, Uses
from quorate.templating.place import Written, nearest

_CONSTANTS: Final = {"true": "true", "True": "true", "false": "false", "False": "false"} | dict.fromkeys(
    ("none", "None", "null"), "none"
)
_LOOP: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem", "nextitem"}
)
_WORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else"})
_ORDER: Final = frozenset({"<", "<=", ">", ">="})
_OPTIONAL: Final = frozenset({"default", "d"})


@dataclass(frozen=True, slots=True)
class _Operand:
    """A part that has been translated. `path`: it is a name of the scope and nothing else so far.

    `optional` is the code where its absence is allowed; `safe`: a literal or a number, which cannot grow.
    """

    code: str
    at: int
    path: Path | None = None
    optional: str = ""
    safe: bool = False
    what: Bound = Bound.VALUE


class Expressions:
    """Live: the translator of the expressions of one text. `names` are those bound where it stands."""

    def __init__(self, written: Written, table: Table, known: Known, names: Names, uses: Uses) -> None:
        self._written = written
        self._table = table
        self._known = known
        self._names = names
        self._uses = uses
        self._tokens: Sequence[Token] = ()
        self._index = 0

    # What the translator of templates asks for.

    def begin(self, tokens: Sequence[Token], index: int = 0) -> None:
        """Stand before a token."""
        self._tokens = tokens
        self._index = index

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._index]

    def take(self, *texts: str) -> bool:
        """Go over the next token if it is one of those."""
        if self.token.text in texts and self.token.kind in (Kind.OP, Kind.NAME):
            self._index += 1
            return True
        return False

    def need(self, text: str) -> None:
        """Go over this token; anything else is an error."""
        if not self.take(text):
            raise self.wrong(f"{text!r} is missing here")

    def name(self) -> str:
        """Take a name that the template may bind."""
        token = self.token
        if token.kind is not Kind.NAME or token.text in _CONSTANTS or token.text in _WORDS:
            raise self.wrong("a name is missing here")
        if token.text.startswith("_"):
            raise self.wrong(f"the name {token.text!r} begins with an underscore")
        self._index += 1
        return token.text

    def end(self) -> None:
        """Raise unless nothing more comes."""
        if self.token.kind is not Kind.END:
            raise self.wrong(f"unexpected {self.token.text!r}")

    def wrong(self, message: str, at: int | None = None) -> Exception:
        """Return the error at an offset, or at the next token."""
        return self._written.error(self.token.at if at is None else at, message)

    def place(self, at: int) -> int:
        """Return the number of a place in this text."""
        return self._table.place(self._written, at)

    def path_only(self) -> Path | None:
        """Return the path if the rest is a name of the scope with constant parts and nothing else."""
        first, *rest = self._tokens[self._index : -1] or [self.token]
        if first.kind is not Kind.NAME or first.text in _CONSTANTS or first.text in _WORDS or first.text[0] == "_":
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

    def value(self) -> str:
        """Translate an expression."""
        return self.strict(self._ternary())

    def without_if(self) -> str:
        """Translate an expression that an `if` may follow."""
        return self.strict(self._or())

    def filtered(self, code: str, at: int) -> str:
        """Translate `name(...) | name(...)` with `code` before the first bar."""
        operand = self._filter(_Operand(code, at))
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

    # Names.

    def strict(self, operand: _Operand) -> str:
        """Return the code in which an absent name is an error."""
        if operand.path is None:
            return operand.code
        number = self._table.path(operand.path)
        self._uses.paths[number] = None
        return f"(_r{number} if _r{number} is defined else _q_missing({self.place(operand.at)}, {number}))"

    def _optional(self, operand: _Operand) -> str:
        if operand.path is None:
            return operand.optional or operand.code
        number = self._table.path(operand.path)
        self._uses.paths[number] = None
        return f"(_r{number} if _r{number} is defined else _q_nothing())"

    # Precedence, from the weakest.

    def _ternary(self) -> _Operand:
        left = self._or()
        while self.take("if"):
            condition = self.strict(self._or())
            other = self.strict(self._ternary()) if self.take("else") else "none"
            left = _Operand(f"({self.strict(left)} if {condition} else {other})", left.at)
        return left

    def _or(self) -> _Operand:
        return self._chain(self._and, "or")

    def _and(self) -> _Operand:
        return self._chain(self._not, "and")

    def _chain(self, below: Callable[[], _Operand], word: str) -> _Operand:
        left = below()
        parts = list[str]()
        while self.take(word):
            parts = parts or [self.strict(left)]
            parts.append(self.strict(below()))
        return _Operand(f"({f' {word} '.join(parts)})", left.at) if parts else left

    def _not(self) -> _Operand:
        at = self.token.at
        if self.take("not"):
            return _Operand(f"(not {self.strict(self._not())})", at)
        return self._compare()

    def _compare(self) -> _Operand:
        left = self._sum()
        while True:
            at = self.token.at
            if self.take("==", "!="):
                sign = self._tokens[self._index - 1].text
                left = _Operand(f"({self.strict(left)} {sign} {self.strict(self._sum())})", at)
            elif self.take(*_ORDER):
                sign = self._tokens[self._index - 1].text
                left = self._call("order", at, f"{sign!r}", self.strict(left), self.strict(self._sum()))
            elif self.take("in"):
                left = self._call("in", at, self.strict(left), self.strict(self._sum()))
            elif self.token.text == "not" and self._tokens[self._index + 1].text == "in":
                self._index += 2
                inside = self._call("in", at, self.strict(left), self.strict(self._sum()))
                left = _Operand(f"(not {inside.code})", at)
            else:
                return left

    def _sum(self) -> _Operand:
        left = self._joined()
        while True:
            at = self.token.at
            if self.take("+"):
                left = self._grow("add", "+", at, left, self._joined())
            elif self.take("-"):
                left = _Operand(f"({self.strict(left)} - {self.strict(self._joined())})", at, safe=True)
            else:
                return left

    def _joined(self) -> _Operand:
        left, at = self._product(), self.token.at
        parts = list[str]()
        while self.take("~"):
            parts = parts or [self.strict(left)]
            parts.append(self.strict(self._product()))
        return self._call("join", at, *parts) if parts else left

    def _product(self) -> _Operand:
        left = self._power()
        while self.take("*", "/", "//", "%"):
            sign, at = self._tokens[self._index - 1].text, self._tokens[self._index - 1].at
            right = self._power()
            if sign == "*":
                left = self._grow("times", "*", at, left, right)
            else:
                left = _Operand(f"({self.strict(left)} {sign} {self.strict(right)})", at, safe=True)
        return left

    def _power(self) -> _Operand:
        left = self._unary()
        while self.take("**"):
            left = _Operand(f"({self.strict(left)} ** {self.strict(self._unary())})", left.at, safe=True)
        return left

    def _grow(self, name: str, sign: str, at: int, left: _Operand, right: _Operand) -> _Operand:
        if left.safe and right.safe:
            return _Operand(f"({self.strict(left)} {sign} {self.strict(right)})", at, safe=True)
        return self._call(name, at, self.strict(left), self.strict(right))

    def _unary(self, *, filters: bool = True) -> _Operand:
        at = self.token.at
        if self.take("-"):
            operand = _Operand(f"(-{self.strict(self._unary(filters=False))})", at, safe=True)
        elif self.take("+"):
            operand = self._unary(filters=False)
        else:
            operand = self._postfix()
        return self._filters(operand) if filters else operand

    def _filters(self, operand: _Operand) -> _Operand:
        while True:
            if self.take("|"):
                operand = self._filter(operand)
            elif self.take("is"):
                operand = self._test(operand)
            else:
                return operand

    def _filter(self, operand: _Operand) -> _Operand:
        at, name = self.token.at, self._word("the name of a filter")
        if name in self._known.functions:
            return self._user(at, name, self.strict(operand))
        if name not in FILTERS:
            known = FILTERS.keys() | self._known.functions
            raise self.wrong(f"there is no filter {name!r}{nearest(name, known)}", at)
        first = self._optional(operand) if name in _OPTIONAL else self.strict(operand)
        self._uses.slow = self._uses.slow or FILTERS[name].slow
        return self._call(f"f_{name}", at, first, *self._arguments())

    def _test(self, operand: _Operand) -> _Operand:
        negated = self.take("not")
        at, name = self.token.at, self._word("the name of a test")
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
        return _Operand(f"(not {code})" if negated else code, at)

    def _word(self, what: str) -> str:
        if self.token.kind is not Kind.NAME:
            raise self.wrong(f"{what} is missing here")
        self._index += 1
        return self._tokens[self._index - 1].text

    # Names with what follows them, and literals.

    def _postfix(self) -> _Operand:
        operand = self._primary()
        while True:
            at = self.token.at
            if self.take("."):
                operand = self._attribute(operand, at)
            elif self.take("["):
                operand = self._subscript(operand, at)
                self.need("]")
            elif self.token.text == "(" and self.token.kind is Kind.OP:
                raise self.wrong("this cannot be called; only functions, macros and methods of values can")
            else:
                return operand

    def _attribute(self, operand: _Operand, at: int) -> _Operand:
        name = self._word("a name")
        called = self.token.text == "(" and self.token.kind is Kind.OP
        if operand.what is Bound.MODULE:
            if not called:
                raise self.wrong("a macro of an imported template can only be called", at)
            return _Operand(f"{operand.code}.{name}({', '.join(self._arguments())})", at, what=Bound.MACRO)
        if operand.what is Bound.LOOP:
            return self._loop(name, at, called=called)
        if called:
            if name not in METHODS:
                raise self.wrong(f"values have no method {name!r}{nearest(name, METHODS)}", at + 1)
            return self._call(f"m_{name}", at, self.strict(operand), *self._arguments())
        return self._field(operand, name, f"{name!r}", at)

    def _loop(self, name: str, at: int, *, called: bool) -> _Operand:
        if called and name in ("cycle", "changed"):
            return _Operand(f"loop.{name}({', '.join(self._arguments())})", at)
        if called or name not in _LOOP:
            raise self.wrong(f"'loop' has no {name!r}{nearest(name, _LOOP)}", at)
        return _Operand(f"loop.{name}", at, safe=name not in ("previtem", "nextitem"))

    def _subscript(self, operand: _Operand, at: int) -> _Operand:
        token, after = self.token, self._tokens[self._index + 1].text
        if after == "]" and token.kind is Kind.TEXT and "\\" not in token.text:
            self._index += 1
            return self._field(operand, token.text[1:-1], token.text, at)
        if after == "]" and token.kind is Kind.NUMBER and token.text.isdecimal():
            self._index += 1
            return self._field(operand, int(token.text), token.text, at)
        first = "" if self.token.text == ":" else self.value()
        if self.token.text != ":":
            return self._field(operand, None, first, at)
        parts = [first]
        while self.take(":"):
            parts.append("" if self.token.text in ("]", ":") else self.value())
        return self._call("slice", at, self.strict(operand), *(part or "none" for part in parts))

    def _field(self, operand: _Operand, key: str | int | None, code: str, at: int) -> _Operand:
        if operand.path is not None and key is not None:
            return _Operand("", operand.at, (*operand.path, key))
        place = self.place(at)
        return _Operand(
            f"_q_get({place}, {self.strict(operand)}, {code})",
            at,
            optional=f"_q_find({place}, {self._optional(operand)}, {code})",
        )

    def _primary(self) -> _Operand:
        token = self.token
        match token.kind:
            case Kind.NUMBER:
                self._index += 1
                return _Operand(token.text, token.at, safe=True)
            case Kind.TEXT:
                return self._texts()
            case Kind.NAME if token.text not in _WORDS:
                self._index += 1
                return self._named(token)
            case Kind.OP if token.text == "(":
                return self._brackets()
            case Kind.OP if token.text == "[":
                self._index += 1
                return self._call("list", token.at, *self._items("]"))
            case Kind.OP if token.text == "{":
                self._index += 1
                return self._mapping(token.at)
            case _:
                found = f"not {token.text!r}" if token.text else "and the text ends"
                raise self.wrong(f"a value is expected here, {found}")

    def _texts(self) -> _Operand:
        at, texts = self.token.at, list[str]()
        while self.token.kind is Kind.TEXT:
            texts.append(self.token.text)
            self._index += 1
        return _Operand(" ".join(texts), at)

    def _brackets(self) -> _Operand:
        at = self.token.at
        self.need("(")
        inner = self._ternary()
        if self.take(")"):
            return inner
        self.need(",")
        return self._call("list", at, self.strict(inner), *self._items(")"))

    def _items(self, closer: str) -> list[str]:
        items = list[str]()
        while not self.take(closer):
            items.append(self.value())
            if not self.take(","):
                self.need(closer)
                break
        return items

    def _mapping(self, at: int) -> _Operand:
        parts = list[str]()
        while not self.take("}"):
            parts.append(self.value())
            self.need(":")
            parts.append(self.value())
            if not self.take(","):
                self.need("}")
                break
        return self._call("dict", at, *parts)

    def _named(self, token: Token) -> _Operand:
        name = token.text
        if name in _CONSTANTS:
            return _Operand(_CONSTANTS[name], token.at, safe=True)
        what = self._names.get(name)
        if self.token.text == "(" and self.token.kind is Kind.OP:
            return self._function(token, what)
        if what is None and name in self._known.macros:
            raise self.wrong(f"{name!r} is a macro; call it: {name}(...)", token.at)
        if name.startswith("_"):
            raise self.wrong(f"the name {name!r} begins with an underscore", token.at)
        if what is None:
            return _Operand("", token.at, (name,))
        if what is Bound.SET:
            code = f"({name} if {name} is defined else _q_unset({self.place(token.at)}, {name!r}))"
            return _Operand(code, token.at, optional=f"({name} if {name} is defined else _q_nothing())")
        return _Operand(name, token.at, what=what)

    def _function(self, token: Token, what: Bound | None) -> _Operand:
        name = token.text
        if what is None and name in self._known.macros:
            self._uses.macros[name] = None
            what = Bound.MACRO
        if what is Bound.MACRO:
            return _Operand(f"{name}({', '.join(self._arguments())})", token.at, what=Bound.MACRO)
        if name in self._known.functions:
            return self._user(token.at, name)
        if name not in FUNCTIONS:
            known = FUNCTIONS.keys() | self._known.functions | self._known.macros
            raise self.wrong(f"there is no function {name!r}{nearest(name, known)}", token.at)
        return self._call(f"c_{name}", token.at, *self._arguments())

    # Calls.

    def _user(self, at: int, name: str, *first: str) -> _Operand:
        self._uses.slow = True
        return self._call("user", at, f"{name!r}", *first, *self._arguments())

    def _call(self, name: str, at: int, *arguments: str) -> _Operand:
        self._table.calls.add(name)
        return _Operand(f"_q_{name}({', '.join((str(self.place(at)), *arguments))})", at)

    def _arguments(self) -> list[str]:
        if not (self.token.kind is Kind.OP and self.take("(")):
            return []
        arguments = list[str]()
        while not self.take(")"):
            token = self.token
            if token.kind is Kind.NAME and self._tokens[self._index + 1].text == "=":
                self._index += 2
                arguments.append(f"{token.text}={self.value()}")
            else:
                arguments.append(self.value())
            if not self.take(","):
                self.need(")")
                break
        return arguments
