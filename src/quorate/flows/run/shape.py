"""What the steps of a block are to each other: the same in every run of a plan, so it is worked out once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quorate.flows.plan import StepPlan

#: Of so many blocks it is remembered; then it begins anew, so that plans that were replaced drop out.
_MOST_KNOWN = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A block of steps as a graph, by their names.

    `steps` are those that start by themselves, `fallbacks` the others. `needs` are the steps of the block that each of
    the first waits for (for a fallback, whoever it stands in for), `counts` how many that are, `dependents` the other
    way round, `first` those that wait for none. `parts` are their parts of the progress, 1.0 together. `chain` are all
    steps with what they wait for, each after those; `spanning` are those of whose time a report tells as a whole.
    """

    written: tuple[StepPlan, ...]
    steps: Mapping[str, StepPlan]
    fallbacks: tuple[StepPlan, ...]
    needs: Mapping[str, Sequence[str]]
    counts: Mapping[str, int]
    dependents: Mapping[str, Sequence[str]]
    first: tuple[StepPlan, ...]
    parts: Mapping[str, float]
    chain: tuple[tuple[str, tuple[str, ...]], ...]
    spanning: tuple[StepPlan, ...]


_known: dict[int, Shape] = {}


def shape_of(steps: tuple[StepPlan, ...]) -> Shape:
    """Return the shape of a block."""
    shape = _known.get(id(steps))  # it is kept with its steps, so nothing else gets their identity
    if shape is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        shape = _known[id(steps)] = _made(steps)
    return shape


def _made(written: tuple[StepPlan, ...]) -> Shape:
    steps = {step.name: step for step in written if not step.fallback_only}
    needs = _needs(written)
    dependents: dict[str, list[str]] = {name: [] for name in steps}
    for name, awaited in needs.items():
        for need in awaited:
            dependents[need].append(name)
    whole = sum(step.weight for step in steps.values()) or 1.0
    return Shape(
        written=written,
        steps=steps,
        fallbacks=tuple(step for step in written if step.fallback_only),
        needs=needs,
        counts={name: len(awaited) for name, awaited in needs.items()},
        dependents=dependents,
        first=tuple(step for name, step in steps.items() if not needs[name]),
        parts={name: step.weight / whole for name, step in steps.items()},
        chain=tuple(_chain(written)),
        spanning=tuple(step for step in written if step.group is not None or _is_made_of_others(step)),
    )


def _is_made_of_others(step: StepPlan) -> bool:
    return step.kind.is_container or step.foreach is not None


def _needs(steps: Sequence[StepPlan]) -> dict[str, list[str]]:
    """Return what each step waits for in its block: for a fallback, whoever it stands in for."""
    owners: dict[str, list[str]] = {step.name: [] for step in steps if step.fallback_only}
    own = {step.name for step in steps}
    if not owners:
        return {step.name: [need for need in step.needs if need in own] for step in steps}
    for step in steps:
        if step.on_error.fallback in owners:
            owners[step.on_error.fallback].append(step.name)
    own -= owners.keys()
    found: dict[str, list[str]] = {}
    for step in steps:
        if step.name in own:
            spelled = [name for need in step.needs for name in owners.get(need, [need])]
            found[step.name] = [name for name in dict.fromkeys(spelled) if name in own and name != step.name]
    return found


def _chain(steps: Sequence[StepPlan]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each step with what it waits for, after that; no step waits for itself."""
    by_name = {step.name: step for step in steps}
    done = set[str]()
    # Depth first without recursion: a chain of steps may be longer than Python's stack.
    waiting = list(reversed(by_name))
    while waiting:
        name = waiting[-1]
        needs = tuple(need for need in by_name[name].needs if need in by_name)
        if name in done:
            waiting.pop()
        elif left := [need for need in needs if need not in done]:
            waiting.extend(left)
        else:
            waiting.pop()
            done.add(name)
            yield name, needs
