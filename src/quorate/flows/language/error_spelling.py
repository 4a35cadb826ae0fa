"""Retries, error handling and caches in all their spellings."""

from quorate.flows.language.node import Node, Problems
from quorate.flows.language.spelling import put, renamed_value, respelled, spelling, texts
from quorate.source.place import did_you_mean, shown

RETRY = spelling(
    "a retry",
    "max_attempts backoff_strategy delay max_delay factor jitter on never_on",
    max_attempts="attempts",
    max_retries="max_retries retry_count retries",
    backoff_strategy="backoff strategy",
    delay="initial initial_delay retry_delay",
    max_delay="max",
    factor="multiplier backoff_factor",
    on="retry_on",
    never_on="not_on",
)
ON_ERROR = spelling(
    "a rule for errors",
    "action fallback value has_value when",
    action="on_failure",
    fallback="fallback_step",
    value="fallback_value",
    when="if condition",
    **{"continue": "continue"},
)
ERROR_HANDLING = spelling(
    "error handling",
    "on_failure fallback_step fallback_value max_retries retry_delay",
    on_failure="action",
    fallback_step="fallback",
    fallback_value="value",
    max_retries="retry_count retries",
    retry_delay="delay",
    when="when if condition",
)
CACHE = spelling("a cache", "enabled key ttl", key="key_template")

_STRATEGIES = {"constant": "fixed"}
ACTIONS = {"fail": "stop", "abort": "stop", "stop": "stop", "continue": "continue", "ignore": "continue"}
_JITTER = {True: "full", False: "none"}
#: How often a failed step is tried in all where `on_failure: retry` does not say.
_USUAL_ATTEMPTS = 3


def retry(node: Node, problems: Problems) -> Node | None:
    """Return a `retry`: a mapping, a number of attempts, or whether there is one at all."""
    if isinstance(node.value, bool):
        return node.made({} if node.value else {"max_attempts": node.made(1)})
    if isinstance(node.value, int):
        return node.made({"max_attempts": node})
    if (found := respelled(node, RETRY, problems)) is None:
        return None
    if (again := found.pop("max_retries", None)) is not None:
        put(found, "max_attempts", _one_more(again), problems)
    if (strategy := found.get("backoff_strategy")) is not None:
        found["backoff_strategy"] = renamed_value(strategy, _STRATEGIES)
    if (jitter := found.get("jitter")) is not None and isinstance(jitter.value, bool):
        found["jitter"] = jitter.made(_JITTER[jitter.value])
    for codes in ("on", "never_on"):
        if codes in found:
            found[codes] = texts(found[codes])
    return node.made(found)


def _one_more(node: Node) -> Node:
    """Return a number of retries as a number of attempts."""
    is_number = isinstance(node.value, int) and not isinstance(node.value, bool)
    return node.made(int(node.value) + 1) if is_number and isinstance(node.value, int) else node


def on_error(node: Node, problems: Problems) -> Node | None:
    """Return an `on_error`: a mapping, or what happens in one word."""
    if isinstance(node.value, str):
        return None if (action := _action(node, problems)) is None else node.made({"action": action})
    if (found := respelled(node, ON_ERROR, problems)) is None:
        return None
    if (go_on := found.pop("continue", None)) is not None:
        if not isinstance(go_on.value, bool):
            problems.at(go_on, f"{shown(go_on.plain())}: expected true or false")
        else:
            put(found, "action", go_on.made("continue" if go_on.value else "stop"), problems)
    return _with_action(node, found, problems)


def error_handling(node: Node, problems: Problems) -> tuple[Node | None, Node | None]:
    """Return an `error_handling` as the `on_error` and the `retry` that it stands for."""
    if isinstance(node.value, str):
        node = node.made({"on_failure": node})
    if (found := respelled(node, ERROR_HANDLING, problems)) is None:
        return None, None
    again = {key: found.pop(key) for key in ("max_retries", "retry_delay") if key in found}
    what = found.pop("on_failure", None)
    retries = what is not None and what.value == "retry"
    if what is not None and not retries:
        found["action"] = what
    rule = {_AS_ON_ERROR.get(key, key): value for key, value in found.items()}
    tried = _tried_again(node, again) if retries or again else None
    return (_with_action(node, rule, problems, choices=("stop", "continue", "retry")) if rule else None), tried


_AS_ON_ERROR = {"fallback_step": "fallback", "fallback_value": "value"}


def _tried_again(node: Node, again: dict[str, Node]) -> Node:
    attempts = _one_more(again["max_retries"]) if "max_retries" in again else node.made(_USUAL_ATTEMPTS)
    delay = {"delay": again["retry_delay"]} if "retry_delay" in again else {}
    return node.made({"max_attempts": attempts, **delay})


def _with_action(
    node: Node, found: dict[str, Node], problems: Problems, *, choices: tuple[str, ...] = ("stop", "continue")
) -> Node:
    if (action := found.pop("action", None)) is not None and (known := _action(action, problems, choices)) is not None:
        found["action"] = known
    if (value := found.get("value")) is not None and "has_value" not in found:
        found["has_value"] = value.made(value=True)
    return node.made(found)


def _action(node: Node, problems: Problems, choices: tuple[str, ...] = ("stop", "continue")) -> Node | None:
    known = renamed_value(node, ACTIONS)
    if known.value in ("stop", "continue"):
        return known
    hint = did_you_mean(node.value, {*choices, *ACTIONS}) if isinstance(node.value, str) else ""
    problems.at(node, f"{shown(node.plain())} is not one of {', '.join(choices)}{hint}")
    return None


def cache(node: Node, problems: Problems) -> Node | None:
    """Return a `cache`: a mapping, or whether there is one."""
    if isinstance(node.value, bool):
        return node.made({"enabled": node})
    found = respelled(node, CACHE, problems)
    return None if found is None else node.made(found)
