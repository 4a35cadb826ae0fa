"""Steps in all their spellings: executed ones, groups, loops and choices."""

import json
from collections.abc import Callable, Sequence

from quorate.flows.language.error_spelling import cache, retry, split_errors
from quorate.flows.language.node import Node, Problems
from quorate.flows.language.spelling import entries, put, renamed_value, respelled, spelling, texts
from quorate.source.place import did_you_mean, shown

STEP = spelling(
    "a step",
    "name description executor config depends_on require condition parallel_group foreach steps switch retry timeout "
    "on_error error_handling cache concurrency fallback_only outputs weight metadata type remove",
    name="id",
    depends_on="needs",
    condition="when if run_if",
    parallel_group="group",
    foreach="for_each",
    timeout="timeout_seconds",
    on_error="on_failure",
    cache="caching",
    concurrency="max_concurrent max_concurrency",
)
FOREACH = spelling(
    "a loop",
    "items as max_parallel on_item_error",
    items="in",
    max_parallel="max_concurrency max_concurrent concurrency",
    on_item_error="on_error",
    **{"as": "var"},
)
CASE = spelling("a case", "name when steps otherwise", when="if condition", otherwise="default else")
SWITCH = spelling("a switch", "on cases default", on="value expression", default="otherwise else")

#: What `type` may say of a step with `steps`: whether they wait for each other in the order in which they stand.
GROUPS = {"parallel": False, "group": False, "sequential": True, "sequence": True}
_ITEM_ERRORS = {"stop": "fail", "fail": "fail", "continue": "collect", "collect": "collect", "skip": "collect"}


def steps(node: Node, problems: Problems) -> Node:
    """Return `steps` as a list; a name with nothing under it leaves that step out of what is inherited."""
    if node.mapping is not None:
        node = node.made({name: _left_out(each) for name, each in node.mapping.items()})
    return node.made([made for each in entries(node, "steps", problems) if (made := step(each, problems)) is not None])


def _left_out(node: Node) -> Node:
    return node.made({"remove": node.made(value=True)}) if node.value is None else node


def step(node: Node, problems: Problems) -> Node | None:
    """Return one step."""
    if (found := respelled(node, STEP, problems)) is None:
        return None
    split_errors(found, problems)
    for key, spelt in _PARTS.items():
        if (value := found.get(key)) is not None and value.value is not None:
            if (made := spelt(value, problems)) is not None:
                found[key] = made
            else:
                del found[key]
    _settle_type(found, problems)
    return node.made(found)


def _settle_type(found: dict[str, Node], problems: Problems) -> None:
    """Take `type` out: what a step is follows from its keys; `sequential` makes each inner step wait for the last."""
    if (kind := found.pop("type", None)) is None:
        return
    if not isinstance(kind.value, str) or kind.value not in GROUPS:
        hint = did_you_mean(kind.value, GROUPS) if isinstance(kind.value, str) else ""
        problems.at(
            kind,
            f"{shown(kind.plain())} is not one of {', '.join(GROUPS)}{hint}; what a step does is said by `executor`",
        )
        return
    inner = found.get("steps")
    if inner is None:
        problems.at(kind, f"a step of type {kind.value!r} has `steps` inside")
    elif GROUPS[kind.value]:
        found["steps"] = inner.made(_one_after_another(inner.items or ()))


def _one_after_another(inner: Sequence[Node]) -> list[Node]:
    ordered: list[Node] = []
    for each in inner:
        ordered.append(_waiting_for(ordered[-1], each) if ordered else each)
    return ordered


def _waiting_for(last: Node, node: Node) -> Node:
    """Return a step that waits for another one of its block as well."""
    inner = dict(node.mapping or {})
    name = (last.mapping or {}).get("name")
    waits = inner.get("depends_on")
    before = list((waits.items if waits is not None else None) or ())
    if name is not None and name.value not in [each.value for each in before]:
        where = waits if waits is not None else node
        inner["depends_on"] = where.made([*before, where.made(name.value)])
    return node.made(inner)


def _foreach(node: Node, problems: Problems) -> Node | None:
    if node.mapping is None:
        return node.made({"items": node})
    if (found := respelled(node, FOREACH, problems)) is None:
        return None
    if (failing := found.get("on_item_error")) is not None:
        found["on_item_error"] = renamed_value(failing, _ITEM_ERRORS)
    return node.made(found)


def _outputs(node: Node, problems: Problems) -> Node | None:
    """Return the names of a step's outputs; a description beside one is for its readers, all else is refused."""
    if isinstance(node.value, str):
        return texts(node)
    if node.mapping is None and node.items is None:
        problems.at(node, f"{shown(node.value)}: expected the names of outputs, as a list")
        return None
    if node.mapping is not None:
        for each in node.mapping.values():
            _only_described(each, problems)
        names = {key: each.key or each.mark for key, each in node.mapping.items()}
        return node.made([Node(value=key, mark=names[key], path=each.path) for key, each in node.mapping.items()])
    return node.made([name for each in node.items or () if (name := _output_name(each, problems)) is not None])


