"""Texts that look exactly like a reference and are none, because there are no braces around them."""

import re
from collections.abc import Iterator, Mapping

from quorate.flows.compiler.draft import Draft
from quorate.flows.compiler.problems import Problems
from quorate.flows.compiler.values import leaves
from quorate.flows.language.sections import FlowSection
from quorate.source.place import KeyPath

_REFERENCE = re.compile(r"\s*(steps|inputs)\.([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_]+|\[[^\]\s]+\])*)\s*")


def check_plain_references(section: FlowSection, steps: Mapping[str, Draft], problems: Problems) -> None:
    """Report texts such as `steps.a.result` where a template was meant: the values of a flow itself, not of configs.

    Only what names a step or an input of this flow is reported; other texts stay what they are.
    """
    known = {"steps": steps, "inputs": section.inputs}
    for at, text in _texts(section, steps):
        if (found := _REFERENCE.fullmatch(text)) is not None and found[2] in known[found[1]]:
            bare = text.strip()
            problems.at(at, f'{bare!r} is this text and no reference: write "{{{{ {bare} }}}}"')


def _texts(section: FlowSection, steps: Mapping[str, Draft]) -> Iterator[tuple[KeyPath, str]]:
    written: list[tuple[KeyPath, object]] = [
        *((("outputs", name, "value"), each.value) for name, each in section.outputs.items()),
        (("limits", "per_key"), section.limits.per_key),
        (("rollout", "sticky_by"), section.rollout and section.rollout.sticky_by),
        (("cache", "key"), section.cache and section.cache.key),
        *(((*each.at, "on_error", "value"), rule.value) for each in steps.values() if (rule := each.section.on_error)),
        *(((*each.at, "cache", "key"), rule.key) for each in steps.values() if (rule := each.section.cache)),
    ]
    for at, value in written:
        for path, leaf in leaves(value):
            if isinstance(leaf, str):
                yield (*at, *path), leaf
