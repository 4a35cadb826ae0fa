"""A flow in the one spelling that `FlowSection` knows, whatever spelling it was written in."""

from collections.abc import Callable, Mapping

from quorate.flows.language.error_spelling import cache, retry, split_errors
from quorate.flows.language.input_spelling import inputs
from quorate.flows.language.node import Node, Problems
from quorate.flows.language.output_spelling import outputs
from quorate.flows.language.spelling import by_name, entries, put, respelled, spelling, texts
from quorate.flows.language.step_spelling import steps
from quorate.flows.language.version import full_version
from quorate.source.place import shown

FLOW = spelling(
    "a flow",
    "apiVersion name version description tags metadata inputs outputs secrets defaults limits functions macros steps "
    "catch finally cache callbacks rollout examples tests extends abstract config error_handling",
    apiVersion="api_version",
    limits="execution",
    cache="caching",
    callbacks="callback",
)
CONFIG = spelling("the configuration", "execution caching callbacks", execution="limits", caching="cache")
LIMITS = spelling(
    "limits",
    "concurrency runs per_key timeout max_cost_usd priority durability mode auto_resume max_retries",
    concurrency="max_concurrent max_concurrency max_parallel",
    runs="max_runs",
    per_key="key",
    timeout="timeout_seconds",
    max_cost_usd="max_cost",
    max_retries="retry_count",
)
DEFAULTS = spelling("defaults", "timeout retry on_error error_handling")
CALLBACKS = spelling("callbacks", "enabled max_retries retry_delay", max_retries="retry_count")
FUNCTION = spelling("a function", "implementation description", implementation="code")
ROLLOUT = spelling("a rollout", "split sticky_by", sticky_by="sticky")
TEST = spelling("a test", "name inputs mock expect", mock="mocks", expect="expected")
EXAMPLE = frozenset({"name", "title", "description", "inputs", "outputs"})

#: Runs of a higher number leave the queue first.
PRIORITIES = {"low": -10, "normal": 0, "high": 10}


def flow(node: Node, problems: Problems) -> Node:
    """Return a whole flow in the canonical spelling; what is wrong is noted and left out."""
    found = respelled(node, FLOW, problems) or {}
    _take_config(found, problems)
    if (handling := found.pop("error_handling", None)) is not None and handling.value is not None:
        _add_to(found, "defaults", handling, {"error_handling": handling}, problems)
    for key, spelt in _PARTS.items():
        if (value := found.get(key)) is not None and value.value is not None:
            if (made := spelt(value, problems)) is not None:
                found[key] = made
            else:
                del found[key]
    if "examples" in found:
        found["examples"] = _examples(found["examples"], found.get("inputs"), problems)
    return node.made(found)


def _take_config(found: dict[str, Node], problems: Problems) -> None:
    """Spread `config: {execution, caching, callbacks}` over the keys that say the same."""
    if (config := found.pop("config", None)) is None or config.value is None:
        return
    inner = respelled(config, CONFIG, problems) or {}
    if (execution := inner.get("execution")) is not None and execution.value is not None:
        if execution.mapping is None:
            problems.at(execution, f"{shown(execution.plain())}: expected a mapping such as {{timeout: 5m}}")
        _add_to(found, "limits", execution, execution.mapping or {}, problems)
    for key, own in (("caching", "cache"), ("callbacks", "callbacks")):
        if key in inner:
            put(found, own, inner[key], problems)


def _add_to(found: dict[str, Node], section: str, where: Node, more: Mapping[str, Node], problems: Problems) -> None:
    """Put keys into a section that may be written already; one that is no mapping is left for its own check."""
    written = found.get(section)
    if written is not None and written.value is not None and written.mapping is None:
        return
    inner = dict((written.mapping if written is not None else None) or {})
    for key, value in more.items():
        put(inner, key, value, problems)
    found[section] = (written if written is not None and written.mapping is not None else where).made(inner)


def _limits(node: Node, problems: Problems) -> Node | None:
    if (found := respelled(node, LIMITS, problems)) is None:
        return None
    if (priority := found.get("priority")) is not None and isinstance(priority.value, str):
        if (number := PRIORITIES.get(priority.value)) is None:
            problems.at(priority, f"{shown(priority.value)}: expected a number, or one of {', '.join(PRIORITIES)}")
        found["priority"] = priority.made(number or 0)
    return node.made(found)


def _defaults(node: Node, problems: Problems) -> Node | None:
    if (found := respelled(node, DEFAULTS, problems)) is None:
        return None
    split_errors(found, problems)
    if (again := found.get("retry")) is not None and again.value is not None:
        found["retry"] = retry(again, problems) or again.made(None)
    return node.made(found)


def _callbacks(node: Node, problems: Problems) -> Node | None:
    if isinstance(node.value, bool):
        return node.made({"enabled": node})
    found = respelled(node, CALLBACKS, problems)
    return None if found is None else node.made(found)


def _rollout(node: Node, problems: Problems) -> Node | None:
    if (found := respelled(node, ROLLOUT, problems)) is None:
        return None
    if (split := found.get("split")) is not None and split.mapping is not None:
        found["split"] = split.made({_version_text(key): share for key, share in split.mapping.items()})
    return node.made(found)


def _version_text(text: str) -> str:
    return full_version(text) or text


def _version(node: Node, problems: Problems) -> Node | None:
    text = node.decimal or (node.value if isinstance(node.value, str) else str(node.plain()))
    if (whole := full_version(text)) is None:
        problems.at(node, f"{shown(text)}: expected a version by semantic versioning such as 1.2.0 or 2.0.0-rc.1")
        return None
    return node.made(whole)


def _functions(node: Node, problems: Problems) -> Node:
    made: dict[str, Node] = {}
    for name, each in by_name(node, "functions", problems).items():
        if isinstance(each.value, str):
            made[name] = each.made({"implementation": each})
        elif (found := respelled(each, FUNCTION, problems)) is not None:
            made[name] = each.made(found)
    return node.made(made)


def _tests(node: Node, problems: Problems) -> Node:
    found = [(each, respelled(each, TEST, problems)) for each in entries(node, "tests", problems)]
    return node.made([each.made(inner) for each, inner in found if inner is not None])


def _examples(node: Node, known: Node | None, problems: Problems) -> Node:
    """Return examples as inputs alone: what else an example says is for its readers."""
    has_input = known is not None and "inputs" in (known.mapping or {})
    return node.made([each if has_input else _example(each) for each in entries(node, "examples", problems)])


def _example(node: Node) -> Node:
    inner = node.mapping
    if inner is None or "inputs" not in inner or inner.keys() - EXAMPLE or inner["inputs"].mapping is None:
        return node
    return node.made(inner["inputs"].value)


def _texts(node: Node, problems: Problems) -> Node:
    del problems
    return texts(node)


_PARTS: dict[str, Callable[[Node, Problems], Node | None]] = {
    "version": _version,
    "tags": _texts,
    "inputs": inputs,
    "outputs": outputs,
    "secrets": _texts,
    "defaults": _defaults,
    "limits": _limits,
    "functions": _functions,
    "steps": steps,
    "catch": steps,
    "finally": steps,
    "cache": cache,
    "callbacks": _callbacks,
    "rollout": _rollout,
    "tests": _tests,
    "extends": _texts,
}