def _output_name(node: Node, problems: Problems) -> Node | None:
    if isinstance(node.value, str):
        return node
    inner = dict(node.mapping or {})
    name = inner.pop("name", None)
    if name is None or not isinstance(name.value, str):
        problems.at(node, f"{shown(node.plain())}: expected the name of an output")
        return None
    _only_described(node.made(inner), problems)
    return name


def _only_described(node: Node, problems: Problems) -> None:
    told = "a step's output has a name only: what it is follows from the executor; an executor `validate` checks it"
    if node.value is not None and node.mapping is None:
        problems.at(node, f"{shown(node.plain())}: {told}")
    for key, value in (node.mapping or {}).items():
        if key != "description":
            problems.at_key(value, told)


def _switch(node: Node, problems: Problems) -> Node | None:
    if node.mapping is not None:
        return _switch_on_value(node, problems)
    if node.items is None:
        problems.at(node, f"{shown(node.value)}: expected a list of cases, or `on` and `cases`")
        return None
    cases = [made for each in node.items if (made := _case(each, problems)) is not None]
    return node.made(_numbered(cases, problems))


def _case(node: Node, problems: Problems) -> Node | None:
    if (said := respelled(node, CASE, problems)) is None:
        return None
    found = {key: value for key, value in said.items() if value.value is not None}
    otherwise = found.pop("otherwise", None)
    if otherwise is not None:
        if "when" in found:
            problems.at_key(otherwise, "a case has either `when` or `otherwise`")
        if otherwise.items is not None:
            put(found, "steps", otherwise, problems)
        elif otherwise.value is not True:
            problems.at(otherwise, f"{shown(otherwise.plain())}: expected true, or the steps")
    if "steps" in found:
        found["steps"] = steps(found["steps"], problems)
    return node.made(found)


def _numbered(cases: list[Node], problems: Problems) -> list[Node]:
    """Return cases that all have a name; only the last may do without a condition."""
    named: list[Node] = []
    for number, case in enumerate(cases, start=1):
        inner = dict(case.mapping or {})
        always = "when" not in inner
        if always and number < len(cases):
            problems.at(case, "has no `when`, so that none of the cases after it can be taken; put it last")
        inner.setdefault("name", case.made("otherwise" if always else f"case_{number}"))
        named.append(case.made(inner))
    return named


def _switch_on_value(node: Node, problems: Problems) -> Node | None:
    """Return `{on: EXPRESSION, cases: {VALUE: STEPS}, default: STEPS}` as a list of cases that compare texts."""
    if (found := respelled(node, SWITCH, problems)) is None:
        return None
    on, chosen = found.get("on"), found.get("cases")
    if on is None or not isinstance(on.value, str) or chosen is None or chosen.mapping is None:
        problems.at(node, "expected `on`, an expression, and `cases`, a mapping from its values to steps")
        return None
    cases = [
        _with_name(each.made({"when": on.made(_equals(on.value, key)), **_inner_steps(each, problems)}), key)
        for key, each in chosen.mapping.items()
    ]
    if (default := found.get("default")) is not None:
        cases.append(_with_name(default.made(_inner_steps(default, problems)), "otherwise"))
    return node.made(cases)


def _with_name(case: Node, name: str) -> Node:
    return case.made({"name": Node(value=name, mark=case.key or case.mark, path=case.path), **(case.mapping or {})})


def _inner_steps(node: Node, problems: Problems) -> dict[str, Node]:
    """Return the steps of one case of `cases`: it is named, and taken, by the value that it stands under."""
    if node.mapping is not None and "steps" in node.mapping:
        found = respelled(node, CASE, problems) or {}
        for key, value in found.items():
            if key != "steps":
                problems.at_key(value, "a case here is named, and taken, by its value; it has `steps` alone")
        node = found["steps"]
    return {"steps": steps(node, problems)}


def _equals(expression: str, value: str) -> str:
    text = expression.strip().removeprefix("{{").removesuffix("}}").strip()
    return "{{ (" + text + ") | string == " + json.dumps(value, ensure_ascii=False) + " }}"


def _texts(node: Node, problems: Problems) -> Node | None:
    del problems
    return texts(node)


_PARTS: dict[str, Callable[[Node, Problems], Node | None]] = {
    "depends_on": _texts,
    "foreach": _foreach,
    "steps": steps,
    "switch": _switch,
    "retry": retry,
    "cache": cache,
    "outputs": _outputs,
}
