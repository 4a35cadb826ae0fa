"""The flows of a folder: several versions side by side, read again when a file changes, good ones kept."""

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from quorate.core.errors import NotFound
from quorate.flows.flow_files import FlowFile, FlowFiles
from quorate.flows.language.read import ReadFlow, read_flow_document
from quorate.flows.plan import FlowPlan
from quorate.flows.version_choice import by_split, matching, newest_first, possible, usual, version_of
from quorate.source.document import Document
from quorate.source.place import BadConfiguration, Problem, did_you_mean, listed

#: Makes a plan of a flow that was read; raises `BadConfiguration`.
Compile = Callable[[ReadFlow], FlowPlan]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What became of one file: its last good plan, and what is wrong with the file now.

    `parents` are the documents that it extends, by the names under which they were looked for. `plan` is `None` for a
    flow that is only there to be extended, and for one that never was good.
    """

    plan: FlowPlan | None = None
    parents: Mapping[str, Document] = field(default_factory=dict[str, Document])
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """All flows at one moment: by name, newest version first."""

    flows: Mapping[str, tuple[FlowPlan, ...]] = field(default_factory=dict[str, tuple[FlowPlan, ...]])
    problems: tuple[Problem, ...] = ()


class FlowBook:
    """Flows by name; a live object. Looking one up costs no I/O and sees one state of the folder as a whole.

    `refresh` reads what has changed and swaps that state at once: runs under way keep the plan they have. A file that
    is broken now leaves its last good plan in place, and `problems` says so.
    """

    def __init__(self, folder: Path, compile_flow: Compile) -> None:
        self._files = FlowFiles(folder)
        self._compile = compile_flow
        self._kept: dict[str, _Kept] = {}
        self._snapshot = _Snapshot()
        self._generation = 0
        self._refreshing = threading.Lock()  # protects _files and _kept: two threads may ask for a refresh

    def refresh(self) -> bool:
        """Read and compile the files that have changed, and those that extend them; return whether any had. Blocking.

        A flow that extends another is made again when that one changes and when a version of it comes or goes that the
        flow would be made of now. Raises nothing for bad flows: see `problems`.
        """
        with self._refreshing:
            changed = self._files.refresh()
            if not changed:
                return False
            kept: dict[str, _Kept] = {}
            found = lru_cache(self._found)  # many flows extend one
            for path, file in self._files.files.items():
                known = self._kept.get(path)
                if known is None or known.problems or path in changed or _has_other_parents(known, found):
                    known = self._made(file, known)
                kept[path] = known
            self._kept = kept
            self._snapshot = _snapshot(kept)
            self._generation += 1
            return True

    @property
    def generation(self) -> int:
        """A number that is another one once a file has changed."""
        return self._generation

    def names(self) -> tuple[str, ...]:
        """Return the names of all flows that can be run, sorted."""
        return tuple(sorted(self._snapshot.flows))

    def has(self, name: str) -> bool:
        """Return whether there is a flow of this name that can be run."""
        return name in self._snapshot.flows

    def versions(self, name: str) -> tuple[str, ...]:
        """Return the versions of a flow, the newest first; raise `NotFound`."""
        return tuple(plan.version for plan in self._plans(name))

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the files as they are now."""
        return self._snapshot.problems

    def resolve(
        self, name: str, version: str | None = None, *, key: str | None = None, chance: random.Random | None = None
    ) -> FlowPlan:
        """Return the plan for one run; raise `NotFound`, or `InvalidRequest` for what is no version or range.

        `version` is `1.2.0`, a range such as `^1`, `~1.2` or `>=1.2,<2`, or `latest`. Without one, the newest stable
        version is taken or, if its `rollout` says so, one by shares: by `key`, which always gets the same version, or
        else drawn from `chance`.
        """
        plans = self._plans(name)
        return by_split(plans, key=key, chance=chance) if version is None else matching(name, plans, version)

    def possible(self, name: str, version: str | None = None) -> tuple[FlowPlan, ...]:
        """Return the plans of which a run gets one, whatever its key and chance; raise what `resolve` does."""
        plans = self._plans(name)
        return possible(plans) if version is None else (matching(name, plans, version),)

    def usual(self, name: str) -> FlowPlan:
        """Return the newest stable version, whose `rollout` and `sticky_by` decide about runs that name none."""
        return usual(self._plans(name))

    def in_file(self, path: Path) -> FlowPlan:
        """Return the flow in a file of the folder as it was seen last. Blocking: looks at the disk.

        Raises `BadConfiguration` with what is wrong in it, `NotFound` if it holds no flow that can be run.
        """
        wanted = path.resolve()
        with self._refreshing:
            kept = next((each for file, each in self._kept.items() if Path(file).resolve() == wanted), None)
        if kept is None:
            raise NotFound(f"{str(path)!r} is no file of a flow: write NAME.yaml, NAME@VERSION.yaml or NAME/flow.yaml")
        if kept.problems:
            raise BadConfiguration(kept.problems)
        if kept.plan is None:
            raise NotFound(f"{str(path)!r} is abstract: it is there for others to extend, and cannot be run")
        return kept.plan

    def _plans(self, name: str) -> tuple[FlowPlan, ...]:
        flows = self._snapshot.flows
        if (plans := flows.get(name)) is None:
            raise NotFound(f"no flow {name!r}{did_you_mean(name, flows)} (flows: {listed(sorted(flows))})")
        return plans

    def _made(self, file: FlowFile, known: _Kept | None) -> _Kept:
        """Return what has become of a file; the last good plan stays if the file is broken."""
        good = known.plan if known is not None else None
        if file.document is None:
            return _Kept(plan=good, problems=file.problems)
        try:
            read = read_flow_document(file.document, find=self._files.find, name=file.name, version=file.version)
            plan = None if read.section.abstract else self._compile(read)
        except BadConfiguration as error:
            return _Kept(plan=good, problems=error.problems)
        return _Kept(plan=plan, parents=read.parents)

    def _found(self, name: str) -> Document | None:
        try:
            return self._files.find(name)
        except NotFound:
            return None


def _has_other_parents(kept: _Kept, found: Callable[[str], Document | None]) -> bool:
    """Return whether a flow would extend other documents now than those that it was made of."""
    return any(found(name) is not parent for name, parent in kept.parents.items())


def _snapshot(kept: Mapping[str, _Kept]) -> _Snapshot:
    found: dict[str, dict[object, FlowPlan]] = {}
    problems = [problem for each in kept.values() for problem in each.problems]
    for path, each in kept.items():
        if (plan := each.plan) is None:
            continue
        versions = found.setdefault(plan.name, {})
        if (first := versions.get(version := version_of(plan))) is None:
            versions[version] = plan
        else:
            message = f"flow {plan.name!r} {plan.version} is in {first.file or 'another file'} already"
            problems.append(Problem(where=path, path=("version",), message=f"{message}; give it another version"))
    flows = {name: newest_first(list(versions.values())) for name, versions in found.items()}
    problems.extend(_missing_shares(flows))
    return _Snapshot(flows=flows, problems=tuple(problems))


def _missing_shares(flows: Mapping[str, tuple[FlowPlan, ...]]) -> Iterable[Problem]:
    """Yield a problem for each version that has a share of the runs and is not there."""
    for name, plans in flows.items():
        there = [plan.version for plan in plans]
        for version in usual(plans).split:
            if version not in there:
                yield Problem(
                    where=usual(plans).file or name,
                    path=("rollout", "split", version),
                    message=f"there is no version {version} of flow {name!r} (versions: {listed(there)})",
                )
