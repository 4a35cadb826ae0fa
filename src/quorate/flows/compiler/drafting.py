"""Sections of steps -> drafts: names, kinds, executors and values of each step, without what is between steps."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from quorate.core.errors import QuorateError
from quorate.flows.compiler.draft import Draft, ErrorWritten, Region, Site
from quorate.flows.compiler.problems import Problems
from quorate.flows.compiler.result_fields import CASE_FIELD
from quorate.flows.compiler.values import ConfigValue, Values, leaves
from quorate.flows.language.sections import CacheSection, DefaultsSection, StepSection
from quorate.flows.path import RESERVED
from quorate.flows.plan import CacheRule, ErrorRule, Foreach
from quorate.flows.registry import Executors
from quorate.source.place import KeyPath
from quorate.templating.value import Value

#: Names that expressions see wherever they stand, and the others that have a meaning somewhere.
EVERYWHERE = frozenset({"inputs", "steps", "run"})
LOOP, ERROR, ERRORS = "loop", "error", "errors"
TAKEN = EVERYWHERE | RESERVED | {"secrets", LOOP, ERROR, ERRORS}


class Drafting:
    """Turns blocks of steps into drafts and collects the sites at which they ask for names; live, for one flow."""

    def __init__(
        self,
        *,
        values: Values,
        problems: Problems,
        executors: Executors,
        defaults: DefaultsSection,
        functions: set[str],
    ) -> None:
        self._values = values
        self._problems = problems
        self._executors = executors
        self._defaults = defaults
        self._functions = functions
        self.sites: list[Site] = []

    def block(
        self,
        sections: Sequence[StepSection],
        at: KeyPath,
        region: Region,
        parent: Draft | None = None,
        case: int | None = None,
    ) -> list[Draft]:
        """Return the drafts of steps that stand beside each other, those inside them included."""
        return [self._step(section, (*at, index), region, parent, case) for index, section in enumerate(sections)]

    def _step(self, section: StepSection, at: KeyPath, region: Region, parent: Draft | None, case: int | None) -> Draft:
        loops = parent.loops if parent else ()
        if parent and parent.section.foreach:
            loops = (*loops, parent.section.foreach.name, LOOP)
        draft = Draft(section=section, at=at, region=region, parent=parent, case=case, loops=loops)
        draft.fallback_only = section.fallback_only
        self._kind(draft)
        self._executor(draft)
        self._flow_of(draft)
        self._error_rule(draft)
        self._cache(draft)
        if section.steps:
            draft.children += self.block(section.steps, (*at, "steps"), region, draft)
        self._cases(draft)
        return draft

    def _kind(self, draft: Draft) -> None:
        section, at = draft.section, draft.at
        if section.name in TAKEN:
            self._problems.at((*at, "name"), f"{section.name!r} has a meaning of its own; give the step another name")
        given = [key for key in ("executor", "steps", "switch") if getattr(section, key)]
        if not given:
            told = "`executor` (what it does), `steps` (a group) or `switch` (a choice)"
            self._problems.at(at, f"the step {section.name!r} does nothing: it needs {told}")
        elif len(given) > 1:
            both = " and ".join(f"`{key}`" for key in given)
            self._problems.at_key((*at, given[1]), f"the step {section.name!r} has {both}; a step has one of them")
        if section.executor is None and section.config:
            self._problems.at_key((*at, "config"), "belongs to a step with an `executor`")

    def _executor(self, draft: Draft) -> None:
        section, at = draft.section, draft.at
        if section.executor is None:
            return
        draft.retry = section.retry or self._defaults.retry
        draft.timeout_s = section.timeout if section.timeout is not None else self._defaults.timeout
        try:
            draft.executor = self._executors.get(section.executor)
        except QuorateError as error:
            self._problems.at((*at, "executor"), error.message)
        raw = draft.executor.raw if draft.executor else frozenset[str]()
        place = (*at, "config")
        names = self._seen(draft, inside=True)
        now = {key: written for key, written in section.config.items() if key not in raw}
        later = {key: written for key, written in section.config.items() if key in raw}
        rendered = self._value(now, place, draft, "config", names)
        if not later:
            draft.config = rendered
            return
        after = self._values.value(later, place, f"{draft.name}.config")
        guessed = tuple(
            replace(reference, place=path)
            for path, leaf in leaves(later)
            for reference in self._values.guessed(leaf, f"{draft.name}.config")
        )
        self._site(after, place, draft, names, raw=True)
        self.sites.append(Site(references=guessed, at=place, draft=draft, names=names, raw=True))
        draft.config = ConfigValue(
            rendered=rendered, raw=later, references=(*rendered.references, *after.references, *guessed)
        )

    def _flow_of(self, draft: Draft) -> None:
        """Compile what decides whether and how often the step is done."""
        section, at = draft.section, draft.at
        if section.executor is None:
            draft.retry, draft.timeout_s = section.retry, section.timeout
        if section.condition is not None:
            draft.condition = self._condition(section.condition, (*at, "condition"), draft, "condition")
        if (foreach := section.foreach) is not None:
            if foreach.name in TAKEN | self._functions:
                told = f"{foreach.name!r} has a meaning of its own; call the item by another name"
                self._problems.at((*at, "foreach", "as"), told)
            place = (*at, "foreach", "items")
            items = self._values.items(foreach.items, place, f"{draft.name}.foreach")
            self._site(items, place, draft, self._seen(draft))
            draft.foreach = Foreach(
                items=items,
                name=foreach.name,
                max_parallel=foreach.max_parallel,
                on_item_error=foreach.on_item_error,
            )

    def _error_rule(self, draft: Draft) -> None:
        if (written := self._error_written(draft)) is None:
            return
        section, at = written.section, written.at
        names = self._seen(draft) | {ERROR}
        draft.on_error = ErrorRule(
            action=section.action,
            fallback=section.fallback,
            value=self._value(section.value, (*at, "value"), draft, "on_error.value", names)
            if section.has_value
            else None,
            when=self._condition(section.when, (*at, "when"), draft, "on_error.when", names)
            if section.when is not None
            else None,
        )

    def _error_written(self, draft: Draft) -> ErrorWritten | None:
        if draft.section.on_error is not None:
            return ErrorWritten(section=draft.section.on_error, at=(*draft.at, "on_error"))
        if self._defaults.on_error is None or draft.section.executor is None:
            return None  # a group fails with its steps, and theirs is the default
        return ErrorWritten(section=self._defaults.on_error, at=("defaults", "on_error"))

    def _cache(self, draft: Draft) -> None:
        cache = draft.section.cache
        if cache is None or not cache.enabled:
            return
        place = (*draft.at, "cache")
        if cache.key is None and draft.section.executor is None:
            self._problems.at_key(place, "needs a `key` here: a step without an `executor` has no configuration")
        draft.cache = self._rule(cache, place, draft, self._seen(draft, inside=True))

    def _rule(self, cache: CacheSection, at: KeyPath, draft: Draft, names: frozenset[str]) -> CacheRule:
        key = self._value(cache.key, (*at, "key"), draft, "cache.key", names) if cache.key is not None else None
        return CacheRule(key=key, ttl_s=cache.ttl)

    def _cases(self, draft: Draft) -> None:
        names = self._seen(draft, inside=True)
        for index, case in enumerate(draft.section.switch):
            at = (*draft.at, "switch", index)
            when = None
            if case.when is not None:
                when = self._condition(case.when, (*at, "when"), draft, f"switch[{index}].when", names)
            elif index + 1 < len(draft.section.switch):
                self._problems.at((*at, "when"), "is missing: only the last way of a switch holds always")
            draft.whens.append(when)
            draft.children += self.block(case.steps, (*at, "steps"), draft.region, draft, index)
            for step in draft.children:
                if step.case == index and step.name == CASE_FIELD:
                    told = f"{CASE_FIELD!r} is what a switch calls the way it took; give the step another name"
                    self._problems.at((*step.at, "name"), told)

    def _value(self, written: object, at: KeyPath, draft: Draft, what: str, names: frozenset[str]) -> Value:
        value = self._values.value(written, at, f"{draft.name}.{what}")
        self._site(value, at, draft, names)
        return value

    def _condition(
        self, written: Any, at: KeyPath, draft: Draft, what: str, names: frozenset[str] | None = None
    ) -> Value:
        value = self._values.condition(written, at, f"{draft.name}.{what}")
        self._site(value, at, draft, names or self._seen(draft))
        return value

    def _site(self, value: Value, at: KeyPath, draft: Draft, names: frozenset[str], *, raw: bool = False) -> None:
        self.sites.append(Site(references=value.references, at=at, draft=draft, names=names, raw=raw))

    def _seen(self, draft: Draft, *, inside: bool = False) -> frozenset[str]:
        """Return the names that expressions of a step see; `inside` its own loop, if it has one."""
        own = (draft.section.foreach.name, LOOP) if inside and draft.section.foreach else ()
        late = (ERROR, ERRORS) if draft.region is not Region.STEPS else ()
        return EVERYWHERE | {*draft.loops, *own, *late}


def named(blocks: Sequence[Sequence[Draft]], problems: Problems) -> dict[str, Draft]:
    """Return all steps by name; names are unique in the whole flow, so that `steps.NAME` means one thing."""
    found: dict[str, Draft] = {}
    for draft in all_drafts(blocks):
        first = found.setdefault(draft.name, draft)
        if first is not draft:
            where = problems.written.place((*first.at, "name"))
            problems.at((*draft.at, "name"), f"there is a step {draft.name!r} already, at {where}; names are unique")
    return found


def all_drafts(blocks: Sequence[Sequence[Draft]]) -> Iterator[Draft]:
    """Yield every step of some blocks, those inside others after the one that they are in."""
    for block in blocks:
        for draft in block:
            yield from draft.tree()
