"""Executors by name: our own, and those that installed packages bring."""

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any

from quorate.core.errors import Misconfigured, NotFound
from quorate.flows.executor import Executor
from quorate.source.place import did_you_mean, listed

#: The group of entry points in which packages offer executors: name -> class.
ENTRY_POINTS = "quorate.executors"
AnyExecutor = Executor[Any, Any]


class Executors:
    """Executors by name; a live object. Entry points are looked at when a name is asked for that it does not have."""

    def __init__(self, own: Iterable[AnyExecutor] = ()) -> None:
        self._known: dict[str, AnyExecutor] = {}
        self._looked = False
        for executor in own:
            self.add(executor)

    def add(self, executor: AnyExecutor, *, name: str | None = None) -> None:
        """Add one, under its own name or another; raise `Misconfigured` if the name is taken."""
        name = name or executor.name
        if name in self._known:
            raise Misconfigured(f"there is an executor {name!r} already: {type(self._known[name]).__qualname__}")
        self._known[name] = executor

    def get(self, name: str) -> AnyExecutor:
        """Return an executor; raise `NotFound` with the closest name."""
        if name not in self._known:
            self._look()
        if (executor := self._known.get(name)) is None:
            known = sorted(self._known)
            raise NotFound(f"no executor {name!r}{did_you_mean(name, known)} (executors: {listed(known)})")
        return executor

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        self._look()
        return tuple(sorted(self._known))

    def _look(self) -> None:
        if self._looked:
            return
        self._looked = True
        for point in entry_points(group=ENTRY_POINTS):
            try:
                executor = point.load()()
            except Exception as error:
                raise Misconfigured(
                    f"the executor {point.name!r} of {point.value!r} cannot be loaded: {error}"
                ) from error
            self.add(executor, name=point.name)
