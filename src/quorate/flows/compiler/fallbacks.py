"""Steps that stand in for others: never started by themselves, waited for through those that they stand in for."""

from collections.abc import Iterable, Mapping, Sequence

from quorate.flows.compiler.draft import Draft
from quorate.flows.compiler.problems import Problems
from quorate.source.place import did_you_mean


def stand_ins(steps: Mapping[str, Draft], problems: Problems) -> None:
    """Check fallbacks and move edges: to and from a fallback they become those of the steps that it stands in for.

    A step that is the fallback of another is never started by itself, marked or not. Whoever waits for it waits for
    the step it stands in for; and that one waits for all that the fallback refers to, so that it is there when needed.
    """
    owners: dict[str, list[Draft]] = {}
    for draft in steps.values():
        if (fallback := _fallback(draft, steps, problems)) is not None:
            owners.setdefault(fallback.name, []).append(draft)
            fallback.fallback_only = True
    _unused(steps, owners, problems)
    roots = {name: _roots(name, owners) for name in owners}
    for name, found in roots.items():
        if not found:
            at = (*owners[name][0].at, "on_error", "fallback")
            problems.at(at, f"{name!r} stands in for itself, over {_names(owners[name])}")
    for draft in steps.values():
        draft.needs = _moved(draft, roots)
    for name, found in roots.items():
        for need, at in steps[name].needs.items():
            for root in found:
                if need != root.name:
                    root.needs.setdefault(need, at)


def _fallback(draft: Draft, steps: Mapping[str, Draft], problems: Problems) -> Draft | None:
    name = draft.on_error.fallback
    if name is None:
        return None
    if draft.section.on_error is None:
        at = ("defaults", "on_error", "fallback")
        problems.at(at, "a fallback stands in for one step; name it there, not among the defaults")
        return None
    at = (*draft.at, "on_error", "fallback")
    beside = [each.name for each in steps.values() if each.block() == draft.block() and each is not draft]
    if name in beside:
        return steps[name]
    if name == draft.name:
        problems.at(at, f"the step {name!r} cannot be its own fallback")
    elif name in steps:
        problems.at(at, f"{name!r} is not beside {draft.name!r}; a fallback stands in the same block as its step")
    else:
        problems.at(at, f"no step {name!r} to fall back to{did_you_mean(name, beside)}")
    return None


def _unused(steps: Mapping[str, Draft], owners: Mapping[str, Sequence[Draft]], problems: Problems) -> None:
    for draft in steps.values():
        if draft.section.fallback_only and draft.name not in owners:
            told = f"no step has `on_error: {{fallback: {draft.name}}}`, so that {draft.name!r} would never run"
            problems.at_key((*draft.at, "fallback_only"), told)


def _roots(name: str, owners: Mapping[str, Sequence[Draft]]) -> list[Draft]:
    """Return the steps at the beginning of the chains of fallbacks that lead to `name`."""
    found: dict[str, Draft] = {}
    seen: set[str] = {name}
    waiting = list(owners[name])
    while waiting:
        draft = waiting.pop()
        if draft.name in owners:
            if draft.name not in seen:
                seen.add(draft.name)
                waiting += owners[draft.name]
        else:
            found[draft.name] = draft
    return list(found.values())


def _moved(draft: Draft, roots: Mapping[str, Sequence[Draft]]) -> dict[str, tuple[str | int, ...]]:
    needs: dict[str, tuple[str | int, ...]] = {}
    for need, at in draft.needs.items():
        for name in [root.name for root in roots[need]] if need in roots else [need]:
            if name != draft.name:
                needs.setdefault(name, at)
    return needs


def _names(drafts: Iterable[Draft]) -> str:
    return ", ".join(sorted(draft.name for draft in drafts))
