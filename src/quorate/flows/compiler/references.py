"""What names in expressions and in `depends_on` mean, and which steps have to wait for which because of them."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from quorate.flows.compiler.draft import Draft, Region, Site
from quorate.flows.compiler.problems import Problems
from quorate.flows.compiler.result_fields import ERROR_FIELDS, METHODS, VIEW_FIELDS, output_fields
from quorate.flows.compiler.values import leaves
from quorate.flows.language.sections import FlowSection
from quorate.source.place import KeyPath, did_you_mean, listed
from quorate.templating.value import Reference

#: What `run` and `loop` show; the status is known when a run ends.
RUN_FIELDS = ("id", "flow", "version", "tenant", "attempt", "started_at", "seed", "status")
LOOP_FIELDS = ("index", "first", "last", "length")
#: What a file looks like in an expression.
FILE_FIELDS = ("kind", "run", "sha256", "name", "media_type", "size")


class References:
    """Knows every name of a flow and turns what refers to them into `Draft.needs` or into problems; live."""

    def __init__(self, section: FlowSection, steps: Mapping[str, Draft], problems: Problems) -> None:
        self._section = section
        self._steps = steps
        self._problems = problems
        self._functions = {*section.functions, *section.macros}
        self._groups: dict[str, list[Draft]] = {}
        for draft in steps.values():
            if (group := draft.section.parallel_group) is not None:
                self._groups.setdefault(group, []).append(draft)
        for group in self._groups.keys() & steps.keys():
            at = (*self._groups[group][0].at, "parallel_group")
            problems.at(at, f"{group!r} is the name of a step too; give the group another name")

    def depends_on(self, draft: Draft) -> None:
        """Make edges of what a step says that it waits for."""
        for index, name in enumerate(draft.section.depends_on):
            at = (*draft.at, "depends_on", index)
            if (members := self._groups.get(name)) is not None and name not in self._steps:
                for member in members:
                    self._edge(draft, member, at)
            elif (target := self._steps.get(name)) is not None:
                self._edge(draft, target, at)
            else:
                known = [*self._steps, *self._groups]
                hint = did_you_mean(name, known) or f"; known: {listed(known)}"
                self._problems.at(at, f"no step and no parallel group {name!r}{hint}")

    def mentions(self, draft: Draft) -> None:
        """Make edges of the steps that a configuration names in plain text, such as `ocr` or `steps.ocr.text`."""
        if draft.executor is None:
            return
        config = draft.section.config
        for mentioned in draft.executor.mentions(config):
            place = next((path for path, leaf in leaves(config) if leaf == mentioned), ())
            head, bracket, rest = mentioned.strip().removeprefix("steps.").partition("[")
            names = head.split(".")
            if bracket and len(names) == 1 and head in self._steps:
                told = f"{mentioned!r} picks out of the step itself; write {f'{head}.output[{rest}'!r}"
                self._problems.at((*draft.at, "config", *place), told)
            reference = Reference(names=("steps", *names), place=place)
            self.site(Site(references=(reference,), at=(*draft.at, "config"), draft=draft, names=frozenset()))

    def site(self, site: Site) -> None:
        """Check all names that are asked for at a site, and make edges of those of steps."""
        for reference in site.references:
            at = (*site.at, *reference.place)
            if not reference.names:
                continue
            top, *rest = reference.names
            if top == "inputs":
                self._input(rest, at)
            elif top == "steps":
                self._step(rest, at, site)
            elif not site.raw:
                self._other(top, rest, at, site)

    def _input(self, rest: Sequence[str], at: KeyPath) -> None:
        if not rest or (rest[0] in METHODS and rest[0] not in self._section.inputs):
            return
        if (known := self._section.inputs.get(rest[0])) is None:
            names = list(self._section.inputs)
            hint = did_you_mean(rest[0], names) or f"; inputs: {listed(names)}"
            self._problems.at(at, f"no input {rest[0]!r}{hint}")
        elif known.type == "file":
            self._fields(f"inputs.{rest[0]}", rest[1:], FILE_FIELDS, at)

    def _other(self, top: str, rest: Sequence[str], at: KeyPath, site: Site) -> None:
        if top == "secrets":
            told = "expressions do not see secrets; give the secret's name to the executor, in its `config`"
            self._problems.at(at, f"{'.'.join((top, *rest))}: {told}")
        elif top in self._functions:
            return
        elif top not in site.names:
            known = sorted({*site.names, *self._functions})
            hint = did_you_mean(top, known) or self._meant(top) or f"; known: {listed(known)}"
            told = f"{top!r} is not known here{hint}"
            if top in {"item", "loop"}:
                told = f"{top!r} is there only inside a `foreach`"
            elif top in self._steps:
                told = f"{top!r} is not known here; the step is `steps.{top}`"
            elif top in self._section.inputs:
                told = f"{top!r} is not known here; the input is `inputs.{top}`"
            self._problems.at(at, told)
        elif top == "run":
            self._fields("run", rest, RUN_FIELDS, at)
        elif top == "loop":
            self._fields("loop", rest, LOOP_FIELDS, at)
        elif top == "error":
            self._fields("error", rest, ERROR_FIELDS, at)

    def _meant(self, name: str) -> str:
        """Return which step or input a name without its prefix is like, or an empty string."""
        names = {name: f"inputs.{name}" for name in self._section.inputs} | {
            name: f"steps.{name}" for name in self._steps
        }
        close = get_close_matches(name, names, n=1)
        return f"; did you mean `{names[close[0]]}`?" if close else ""

    def _fields(self, what: str, rest: Sequence[str], known: Iterable[str], at: KeyPath) -> None:
        known = list(known)
        if rest and rest[0] not in known and rest[0] not in METHODS:
            hint = did_you_mean(rest[0], known) or f"; it has: {listed(known)}"
            self._problems.at(at, f"{what} has no {rest[0]!r}{hint}")

    def _step(self, rest: Sequence[str], at: KeyPath, site: Site) -> None:
        if not rest:
            if site.draft is not None and site.draft.region is Region.STEPS and not site.raw:
                told = "which step is meant is not known before the run, so that nothing can wait for it"
                self._problems.at(at, f"`steps` alone: {told}; write `steps.NAME`")
            return
        if (target := self._steps.get(rest[0])) is None:
            hint = did_you_mean(rest[0], self._steps) or f"; steps: {listed(self._steps)}"
            if rest[0] in self._groups:
                hint = "; it is a parallel group, which is only waited for: refer to its steps"
            self._problems.at(at, f"no step {rest[0]!r}{hint}")
            return
        self._step_fields(target, rest, at)
        if site.draft is not None:
            self._edge(site.draft, target, at)
        elif target.region is not Region.STEPS:
            told = f"{target.name!r} is a step of `{_word(target.region)}`"
            self._problems.at(at, f"{told}; only those of `steps` are seen here")
        else:
            self._seen_from_outside(target, 0, at)

    def _step_fields(self, target: Draft, rest: Sequence[str], at: KeyPath) -> None:
        fields = output_fields(target)
        asked = list(rest[1:])
        what = f"steps.{target.name}"
        if asked and asked[0] == "error" and "error" not in fields.names:
            self._fields(f"{what}.error", asked[1:], ERROR_FIELDS, at)
        if not fields.closed or not asked or asked[0].isdigit():
            return
        if asked[0] in {"result", "output"} and asked[0] not in fields.names:
            if fields.names and not (len(asked) > 1 and asked[1].isdigit()):
                self._fields(f"{what}.{asked[0]}", asked[1:], fields.names, at)
        elif fields.listed and asked[0] not in VIEW_FIELDS and asked[0] not in METHODS:
            told = f"its output is a list, one item for each of its `foreach`: `{what}.output[0].{asked[0]}`"
            self._problems.at(at, f"{what} has no {asked[0]!r}; {told}")
        else:
            self._fields(what, asked, (*fields.names, *VIEW_FIELDS), at)

    def _edge(self, source: Draft, target: Draft, at: KeyPath) -> None:
        """Make the step around `source` wait for the one around `target` in the block that has both."""
        if source.region is not target.region:
            self._other_region(source, target, at)
            return
        here, there = source.chain(), target.chain()
        shared = 0
        while shared < min(len(here), len(there)) and here[shared] is there[shared]:
            shared += 1
        if shared == len(there):
            told = "itself" if target is source else f"{target.name!r}, which it is inside"
            self._problems.at(at, f"the step {source.name!r} waits for {told}, and so would never start")
        elif shared == len(here):
            told = f"{target.name!r} is inside the step {source.name!r} and starts after it"
            self._problems.at(at, f"{told}; refer to it from outside or from beside it")
        elif here[shared].case != there[shared].case:
            told = f"{target.name!r} is in another way of the switch {here[shared - 1].name!r}"
            self._problems.at(at, f"{told}: at most one of the two is executed")
        elif self._seen_from_outside(target, shared, at):
            here[shared].needs.setdefault(there[shared].name, at)

    def _other_region(self, source: Draft, target: Draft, at: KeyPath) -> None:
        if target.region > source.region:
            told = f"{target.name!r} is a step of `{_word(target.region)}`, which begins when `{_word(source.region)}`"
            self._problems.at(at, f"{told} has ended")
        else:
            self._seen_from_outside(target, 0, at)

    def _seen_from_outside(self, target: Draft, shared: int, at: KeyPath) -> bool:
        """Return whether there is no loop between a step and who looks at it; else report it."""
        for around in target.chain()[shared:-1]:
            if around.section.foreach is not None:
                told = f"{target.name!r} is inside the `foreach` of {around.name!r} and is there once for each item"
                self._problems.at(at, f"{told}; from outside only the list `steps.{around.name}.output` is seen")
                return False
        return True


def _word(region: Region) -> str:
    return {Region.STEPS: "steps", Region.CATCH: "catch", Region.FINALLY: "finally"}[region]


def connected(section: FlowSection, steps: Mapping[str, Draft], sites: Iterable[Site], problems: Problems) -> None:
    """Fill in what each step waits for; report names that mean nothing."""
    references = References(section, steps, problems)
    for draft in steps.values():
        references.depends_on(draft)
        references.mentions(draft)
    for site in sites:
        references.site(site)
