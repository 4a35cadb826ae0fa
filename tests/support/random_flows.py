"""Flows at random, as documents: graphs of everything that a flow may have, whose outputs no order of ends changes.

The same seed gives the same flow. Steps that fail are handled, so that no failure keeps others from starting: which
ones those are would depend on the order.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_MODULUS = 997
_INSIDE = 3


@dataclass(frozen=True)
class Node:
    """A step and the expression of the number that others take from it."""

    step: dict[str, Any]
    total: str


def flow_document(seed: int) -> dict[str, Any]:
    """Return the flow of this seed; its nested flows are `below_document(seed)`."""
    return _Drawing(seed, depth=2).document(f"random_{seed}", least=4, most=9)


def below_document(seed: int) -> dict[str, Any]:
    """Return the flow that steps of the flow of this seed run."""
    return _Drawing(seed + 1_000_003, depth=1).document(f"below_{seed}", least=1, most=4)


def named_document(name: str) -> dict[str, Any]:
    """Return a flow by its name."""
    kind, seed = name.split("_")
    return flow_document(int(seed)) if kind == "random" else below_document(int(seed))


def as_text(document: dict[str, Any]) -> str:
    """Return the text of a flow: JSON is YAML."""
    return json.dumps(document, indent=1)


class _Drawing:
    """Draws one flow; live. `depth` says how often steps may be inside steps."""

    def __init__(self, seed: int, *, depth: int) -> None:
        self._seed = seed
        self._rng = random.Random(seed)
        self._depth = depth
        self._count = 0
        self._nests = depth > 1

    def document(self, name: str, *, least: int, most: int) -> dict[str, Any]:
        nodes = self._block((), self._depth, self._rng.randint(least, most))
        return {
            "name": name,
            "inputs": {"n": {"type": "integer", "default": 1}},
            "limits": {"concurrency": self._rng.choice([1, 2, 4, 16])},
            "steps": [node.step for node in nodes],
            "outputs": {
                "total": f"{{{{ ({' + '.join(node.total for node in nodes)}) % {_MODULUS} }}}}",
                **{node.step["name"]: f"{{{{ {node.total} }}}}" for node in nodes},
            },
        }

    def _block(self, seen: Sequence[Node], depth: int, count: int) -> list[Node]:
        nodes: list[Node] = []
        for _ in range(count):
            nodes.append(self._node([*seen, *nodes], depth))
        return nodes

    def _node(self, seen: Sequence[Node], depth: int) -> Node:
        kinds: list[Callable[[str, str, int], Node]] = [self._leaf, self._retried, self._handled, self._optional]
        kinds += [self._loop, self._replaced, self._wait]
        if depth:
            kinds += [self._group, self._group, self._loop_of_group, self._switch]
        if self._nests:
            kinds.append(self._flow)
        self._count += 1
        name = f"s{self._count}"
        needs = self._rng.sample(list(seen), k=min(len(seen), self._rng.choice([0, 1, 1, 2, 3])))
        number = " + ".join([str(self._rng.randint(1, 99)), "inputs.n", *(node.total for node in needs)])
        node = self._rng.choice(kinds)(name, f"({number}) % {_MODULUS}", depth)
        if needs:
            node.step.setdefault("require", self._rng.choice(["all", "all", "all", "any", "done"]))
        return node

    def _leaf(self, name: str, number: str, depth: int) -> Node:
        del depth
        return Node(_mark(name, number), f"(steps.{name}.sum or 0)")

    def _retried(self, name: str, number: str, depth: int) -> Node:
        del depth
        step = _mark(name, number, fails=self._rng.randint(1, 2))
        step["retry"] = {"max_attempts": 3, "delay": 0.02, "max_delay": 0.03, "jitter": "none"}
        return Node(step, f"(steps.{name}.sum or 0)")

    def _handled(self, name: str, number: str, depth: int) -> Node:
        del depth
        step = {**_mark(name, number, breaks=True), "on_error": self._rng.choice(["continue", {"value": {"sum": 5}}])}
        return Node(step, f"(steps.{name}.sum or 0)")

    def _optional(self, name: str, number: str, depth: int) -> Node:
        del depth
        return Node({**_mark(name, number), "condition": f"{{{{ ({number}) % 2 == 0 }}}}"}, f"(steps.{name}.sum or 0)")

    def _loop(self, name: str, number: str, depth: int) -> Node:
        del depth
        step = _mark(name, f"({number} + item) % {_MODULUS}", fails=self._rng.choice([0, 0, 1]))
        step["foreach"] = {**self._items(), "on_item_error": "collect"}
        return Node(step, f'((steps.{name}.output or []) | select | map(attribute="sum") | sum)')

    def _replaced(self, name: str, number: str, depth: int) -> Node:
        del depth
        step = {**_mark(name, number, breaks=True), "on_error": {"value": {"sum": f"{{{{ {number} }}}}"}}}
        return Node(step, f"(steps.{name}.sum or 0)")

    def _wait(self, name: str, number: str, depth: int) -> Node:
        del depth
        seconds = self._rng.choice([0.01, 0.03])
        step = {
            "name": name,
            "executor": "wait",
            "config": {"seconds": seconds},
            "condition": f"{{{{ ({number}) >= 0 }}}}",
        }
        return Node(step, f"(7 if steps.{name}.success else 0)")

    def _group(self, name: str, number: str, depth: int) -> Node:
        nodes = self._inside(number, depth)
        stand_in = _mark(f"{name}_stand_in", number)
        replaced = {**_mark(f"{name}_replaced", number, breaks=True), "on_error": {"fallback": stand_in["name"]}}
        step = {"name": name, "steps": [*(node.step for node in nodes), replaced, {**stand_in, "fallback_only": True}]}
        return Node(step, f"({' + '.join(node.total for node in nodes)} + (steps.{name}_replaced.sum or 0))")

    def _loop_of_group(self, name: str, number: str, depth: int) -> Node:
        nodes = self._inside(f"{number} + item", depth)
        last = _mark(f"{name}_last", f"({' + '.join(node.total for node in nodes)} + item) % {_MODULUS}")
        step = {"name": name, "foreach": self._items(), "steps": [*(node.step for node in nodes), last]}
        return Node(step, f'((steps.{name}.output or []) | map(attribute="{name}_last") | map(attribute="sum") | sum)')

    def _switch(self, name: str, number: str, depth: int) -> Node:
        left, right = self._inside(number, depth), self._inside(number, depth)
        cases = [
            {"name": "even", "when": f"{{{{ ({number}) % 2 == 0 }}}}", "steps": [node.step for node in left]},
            {"name": "odd", "steps": [node.step for node in right]},
        ]
        return Node({"name": name, "switch": cases}, f"({' + '.join(node.total for node in [*left, *right])})")

    def _flow(self, name: str, number: str, depth: int) -> Node:
        del depth
        config = {"flow_name": f"below_{self._seed}", "inputs": {"n": f"{{{{ {number} }}}}"}}
        return Node(
            {"name": name, "executor": "flow_executor", "config": config, "outputs": ["total"]},
            f"(steps.{name}.total or 0)",
        )

    def _inside(self, number: str, depth: int) -> list[Node]:
        nodes = self._block((), depth - 1, self._rng.randint(1, _INSIDE))
        self._count += 1
        return [*nodes, self._leaf(f"s{self._count}", number, depth)]

    def _items(self) -> dict[str, Any]:
        items = [self._rng.randint(1, 9) for _ in range(self._rng.randint(0, 4))]
        return {"items": items, "max_parallel": self._rng.choice([1, 2, 16])}


def _mark(name: str, number: str, *, fails: int = 0, breaks: bool = False) -> dict[str, Any]:
    config: dict[str, Any] = {"sum": f"{{{{ {number} }}}}"}
    if fails:
        config["fails"] = fails
    if breaks:
        config["breaks"] = True
    return {"name": name, "executor": "mark", "config": config}
