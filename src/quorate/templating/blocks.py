"""Translates a whole template: its tags one by one, its expressions through `Expressions`.

Every loop and macro begins with a count of the text that it writes, so that text in loops is bounded as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quorate.templating.expression import Expressions
from quorate.templating.lexer import Kind, Piece, PieceKind, Token, pieces
from quorate.templating.names import Bound, Known, Names, Table, Uses
from quorate.templating.place import Written, nearest

_TICK: Final = "{%% if _q_tick(%d) %s%%}{%% endif %s%%}"

_MAX_NESTING: Final = 40


@dataclass(slots=True)
class _Block:
    """Live: a block that is open. `tick` is where its count of text stands in the output, `size` that count."""

    tag: str
    piece: Piece
    tick: int | None = None
    size: int = 0
    after: Callable[[Piece], str] | None = None
    branches: list[str] = field(default_factory=list[str])


class Blocks:
    """Live: the translator of one template."""

    def __init__(self, written: Written, table: Table, known: Known) -> None:
        self.uses = Uses()
        self._written = written
        self._known = known
        self._names = Names()
        self._expressions = Expressions(written, table, known, self._names, self.uses)
        self._open: list[_Block] = []
        self._out: list[str] = []
        self._filters = 0
        self._tags: dict[str, Callable[[Piece], str]] = {
            "block": self._block,
            "break": self._jump,
            "call": self._call,
            "continue": self._jump,
            "elif": self._elif,
            "else": self._else,
            "extends": self._extends,
            "filter": self._filter,
            "for": self._for,
            "from": self._from,
            "if": self._if,
            "import": self._import,
            "include": self._include,
            "macro": self._macro,
            "set": self._set,
            "with": self._with,
        }
        #: The macros that it defines outside of any block, with where they are.
        self.macros: dict[str, int] = {}

    def translate(self) -> str:
        """Return the template for the engine. Raises `TemplateError` at what is wrong."""
        for piece in pieces(self._written):
            self._out.append(self._piece(piece))
        if self._open:
            block = self._open[-1]
            raise self._wrong(block.piece, f"this block is never closed ('{{% end{block.tag} %}}' is missing)")
        return "".join(self._out)

    def _piece(self, piece: Piece) -> str:
        match piece.kind:
            case PieceKind.TEXT | PieceKind.VERBATIM:
                for block in reversed(self._open):
                    block.size += len(piece.text)
                    if block.tick is not None:
                        break
                return piece.text
            case PieceKind.OUTPUT:
                self._expressions.begin(piece.tokens)
                code = self._expressions.value()
                self._expressions.end()
                place = self._expressions.place(piece.tokens[0].at)
                return _lines(piece, f"{{{{{piece.left} _q_out({place}, {code}) {piece.right}}}}}")
            case PieceKind.TAG:
                return _lines(piece, self._tag(piece))

    def _tag(self, piece: Piece) -> str:
        word = piece.tokens[0]
        if word.kind is not Kind.NAME:
            raise self._written.error(word.at, "a tag begins with its name, as in {% if ... %}")
        if word.text.startswith("end") and word.text[3:] in self._tags:
            return self._close(word, piece)
        tag = self._tags.get(word.text)
        if tag is None:
            known = [*self._tags, *(f"end{name}" for name in self._tags)]
            raise self._written.error(word.at, f"there is no tag {word.text!r}{nearest(word.text, known)}")
        self._expressions.begin(piece.tokens, 1)
        written = tag(piece)
        self._expressions.end()
        return written

    def _close(self, word: Token, piece: Piece) -> str:
        tag = word.text[3:]
        block = self._open.pop() if self._open else None
        if block is None or block.tag != tag:
            expected = f"'end{block.tag}' comes first" if block else "nothing is open here"
            raise self._written.error(word.at, f"unexpected {word.text!r}; {expected}")
        self._expressions.begin(piece.tokens, 2 if tag == "block" and piece.tokens[1].kind is Kind.NAME else 1)
        self._expressions.end()
        if tag not in ("if", "set"):
            self._names.close()
        if block.tick is not None:
            mark = block.piece.right
            self._out[block.tick] += _TICK % (block.size, mark, mark)
        return block.after(piece) if block.after else _tag(piece, word.text)

    def _wrong(self, piece: Piece, message: str) -> Exception:
        return self._written.error(piece.at, message)

    def _begin(self, tag: str, piece: Piece, *, counted: bool = False) -> _Block:
        if len(self._open) >= _MAX_NESTING:
            raise self._wrong(piece, f"blocks are nested more than {_MAX_NESTING} deep")
        block = _Block(tag, piece, len(self._out) if counted else None)
        self._open.append(block)
        return block

    # Tags.

    def _for(self, piece: Piece) -> str:
        targets = self._targets()
        self._expressions.need("in")
        at = self._expressions.token.at
        found = f"_q_each({self._expressions.place(at)}, {self._expressions.without_if()})"
        self._names.open(dict.fromkeys(targets, Bound.VALUE) | {"loop": Bound.LOOP})
        condition = f" if {self._expressions.value()}" if self._expressions.take("if") else ""
        self._begin("for", piece, counted=True)
        return _tag(piece, f"for {', '.join(targets)} in {found}{condition}")

    def _targets(self) -> list[str]:
        bracket = self._expressions.take("(")
        names = [self._expressions.name()]
        while self._expressions.take(","):
            names.append(self._expressions.name())
        if bracket:
            self._expressions.need(")")
        return names

    def _if(self, piece: Piece) -> str:
        written = _tag(piece, f"if {self._expressions.value()}")
        self._begin("if", piece)
        return written

    def _elif(self, piece: Piece) -> str:
        self._inside("elif", piece, "if")
        return _tag(piece, f"elif {self._expressions.value()}")

    def _else(self, piece: Piece) -> str:
        self._inside("else", piece, "if", "for")
        return _tag(piece, "else")

    def _inside(self, word: str, piece: Piece, *tags: str) -> None:
        if not self._open or self._open[-1].tag not in tags:
            raise self._wrong(piece, f"{word!r} stands in {' or '.join(tags)}")
        if "else" in self._open[-1].branches:
            raise self._wrong(piece, f"{word!r} comes after 'else'")
        self._open[-1].branches.append(word)

    def _jump(self, piece: Piece) -> str:
        word = piece.tokens[0].text
        if not any(block.tag == "for" for block in self._open):
            raise self._wrong(piece, f"{word!r} stands in a loop")
        return _tag(piece, word)

    def _set(self, piece: Piece) -> str:
        targets = self._targets()
        if self._expressions.token.text == ".":
            raise self._expressions.wrong("only names can be set, not fields of values")
        if self._expressions.take("="):
            value = self._expressions.value()
            for name in targets:
                self._names.bind(name, Bound.SET)
            return _tag(piece, f"set {', '.join(targets)} = {value}")
        block = self._begin("set", piece)
        self._names.open()

        def after(closing: Piece) -> str:
            self._names.close()
            self._names.bind(targets[0], Bound.SET)
            return _tag(closing, "endset")

        block.after = after
        return _tag(piece, f"set {targets[0]}")

    def _with(self, piece: Piece) -> str:
        bound, parts = dict[str, Bound](), list[str]()
        while self._expressions.token.kind is not Kind.END:
            name = self._expressions.name()
            self._expressions.need("=")
            parts.append(f"{name} = {self._expressions.value()}")
            bound[name] = Bound.SET
            if not self._expressions.take(","):
                break
        self._names.open(bound)
        self._begin("with", piece)
        return _tag(piece, f"with {', '.join(parts)}")

    def _macro(self, piece: Piece) -> str:
        at, name = self._expressions.token.at, self._expressions.name()
        if not self._open:
            self.macros[name] = at
        self._names.bind(name, Bound.MACRO)
        arguments, bound = self._parameters()
        self._names.open(bound | {"caller": Bound.MACRO})
        self._begin("macro", piece, counted=True)
        return _tag(piece, f"macro {name}({arguments})")

    def _parameters(self) -> tuple[str, dict[str, Bound]]:
        bound, parts = dict[str, Bound](), list[str]()
        self._expressions.need("(")
        while not self._expressions.take(")"):
            name = self._expressions.name()
            bound[name] = Bound.SET
            parts.append(f"{name}={self._expressions.value()}" if self._expressions.take("=") else name)
            if not self._expressions.take(","):
                self._expressions.need(")")
                break
        return ", ".join(parts), bound

    def _call(self, piece: Piece) -> str:
        arguments, bound = "", dict[str, Bound]()
        if self._expressions.token.text == "(":
            names, bound = self._parameters()
            arguments = f"({names})"
        called = self._expressions.macro_call()
        self._names.open(bound)
        self._begin("call", piece, counted=True)
        return _tag(piece, f"call{arguments} {called}")

    def _filter(self, piece: Piece) -> str:
        self._filters += 1
        name = f"_q_filtered{self._filters}"
        at = self._expressions.token.at
        code = self._expressions.filtered(name, at)
        block = self._begin("filter", piece)
        self._names.open()
        block.after = lambda closing: (
            f"{{%{closing.left} endset %}}{{{{ _q_out({self._expressions.place(at)}, {code}) {closing.right}}}}}"
        )
        return _tag(piece, f"set {name}")

    # Other templates: by a name that is written out, so that what they ask for is known.

    def _template(self) -> str:
        token = self._expressions.token
        name = token.text[1:-1]
        if token.kind is not Kind.TEXT:
            raise self._expressions.wrong("the name of a template is written out here, as in 'header'")
        if name not in self._known.templates:
            raise self._expressions.wrong(f"there is no template {name!r}{nearest(name, self._known.templates)}")
        self.uses.templates[name] = None
        self._expressions.value()
        return token.text

    def _extends(self, piece: Piece) -> str:
        return _tag(piece, f"extends {self._template()}")

    def _include(self, piece: Piece) -> str:
        return _tag(piece, f"include {self._template()}")

    def _import(self, piece: Piece) -> str:
        template = self._template()
        self._expressions.need("as")
        name = self._expressions.name()
        self._names.bind(name, Bound.MODULE)
        return _tag(piece, f"import {template} as {name}")

    def _from(self, piece: Piece) -> str:
        template = self._template()
        self._expressions.need("import")
        parts = list[str]()
        while True:
            name = self._expressions.name()
            alias = self._expressions.name() if self._expressions.take("as") else name
            self._names.bind(alias, Bound.MACRO)
            parts.append(name if alias == name else f"{name} as {alias}")
            if not self._expressions.take(","):
                return _tag(piece, f"from {template} import {', '.join(parts)}")

    def _block(self, piece: Piece) -> str:
        name = self._expressions.name()
        self._names.open({"super": Bound.MACRO})
        self._begin("block", piece, counted=True)
        return _tag(piece, f"block {name}")


def _tag(piece: Piece, code: str) -> str:
    return f"{{%{piece.left} {code} {piece.right}%}}"


def _lines(piece: Piece, code: str) -> str:
    # As many lines as were written, so that the engine's line numbers are those of the text.
    missing = piece.text.count("\n")
    if not missing:
        return code
    end = code.rfind(" ")
    return code[:end] + "\n" * missing + code[end:]
