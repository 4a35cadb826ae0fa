"""Steps that wait for each other in a circle."""

from collections.abc import Iterable, Mapping, Sequence

from quorate.flows.compiler.draft import Draft
from quorate.flows.compiler.problems import Problems
from quorate.flows.layers import layers


def circles(drafts: Iterable[Draft], problems: Problems) -> None:
    """Report steps that wait for each other, each circle named in full with the places that make it one."""
    blocks: dict[object, list[Draft]] = {}
    for draft in drafts:
        blocks.setdefault(draft.block(), []).append(draft)
    for block in blocks.values():
        left = {draft.name: draft for draft in block}
        while left := _without_free(left):
            circle = _circle(left)
            _report(circle, problems)
            for draft in circle:
                del left[draft.name]


def _without_free(drafts: Mapping[str, Draft]) -> dict[str, Draft]:
    """Return the steps that can never start, in written order."""
    free = {name for layer in layers({name: draft.needs for name, draft in drafts.items()}) for name in layer}
    return {name: draft for name, draft in drafts.items() if name not in free}


def _circle(stuck: Mapping[str, Draft]) -> Sequence[Draft]:
    """Return one circle: whoever is stuck waits for somebody who is, so that walking on comes back."""
    walked: list[str] = []
    name = next(iter(stuck))
    while name not in walked:
        walked.append(name)
        name = next(need for need in stuck[name].needs if need in stuck)
    return [stuck[each] for each in walked[walked.index(name) :]]


def _report(circle: Sequence[Draft], problems: Problems) -> None:
    names = [draft.name for draft in circle]
    ways = [
        f"{draft.name} waits for {need} at {problems.written.place(draft.needs[need])}"
        for draft, need in zip(circle, [*names[1:], names[0]], strict=True)
    ]
    told = f"steps that wait for each other never start: {' -> '.join([*names, names[0]])} ({'; '.join(ways)})"
    problems.at(circle[0].needs[[*names[1:], names[0]][0]], told)
