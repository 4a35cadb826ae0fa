"""The engine (minijinja) with nothing in it but control flow and our bounded operations."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import minijinja

from quorate.templating.builtins import FILTERS, FUNCTIONS, METHODS, TESTS
from quorate.templating.expect import items
from quorate.templating.names import Table, not_there
from quorate.templating.operators import OPERATORS, charged
from quorate.templating.place import Written
from quorate.templating.shown import shown
from quorate.templating.template import TemplateError
from quorate.templating.value import Scope
from quorate.templating.work import NOTHING, CallUser, Work, current, enter, passable

_FUEL: Final = 200_000
#: Why a call did not work, in the words of Python: the name of our own function is of no use to anybody.
_OWN_NAME: Final = re.compile(r"[\w.<>]*\(\) ")
_NUMBERED: Final = re.compile(r"`?_r(\d+)`?")


class Engine:
    """Live: one engine, with the templates that were added to it. Safe from threads; renders in several at once."""

    def __init__(self, table: Table, call_user: Callable[[Scope], CallUser]) -> None:
        self._table = table
        self._call_user = call_user
        self._engine = minijinja.Environment(
            undefined_behavior="strict",
            fuel=_FUEL,
            auto_escape_callback=_no_escape,
            keep_trailing_newline=True,
            pycompat=False,
        )
        for name in tuple(self._engine.globals):
            self._engine.remove_global(name)
        self._added = set[str]()
        self._add_calls(_ALWAYS)

    def add(self, name: str, code: str, written: Written, *, skipped: int = 0) -> None:
        """Add a template. `skipped` lines of the code come before what was written."""
        self._add_calls(self._table.calls)
        try:
            self._engine.add_template(name, code)
        except minijinja.TemplateError as error:
            raise self._explained(error, written, skipped) from None
        except ValueError as error:
            raise TemplateError(f"{written.name}: this is not text ({error})") from None

    def render(self, name: str, scope: Scope, values: Mapping[str, object], written: Written, skipped: int) -> Any:
        """Return the value that the template kept, or else its text."""
        work = Work(scope, self._call_user(scope))
        before = enter(work)
        try:
            text = self._engine.render_template(name, **{name: passable(value) for name, value in values.items()})
        except minijinja.TemplateError as error:
            raise self._explained(error, written, skipped) from None
        except TemplateError as error:
            if error.param is None:  # it came from no place in particular, as when time is up
                raise TemplateError(f"{written.name}: {error.message}", param=written.name) from None
            raise
        except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
            raise TemplateError(f"{written.name}: {error}", param=written.name) from None
        finally:
            enter(before)
        return text if work.kept is NOTHING else work.kept

    def _explained(self, error: minijinja.TemplateError, written: Written, skipped: int) -> TemplateError:
        if error.kind == "OutOfFuel":
            return TemplateError(f"{written.name}: it does too much work (out of fuel)")
        what = _NUMBERED.sub(self._spelled, error.detail or error.kind)
        line = max(1, (error.line or 1) - skipped)
        starts = [0, *(found.end() for found in re.finditer("\n", written.text))]
        at = starts[min(line, len(starts)) - 1]
        at += len(written.text[at:]) - len(written.text[at:].lstrip(" "))
        return written.error(min(at, len(written.text)), what)

    def _spelled(self, found: re.Match[str]) -> str:
        number = int(found[1])
        paths = self._table.paths
        return repr(".".join(map(str, paths[number]))) if number < len(paths) else found[0]

    def _add_calls(self, names: Iterable[str]) -> None:
        # Only what is used: adding all takes 1 ms, and each flow has an engine of its own.
        for name in set(names) - self._added:
            self._engine.add_global(f"_q_{name}", self._call(name))
            self._added.add(name)

    def _call(self, name: str) -> Callable[..., Any]:
        # None of them may lead back here: no collector sees a circle through the engine, and it would stay for ever.
        own: dict[str, Callable[..., Any]] = {
            "missing": _missing(self._table),
            "nothing": _nothing,
            "tick": _tick,
            "unset": _unset(self._table),
        }
        if name in own:
            return own[name]
        if name in _OPERATIONS:
            return self._placed(_OPERATIONS[name], "")
        kind, found = _BUILTINS[name[0]]
        return self._placed(found[name[2:]].call, f"{kind} {name[2:]!r}: ")

    def _placed(self, call: Callable[..., Any], what: str) -> Callable[..., Any]:
        places = self._table.places

        def placed(at: int, *arguments: object, **named: object) -> Any:
            try:
                current().charge(1)  # here time is looked at, also between calls that make nothing
                made = call(*arguments, **named)
                return charged(made) if isinstance(made, (list, dict)) else passable(made)
            except TemplateError as error:
                reason = error.message
            except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
                reason = _OWN_NAME.sub("", str(error)) or type(error).__name__
            except (RecursionError, MemoryError):
                reason = "the value is too large or nested too deep"
            written, place = places[at]
            raise written.error(place, what + reason)

        return placed


def _missing(table: Table) -> Callable[..., None]:
    def missing(at: int, number: int) -> None:
        written, place = table.places[at]
        raise written.error(place, not_there(current().scope, table.paths[number]))

    return missing


def _unset(table: Table) -> Callable[..., None]:
    def unset(at: int, name: str) -> None:
        written, place = table.places[at]
        raise written.error(place, f"{name!r} has no value here")

    return unset


def _nothing() -> object:
    return NOTHING


def _no_escape(name: str) -> None:
    """Prompts are text, not HTML."""
    del name


def _keep(value: object) -> str:
    current().kept = value
    return ""


def _out(value: object) -> str:
    text = shown(value)
    current().charge(len(text))
    return text


def _tick(size: int) -> bool:
    current().charge(size)
    return False


def _user(name: str, *arguments: object, **named: object) -> object:
    work = current()
    work.called()
    return work.call_user(name, arguments, named)


_ALWAYS: Final = ("each", "find", "get", "keep", "missing", "nothing", "out", "tick", "unset")
_OPERATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    **OPERATORS,
    "each": items,
    "keep": _keep,
    "out": _out,
    "user": _user,
}
#: By the first letter of the name that the translator gives them.
_BUILTINS: Final = {
    "f": ("the filter", FILTERS),
    "t": ("the test", TESTS),
    "c": ("the function", FUNCTIONS),
    "m": ("the method", METHODS),
}
