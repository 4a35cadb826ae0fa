"""A step on its way from its section to its plan."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from quorate.flows.language.sections import ErrorSection, RetrySection, StepSection
from quorate.flows.plan import CacheRule, ErrorRule, Foreach
from quorate.flows.registry import AnyExecutor
from quorate.source.place import KeyPath
from quorate.templating.value import Reference, Value


class Region(IntEnum):
    """Which of a flow's blocks a step belongs to, in the order in which they run."""

    STEPS = 0
    CATCH = 1
    FINALLY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where names are asked for: a value of a step, or of the flow itself (`draft` is `None`).

    `names` may be asked for there. `raw`: the executor renders it, with names of its own.
    """

    references: tuple[Reference, ...]
    at: KeyPath
    draft: "Draft | None"
    names: frozenset[str]
    raw: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """A live object: `needs` (name -> where the first reason for it stands) and the rest are filled in one by one.

    `case` is which way of the switch around it it belongs to, `loops` are the names that the loops around it give.
    """

    section: StepSection
    at: KeyPath
    region: Region
    parent: "Draft | None"
    case: int | None
    loops: tuple[str, ...]
    children: list["Draft"] = field(default_factory=list["Draft"])
    executor: AnyExecutor | None = None
    config: Value | None = None
    condition: Value | None = None
    foreach: Foreach | None = None
    cache: CacheRule | None = None
    on_error: ErrorRule = field(default_factory=ErrorRule)
    whens: list[Value | None] = field(default_factory=list[Value | None])
    retry: RetrySection | None = None
    timeout_s: float | None = None
    fallback_only: bool = False
    needs: dict[str, KeyPath] = field(default_factory=dict[str, KeyPath])

    @property
    def name(self) -> str:
        """The step's name."""
        return self.section.name

    def chain(self) -> list["Draft"]:
        """Return the steps around this one, outermost first, and this one."""
        found: list[Draft] = []
        here: Draft | None = self
        while here is not None:
            found.append(here)
            here = here.parent
        return found[::-1]

    def tree(self) -> Iterator["Draft"]:
        """Yield this step and all steps inside it."""
        yield self
        for child in self.children:
            yield from child.tree()

    def block(self) -> tuple[Region, int, int | None]:
        """Return what is equal for steps that stand beside each other."""
        return (self.region, id(self.parent), self.case)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorWritten:
    """The error rule that applies to a step and where it is written: at the step or among the defaults."""

    section: ErrorSection
    at: KeyPath
