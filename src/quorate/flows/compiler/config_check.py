"""The configuration of a step against its executor's, as far as it is known before a run."""

import dataclasses
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from quorate.flows.compiler.draft import Draft
from quorate.flows.compiler.problems import Problems
from quorate.flows.compiler.values import has_template
from quorate.source.explain import Written, explain
from quorate.source.place import KeyPath

#: How alike a key of one's own and the name of a field may be: `promt` is, `context` (beside `text`) is not.
_CLOSE = 0.8
_AT_KEYS = frozenset({"extra_forbidden", "missing"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """A part of what somebody wrote, with paths from there."""

    tree: Mapping[str, Any]
    whole: Written
    prefix: KeyPath

    def place(self, path: KeyPath) -> str:
        """Return where the value at `path` stands."""
        return self.whole.place((*self.prefix, *path))

    def key_place(self, path: KeyPath) -> str:
        """Return where the key at the end of `path` stands."""
        return self.whole.key_place((*self.prefix, *path))


def check_config(draft: Draft, problems: Problems) -> None:
    """Report unknown and missing keys and literals that do not fit; what a template makes is checked in the run."""
    if draft.executor is None:
        return
    prefix = (*draft.at, "config")
    config = draft.section.config
    if draft.executor.config.model_config.get("extra") == "allow":
        _misspelt(config, draft.executor.config, prefix, problems)
    try:
        draft.executor.config.model_validate(config)
    except ValidationError as error:
        written = Below(tree=config, whole=problems.written, prefix=prefix)
        found = explain(error, draft.executor.config, written, only=lambda each: _is_certain(each, config))
        problems.add(dataclasses.replace(problem, path=(*prefix, *problem.path)) for problem in found)


def _misspelt(config: Mapping[str, Any], known: type[BaseModel], prefix: KeyPath, problems: Problems) -> None:
    """Report keys that are nearly the name of a field where keys of one's own are allowed."""
    names = [name for field, about in known.model_fields.items() for name in _words(field, about)]
    for key in config:
        close = [] if key in names else get_close_matches(key.lower(), names, n=1, cutoff=_CLOSE)
        if close:
            told = f"unknown key; did you mean {close[0]!r}? A key of your own needs a name that is less like it"
            problems.at_key((*prefix, key), told)


def _words(field: str, about: FieldInfo) -> list[str]:
    alias = about.validation_alias
    if isinstance(alias, AliasChoices):
        return [field, *(each for each in alias.choices if isinstance(each, str))]
    return [field, alias] if isinstance(alias, str) else [field]


def _is_certain(details: ErrorDetails, config: Mapping[str, Any]) -> bool:
    """Return whether an error remains whatever the templates render to.

    One about a value that holds a template does not, except for its keys; nor does one about one way of a union over
    such a value: it may be meant to be another.
    """
    loc = details["loc"]
    here: object = config
    for index, step in enumerate(loc):
        found, below = _below(here, step)
        if not found:
            if details["type"] == "missing" and index == len(loc) - 1:
                return True
            return not has_template(here)  # `step` is the mark of a union or of a validator
        here = below
    return details["type"] in _AT_KEYS or not has_template(here)


def _below(here: object, step: str | int) -> tuple[bool, object]:
    """Return whether there is such a step, and what is there."""
    if isinstance(here, Mapping):
        entries = cast("Mapping[object, object]", here)
        return (step in entries, entries.get(step))
    if isinstance(here, list | tuple) and isinstance(step, int):
        items = cast("Sequence[object]", here)
        return (step < len(items), items[step] if step < len(items) else None)
    return (False, None)
