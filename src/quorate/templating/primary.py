"""Translates the parts of an expression that bind strongest: literals, names with what follows them, and calls."""

from abc import ABC, abstractmethod
from typing import Final

from quorate.templating.builtins import FUNCTIONS, METHODS
from quorate.templating.lexer import Kind, Token
from quorate.templating.names import Bound, Known, Names, Table, Uses
from quorate.templating.operand import Operand
from quorate.templating.place import Written, nearest
from quorate.templating.token_reader import CONSTANTS, WORDS, TokenReader

_LOOP: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem", "nextitem"}
)


class Primaries(TokenReader, ABC):
    """Live: the translator of what stands between operators; what joins them is its heir's."""

    def __init__(self, written: Written, table: Table, known: Known, names: Names, uses: Uses) -> None:
        super().__init__(written, table)
        self._known = known
        self._names = names
        self._uses = uses

    @abstractmethod
    def ternary(self) -> Operand:
        """Translate an expression, which may still become a path."""
        ...

    def value(self) -> str:
        """Translate an expression."""
        return self.strict(self.ternary())

    # Names.

    def strict(self, operand: Operand) -> str:
        """Return the code in which an absent name is an error."""
        if operand.path is None:
            return operand.code
        number = self._table.path(operand.path)
        self._uses.paths[number] = None
        return f"(_r{number} if _r{number} is defined else _q_missing({self.place(operand.at)}, {number}))"

    def _optional(self, operand: Operand) -> str:
        if operand.path is None:
            return operand.optional or operand.code
        number = self._table.path(operand.path)
        self._uses.paths[number] = None
        return f"(_r{number} if _r{number} is defined else _q_nothing())"

    # Names with what follows them, and literals.

    def _postfix(self) -> Operand:
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

    def _attribute(self, operand: Operand, at: int) -> Operand:
        name = self.word("a name")
        called = self.token.text == "(" and self.token.kind is Kind.OP
        if operand.what is Bound.MODULE:
            if not called:
                raise self.wrong("a macro of an imported template can only be called", at)
            return Operand(code=f"{operand.code}.{name}({', '.join(self._arguments())})", at=at, what=Bound.MACRO)
        if operand.what is Bound.LOOP:
            return self._loop(name, at, called=called)
        if called:
            if name not in METHODS:
                raise self.wrong(f"values have no method {name!r}{nearest(name, METHODS)}", at + 1)
            return self._call(f"m_{name}", at, self.strict(operand), *self._arguments())
        return self._field(operand, name, f"{name!r}", at)

    def _loop(self, name: str, at: int, *, called: bool) -> Operand:
        if called and name in ("cycle", "changed"):
            return Operand(code=f"loop.{name}({', '.join(self._arguments())})", at=at)
        if called or name not in _LOOP:
            raise self.wrong(f"'loop' has no {name!r}{nearest(name, _LOOP)}", at)
        return Operand(code=f"loop.{name}", at=at, safe=name not in ("previtem", "nextitem"))

    def _subscript(self, operand: Operand, at: int) -> Operand:
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

    def _field(self, operand: Operand, key: str | int | None, code: str, at: int) -> Operand:
        if operand.path is not None and key is not None:
            return Operand(code="", at=operand.at, path=(*operand.path, key))
        place = self.place(at)
        return Operand(
            code=f"_q_get({place}, {self.strict(operand)}, {code})",
            at=at,
            optional=f"_q_find({place}, {self._optional(operand)}, {code})",
        )

    def _primary(self) -> Operand:
        token = self.token
        match token.kind:
            case Kind.NUMBER:
                self._index += 1
                return Operand(code=token.text, at=token.at, safe=True)
            case Kind.TEXT:
                return self._texts()
            case Kind.NAME if token.text not in WORDS:
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

    def _texts(self) -> Operand:
        at, texts = self.token.at, list[str]()
        while self.token.kind is Kind.TEXT:
            texts.append(self.token.text)
            self._index += 1
        return Operand(code=" ".join(texts), at=at)

    def _brackets(self) -> Operand:
        at = self.token.at
        self.need("(")
        inner = self.ternary()
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

    def _mapping(self, at: int) -> Operand:
        parts = list[str]()
        while not self.take("}"):
            parts.append(self.value())
            self.need(":")
            parts.append(self.value())
            if not self.take(","):
                self.need("}")
                break
        return self._call("dict", at, *parts)

    def _named(self, token: Token) -> Operand:
        name = token.text
        if name in CONSTANTS:
            return Operand(code=CONSTANTS[name], at=token.at, safe=True)
        what = self._names.get(name)
        if self.token.text == "(" and self.token.kind is Kind.OP:
            return self._function(token, what)
        if what is None and name in self._known.macros:
            raise self.wrong(f"{name!r} is a macro; call it: {name}(...)", token.at)
        if name.startswith("_"):
            raise self.wrong(f"the name {name!r} begins with an underscore", token.at)
        if what is None:
            return Operand(code="", at=token.at, path=(name,))
        if what is Bound.SET:
            code = f"({name} if {name} is defined else _q_unset({self.place(token.at)}, {name!r}))"
            return Operand(code=code, at=token.at, optional=f"({name} if {name} is defined else _q_nothing())")
        return Operand(code=name, at=token.at, what=what)

    def _function(self, token: Token, what: Bound | None) -> Operand:
        name = token.text
        if what is None and name in self._known.macros:
            self._uses.macros[name] = None
            what = Bound.MACRO
        if what is Bound.MACRO:
            return Operand(code=f"{name}({', '.join(self._arguments())})", at=token.at, what=Bound.MACRO)
        if name in self._known.functions:
            return self._user(token.at, name)
        if name not in FUNCTIONS:
            known = FUNCTIONS.keys() | self._known.functions | self._known.macros
            raise self.wrong(f"there is no function {name!r}{nearest(name, known)}", token.at)
        return self._call(f"c_{name}", token.at, *self._arguments())

    # Calls.

    def _user(self, at: int, name: str, *first: str) -> Operand:
        self._uses.slow = True
        return self._call("user", at, f"{name!r}", *first, *self._arguments())

    def _call(self, name: str, at: int, *arguments: str) -> Operand:
        self._table.calls.add(name)
        return Operand(code=f"_q_{name}({', '.join((str(self.place(at)), *arguments))})", at=at)

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
