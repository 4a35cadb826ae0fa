"""Compiles the values that a flow writes, with its functions, macros and named templates."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from quorate.templating.blocks import Blocks
from quorate.templating.builtins import FILTERS, FUNCTIONS
from quorate.templating.engine import Engine
from quorate.templating.expression import Expressions
from quorate.templating.function_check import check_functions, require_functions
from quorate.templating.functions import FunctionPool
from quorate.templating.lexer import Piece, PieceKind, Token, is_template, pieces, tokens_of
from quorate.templating.names import Known, Names, Path, Table, Uses, find
from quorate.templating.place import Written
from quorate.templating.regex_filters import REGEX_SOURCE
from quorate.templating.template import TemplateError
from quorate.templating.value import Reference, Scope, Value
from quorate.templating.values import Coded, Fields, Holds, Listed, Literal, Named
from quorate.templating.work import MAX_DEPTH, MAX_TEXT, NOTHING, CallUser, kind_of, plain

_MAX_SOURCE: Final = 256 << 10
_BEFORE: Final = "_q_"


class Environment:
    """Live: what the values of one flow are compiled with. Safe from threads.

    `functions` are Python sources by name, run in `pool`; `macros` and `templates` are Jinja's. A text that was
    compiled stays for as long as the environment does; the same text is compiled once. `max_text` is the longest text
    that a template may make. Raises `TemplateError` for functions, macros and templates that cannot be compiled, naming
    the place.
    """

    def __init__(
        self,
        *,
        functions: Mapping[str, str] | None = None,
        macros: Mapping[str, str] | None = None,
        templates: Mapping[str, str] | None = None,
        pool: FunctionPool | None = None,
        max_text: int = MAX_TEXT,
    ) -> None:
        self._max_text = max_text
        self._functions = dict(functions or {})
        self._pool = pool
        require_functions(check_functions(self._functions))
        self._table = Table()
        self._known = Known(
            functions=frozenset(self._functions), macros=frozenset(macros or {}), templates=frozenset(templates or {})
        )
        self._require_free_names()
        self._engine = Engine(self._table, self._caller)
        self._compiled: dict[tuple[str, str, bool], Value] = {}
        self._lock = threading.RLock()  # protects _compiled and _table
        self._macros = {name: self._macro(name, text) for name, text in (macros or {}).items()}
        self._templates = {name: self._template(name, text) for name, text in (templates or {}).items()}

    def value(self, written: object, *, name: str) -> Value:
        """Compile a tree of plain data in which texts may be templates; `name` is what errors call it.

        A text that is one `{{ expression }}` and nothing else keeps the type of its value. Raises `TemplateError`.
        """
        return self._tree(written, name, (), 0)

    def text(self, written: str, *, name: str) -> Value:
        """Compile a text in which everything is kept as it stands; rendering it gives a text, whatever is in it."""
        if not is_template(written):
            return Literal(value=written)
        parsed = Written(name=name, text=_bounded(written, name))
        with self._lock:
            try:
                return self._compile_text(parsed, ())
            except RecursionError:
                raise TemplateError(f"{name}: nested too deep") from None

    def condition(self, written: str | bool, *, name: str) -> Value:
        """Compile a condition, written as `expression` or `{{ expression }}`; rendering it gives true or false."""
        if isinstance(written, bool):
            return Literal(value=written)
        if is_template(written):
            found = list(pieces(Written(name=name, text=_bounded(written, name))))
            if _whole(found) is None:
                raise TemplateError(f"{name}: a condition is one expression, without text around it: {written[:200]!r}")
            return Holds(value=self._text(written, name, ()))
        return Holds(value=self._text(written, name, (), bare=True))

    def _require_free_names(self) -> None:
        for name in sorted(self._known.functions | self._known.macros):
            if name in FUNCTIONS or name in FILTERS:
                raise TemplateError(f"{name!r} is a name that expressions know already; choose another one")
            if name in self._known.functions and name in self._known.macros:
                raise TemplateError(f"{name!r} is a function and a macro; choose another name for one of them")

        for name in sorted(self._known.templates):
            if name.startswith(_BEFORE):
                raise TemplateError(f"{name!r} cannot be the name of a template; it begins with {_BEFORE!r}")

    # Trees.

    def _tree(self, written: object, name: str, place: tuple[str | int, ...], depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise TemplateError(f"{name}: nested more than {MAX_DEPTH} deep")
        match written:
            case str():
                return self._text(written, name, place) if is_template(written) else Literal(value=written)
            case Mapping():
                return self._fields(cast("Mapping[object, object]", written), name, place, depth + 1)
            case list() | tuple():
                found = cast("Sequence[object]", written)
                items = tuple(self._tree(item, f"{name}[{i}]", (*place, i), depth + 1) for i, item in enumerate(found))
                if all(isinstance(item, Literal) for item in items):
                    return Literal(value=[item.render({}) for item in items])
                return Listed(items=items, references=_references(items), slow=any(item.slow for item in items))
            case _:
                return Literal(value=_plain_literal(written, name))

    def _fields(self, written: Mapping[object, object], name: str, place: tuple[str | int, ...], depth: int) -> Value:
        fields: dict[str, Value] = {}
        for key, item in written.items():
            if not isinstance(key, str):
                raise TemplateError(f"{name}: a key is {kind_of(key)}; keys are text")
            fields[key] = self._tree(item, f"{name}.{key}", (*place, key), depth)
        values = tuple(fields.values())
        if all(isinstance(item, Literal) for item in values):
            return Literal(value={key: item.render({}) for key, item in fields.items()})
        return Fields(fields=fields, references=_references(values), slow=any(item.slow for item in values))

    # Texts.

    def _text(self, text: str, name: str, place: tuple[str | int, ...], *, bare: bool = False) -> Value:
        key = (text, f"{name}\0{place}", bare)
        with self._lock:
            found = self._compiled.get(key)
            if found is None:
                written = Written(name=name, text=_bounded(text, name))
                try:
                    found = self._compiled[key] = self._compile(written, place, bare=bare)
                except RecursionError:
                    raise TemplateError(f"{name}: nested too deep") from None
            return found

    def _compile(self, written: Written, place: tuple[str | int, ...], *, bare: bool) -> Value:
        tokens = tuple(tokens_of(written, 0, "")) if bare else _whole(list(pieces(written)))
        if tokens is None:
            return self._compile_text(written, place)
        uses = Uses()
        expressions = Expressions(written, self._table, self._known, Names(), uses)
        expressions.begin(tokens)
        path = expressions.path_only()
        if path is not None:
            return Named(written=written, at=tokens[0].at, path=path, references=(_reference(path, place),))
        code = expressions.value()
        expressions.end()
        kept = f"{{{{ _q_keep({expressions.place(tokens[0].at)}, {code}) }}}}"
        return self._coded(written, kept, uses, place, whole=True)

    def _compile_text(self, written: Written, place: tuple[str | int, ...]) -> Value:
        blocks = Blocks(written, self._table, self._known)
        code = blocks.translate()
        return self._coded(written, code, blocks.uses, place, whole=False)

    def _coded(self, written: Written, code: str, uses: Uses, place: tuple[str | int, ...], *, whole: bool) -> Value:
        before = self._used(uses)
        template = f"{_BEFORE}value{len(self._table.places)}_{len(self._compiled)}"
        skipped = before.count("\n")
        self._engine.add(template, before + code, written, skipped=skipped)
        needed = tuple((f"_r{number}", self._table.paths[number]) for number in uses.paths)

        def run(scope: Scope) -> Any:
            values = {name: found for name, path in needed if (found := find(scope, path)) is not NOTHING}
            made = self._engine.render(template, scope, values, written, skipped)
            return _value(made, written) if whole else self._finished(made, written)

        return Coded(
            references=tuple(dict.fromkeys(_reference(path, place) for _, path in needed)), slow=uses.slow, run=run
        )

    def _finished(self, made: str, written: Written) -> str:
        if len(made) > self._max_text:
            raise TemplateError(f"{written.name}: the text has {len(made)} characters; at most {self._max_text}")
        return made

    # Macros and templates.

    def _macro(self, name: str, text: str) -> tuple[str, Uses]:
        written = Written(name=f"macros.{name}", text=_bounded(text.strip(), f"macros.{name}"))
        blocks = Blocks(written, self._table, self._known)
        code = blocks.translate()
        if list(blocks.macros) != [name] or not code.endswith("%}") or not code.startswith("{%"):
            raise written.error(0, f"this is not the macro {name!r} and nothing else: {{% macro {name}(...) %}}...")
        return code, blocks.uses

    def _template(self, name: str, text: str) -> Uses:
        written = Written(name=f"templates.{name}", text=_bounded(text, f"templates.{name}"))
        blocks = Blocks(written, self._table, self._known)
        code = blocks.translate()
        before = "".join(self._macros[used][0] for used in self._every_macro(blocks.uses))
        # The count of its text at the head: it may be included in a loop.
        tick = "" if "extends" in code else f"{{% if _q_tick({len(text)}) %}}{{% endif %}}"
        self._engine.add(name, before + tick + code, written, skipped=before.count("\n"))
        return blocks.uses

    def _every_macro(self, uses: Uses) -> list[str]:
        waiting, found = list(uses.macros), dict[str, None]()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting.extend(self._macros[name][1].macros)
        return sorted(found)

    def _used(self, uses: Uses) -> str:
        """Take over what macros and templates use; return the code of the macros."""
        waiting, seen = list(uses.templates), set[str]()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(self._templates[name].templates)
        for name in sorted(seen):
            uses.add(self._templates[name])
        macros = self._every_macro(uses)
        for name in macros:
            own = self._macros[name][1]
            uses.paths |= own.paths
            uses.slow = uses.slow or own.slow
        return "".join(self._macros[name][0] for name in macros)

    # Functions.

    def _caller(self, scope: Scope) -> CallUser:
        def call(name: str, arguments: Sequence[object], named: Mapping[str, object]) -> object:
            if self._pool is None:
                self._pool = FunctionPool.shared()
            functions = {"regex": REGEX_SOURCE} if name.startswith("quorate_regex_") else self._functions
            return self._pool.call(functions, name, arguments, named, seed=_seed(scope))

        return call


def _seed(scope: Scope) -> int:
    run = scope.get("run")
    seed = cast("Mapping[str, object]", run).get("seed") if isinstance(run, Mapping) else None
    return seed if isinstance(seed, int) else 0


def _whole(found: list[Piece]) -> tuple[Token, ...] | None:
    """Return the tokens of the only expression, if there is nothing else but white space."""
    parts = [piece for piece in found if piece.kind is not PieceKind.TEXT or piece.text.strip()]
    if len(parts) == 1 and parts[0].kind is PieceKind.OUTPUT:
        return parts[0].tokens
    return None


def _value(made: Any, written: Written) -> Any:
    try:
        return plain(made)
    except TemplateError as error:
        raise TemplateError(f"{written.name}: {error.message}") from None


def _bounded(text: str, name: str) -> str:
    if len(text) > _MAX_SOURCE:
        raise TemplateError(f"{name}: the template has {len(text)} characters; at most {_MAX_SOURCE}")
    return text


def _plain_literal(written: object, name: str) -> Any:
    try:
        return plain(written)
    except TemplateError as error:
        raise TemplateError(f"{name}: {error.message}") from None


def _reference(path: Path, place: tuple[str | int, ...]) -> Reference:
    names = list[str]()
    for part in path:
        if not isinstance(part, str):
            break
        names.append(part)
    return Reference(names=tuple(names), place=place)


def _references(values: Sequence[Value]) -> tuple[Reference, ...]:
    return tuple(dict.fromkeys(reference for value in values for reference in value.references))
