"""What is left to do once a flow has all that it inherits: take out what is empty and what was only there for that."""

from collections.abc import Mapping, Sequence

from quorate.flows.language.node import Node, Problems
from quorate.source.place import shown

#: What is the flow's data: an empty key in it is `null`, and means that.
_DATA = frozenset({"config", "metadata", "examples", "default", "value", "items", "macros", "split"})
#: What has names that are the keys of a mapping, and what such a thing is called.
_NAMED = {"inputs": "input", "outputs": "output", "functions": "function"}
_STEPS = frozenset({"steps", "catch", "finally"})


def settled(flow: Node, problems: Problems) -> Node:
    """Return a flow without empty keys, which say nothing, and without the removals of what it inherits.

    An empty `retry` of a step is the usual one: that of the `defaults` if they have one. What was to be removed and is
    not there is noted.
    """
    found = dict(_filled(flow.mapping or {}))
    defaults = found.get("defaults")
    again = (defaults.mapping or {}).get("retry") if defaults is not None else None
    settle = _Settle(problems=problems, has_usual_retry=again is not None and bool(again.mapping))
    for key, what in _NAMED.items():
        if (named := found.get(key)) is not None and named.mapping is not None:
            found[key] = named.made(settle.named(named.mapping, what))
    tests = found.get("tests")
    if tests is not None and tests.items is not None:
        found["tests"] = tests.made([each.made(_filled(each.mapping or {})) for each in tests.items])
    return flow.made(
        {key: value if key in _NAMED or key == "tests" else settle.part(key, value) for key, value in found.items()}
    )


class _Settle:
    """Settles the parts of one flow."""

    def __init__(self, *, problems: Problems, has_usual_retry: bool) -> None:
        self._problems = problems
        self._has_usual_retry = has_usual_retry

    def named(self, entries: Mapping[str, Node], what: str) -> dict[str, Node]:
        """Return what has names; a name with nothing under it leaves out what is inherited."""
        kept: dict[str, Node] = {}
        for name, each in entries.items():
            if each.value is None:
                self._problems.at_key(each, f"there is nothing under the name of this {what}; say what it is")
            else:
                kept[name] = self.part(what, each)
        return kept

    def part(self, key: str, node: Node) -> Node:
        """Return what stands under a key."""
        if key in _DATA:
            return node
        if key == "schema":
            return node.made({word: each for word, each in (node.mapping or {}).items() if _says(word, each)})
        if key in _STEPS and node.items is not None:
            return node.made(self._steps(node.items))
        if node.items is not None:
            return node.made([self.part("", each) for each in node.items])
        if node.mapping is None:
            return node
        return node.made({inner: self.part(inner, value) for inner, value in _filled(node.mapping).items()})

    def _steps(self, steps: Sequence[Node]) -> list[Node]:
        kept: list[Node] = []
        for each in steps:
            if is_removal(each):
                told = f"there is no step {shown(step_name(each))} to remove in what the flow extends"
                self._problems.at_key(each, told)
            else:
                kept.append(self._step(self.part("", each)))
        return kept

    def _step(self, step: Node) -> Node:
        inner = dict(step.mapping or {})
        again = inner.get("retry")
        if self._has_usual_retry and "executor" in inner and again is not None and again.mapping == {}:
            del inner["retry"]
        return step.made(inner)


def _says(keyword: str, node: Node) -> bool:
    return node.value is not None or keyword == "const"


def _filled(entries: Mapping[str, Node]) -> dict[str, Node]:
    return {key: each for key, each in entries.items() if each.value is not None or key == "value"}


def step_name(step: Node) -> object:
    """Return the name of a step; for one without a name something that no other has."""
    name = (step.mapping or {}).get("name")
    return name.value if name is not None and isinstance(name.value, str) else id(step)


def is_removal(step: Node) -> bool:
    """Return whether a step stands for leaving out the one of its name."""
    remove = (step.mapping or {}).get("remove")
    return remove is not None and remove.value is True
