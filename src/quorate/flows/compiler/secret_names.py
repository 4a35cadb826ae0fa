"""Secrets that configurations name: `{secret: NAME}`, wherever it stands in them."""

from collections.abc import Sequence

from quorate.flows.compiler.draft import Draft
from quorate.flows.compiler.problems import Problems
from quorate.flows.compiler.values import has_template, leaves
from quorate.source.place import KeyPath, did_you_mean, listed

_KEY = "secret"


def check_secrets(draft: Draft, known: Sequence[str], problems: Problems) -> None:
    """Report secrets that the flow does not name under its `secrets`."""
    config = draft.section.config
    for path, name in leaves(config):
        if path[-1] != _KEY or len(path) == 1 or not isinstance(name, str) or has_template(name):
            continue
        if name not in known and _is_alone(path, config):
            hint = did_you_mean(name, known) or f"; secrets of this flow: {listed(known)}"
            problems.at((*draft.at, "config", *path), f"no secret {name!r}{hint}; name it under `secrets`")


def _is_alone(path: KeyPath, config: object) -> bool:
    """Return whether the mapping at whose key a path ends has no other key: then it stands for a secret."""
    return sum(other[: len(path) - 1] == path[:-1] for other, _ in leaves(config)) == 1
