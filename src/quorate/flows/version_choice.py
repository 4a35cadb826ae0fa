"""Which version of a flow a run gets."""

import hashlib
import random
from collections.abc import Mapping, Sequence

from quorate.core.errors import InvalidRequest, NotFound
from quorate.flows.language.version import Version, parsed_range, parsed_version
from quorate.flows.plan import FlowPlan
from quorate.source.place import listed

#: How finely a key falls into shares.
_STEPS = 2**64


def version_of(plan: FlowPlan) -> Version:
    """Return a plan's version; the lowest one for a label that is none."""
    return parsed_version(plan.version) or Version(major=0, minor=0, patch=0)


def newest_first(plans: Sequence[FlowPlan]) -> tuple[FlowPlan, ...]:
    """Return the versions of a flow in order of precedence, the highest first."""
    return tuple(sorted(plans, key=version_of, reverse=True))


def matching(name: str, plans: Sequence[FlowPlan], wanted: str) -> FlowPlan:
    """Return the newest version in a range (`plans`: newest first); `latest` is the newest, a stable one if there is.

    Raises `InvalidRequest` for what is no range, `NotFound` if no version is in it.
    """
    if wanted == "latest":
        return usual(plans)
    if (allowed := parsed_range(wanted)) is None:
        raise InvalidRequest(f"version {wanted!r} of flow {name!r}: expected 1.2.0, ^1.2, ~1.2.0, >=1.2,<2 or latest")
    for plan in plans:
        if allowed(version_of(plan)):
            return plan
    raise NotFound(f"no version {wanted} of flow {name!r} (versions: {listed(plan.version for plan in plans)})")


def usual(plans: Sequence[FlowPlan]) -> FlowPlan:
    """Return the newest stable version (`plans`: newest first), the newest of all if none is stable."""
    return next((plan for plan in plans if version_of(plan).stable), plans[0])


def possible(plans: Sequence[FlowPlan]) -> tuple[FlowPlan, ...]:
    """Return the versions of which a run gets one that names none (`plans`: newest first)."""
    decider = usual(plans)
    return tuple(plan for plan, _ in _shares(plans, decider.split)) or (decider,)


def by_split(plans: Sequence[FlowPlan], *, key: str | None, chance: random.Random | None) -> FlowPlan:
    """Return the version that a run gets which names none (`plans`: newest first).

    The usual version's `rollout` decides: the same `key` always falls to the same version as long as the shares stay,
    and keeps it when a share grows at the end; without a key `chance` draws, without either the greatest share is
    taken.
    """
    decider = usual(plans)
    shares = _shares(plans, decider.split)
    total = sum(share for _, share in shares)
    if total <= 0:
        return decider
    if key is not None:
        digest = hashlib.sha256(f"{decider.name}\0{key}".encode()).digest()
        point = int.from_bytes(digest[:8]) / _STEPS
    elif chance is not None:
        point = chance.random()
    else:
        return max(shares, key=lambda each: each[1])[0]
    return _at(shares, point * total)


def _shares(plans: Sequence[FlowPlan], split: Mapping[str, float]) -> list[tuple[FlowPlan, float]]:
    """Return the versions that are there with their shares, in the order of the split."""
    by_version = {version_of(plan): plan for plan in plans}
    found: list[tuple[FlowPlan, float]] = []
    for text, share in split.items():
        version = parsed_version(text)
        if version is not None and (plan := by_version.get(version)) is not None and share > 0:
            found.append((plan, share))
    return found


def _at(shares: Sequence[tuple[FlowPlan, float]], point: float) -> FlowPlan:
    reached = 0.0
    for plan, share in shares:
        reached += share
        if point < reached:
            return plan
    return shares[-1][0]
