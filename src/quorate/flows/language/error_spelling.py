"""Retries, error handling and caches in all their spellings."""

from quorate.flows.language.node import Node, Problems
from quorate.flows.language.spelling import Spelling, put, renamed_value, respelled, spelling, texts
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
#: What `on_failure` may say besides: the step's `retry`, or the fallback that stands beside it.
RETRY_ACTION, FALLBACK_ACTION = "retry", "fallback"
WORDS = (*ACTIONS, RETRY_ACTION, FALLBACK_ACTION)
_CHOICES = ("stop", "continue", RETRY_ACTION, FALLBACK_ACTION)
_JITTER = {True: "full", False: "none"}
#: What people call errors -> their codes.
CODES = {
    "timeout": "deadline_exceeded",
    "unavailable": "provider_unavailable",
    "rate_limit": "rate_limited",
}
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
            named = texts(found[codes])
            found[codes] = named.made([renamed_value(code, CODES) for code in named.items or ()])
    return node.made(found)


def _one_more(node: Node) -> Node:
    """Return a number of retries as a number of attempts."""
    is_number = isinstance(node.value, int) and not isinstance(node.value, bool)
    return node.made(int(node.value) + 1) if is_number and isinstance(node.value, int) else node


def split_errors(found: dict[str, Node], problems: Problems) -> None:
    """Spread `error_handling` and `on_error` over the keys `on_error` and `retry`, in their canonical spelling.

    `on_failure: retry` beside a `retry` means that one; without one it is an empty `retry`, which stands for the usual.
    """
    own = found.pop("on_error", None)
    if (handling := found.pop("error_handling", None)) is not None and handling.value is not None:
        _put_rule(handling, ERROR_HANDLING, found, problems)
    if own is None:
        return
    if own.value is None:  # a flow that inherits leaves the rule out so
        found.setdefault("on_error", own)
    else:
        _put_rule(own, ON_ERROR, found, problems)


def _put_rule(node: Node, words: Spelling, found: dict[str, Node], problems: Problems) -> None:
    rule, again = _rule(node, words, problems)
    if rule is not None:
        put(found, "on_error", rule, problems)
    if again is None:
        return
    own = found.get("retry")
    if own is not None and own.value is None:  # nothing is said there
        del found["retry"]
        own = None
    if own is None or again.mapping:
        put(found, "retry", again, problems)
    elif own.value is False:
        problems.at(again, f"tries the step again, and `retry` at {own.key or own.mark} says that it is not")


def _rule(node: Node, words: Spelling, problems: Problems) -> tuple[Node | None, Node | None]:
    """Return what is written of errors as the `on_error` and the `retry` that it stands for."""
    if isinstance(node.value, str):
        node = node.made({words.others.get("on_failure", "on_failure"): node})
    if (said := respelled(node, words, problems)) is None:
        return None, None
    found = {_AS_ON_ERROR.get(key, key): value for key, value in said.items()}
    found = {key: value for key, value in found.items() if value.value is not None or key == "value"}
    again = {key: found.pop(key) for key in ("max_retries", "retry_delay") if key in found}
    _take_continue(found, problems)
    what = found.pop("action", None)
    action = None if what is None else _action(what, problems)
    if action is not None and action.value in ("stop", "continue"):
        found["action"] = action
    _contradictions(found, action, problems)
    if (value := found.get("value")) is not None and "has_value" not in found:
        found["has_value"] = value.made(value=True)
    retries = again or (action is not None and action.value == RETRY_ACTION)
    where = what if what is not None else node
    return (node.made(found) if found else None), (_tried_again(where, again) if retries else None)


_AS_ON_ERROR = {"on_failure": "action", "fallback_step": "fallback", "fallback_value": "value"}


def _take_continue(found: dict[str, Node], problems: Problems) -> None:
    if (go_on := found.pop("continue", None)) is None:
        return
    if isinstance(go_on.value, bool):
        put(found, "action", go_on.made("continue" if go_on.value else "stop"), problems)
    else:
        problems.at(go_on, f"{shown(go_on.plain())}: expected true or false")


def _contradictions(found: dict[str, Node], action: Node | None, problems: Problems) -> None:
    """Note what cannot hold at once, and what would do nothing."""
    fallback, value = found.get("fallback"), found.get("value")
    stand_in = fallback if fallback is not None else value
    chosen = None if action is None else action.value
    if fallback is not None and value is not None:
        told = "has a fallback and a value; write one of them: a fallback may have an `on_error` with a value itself"
        problems.at_key(value, told)
    if stand_in is not None and action is not None and chosen == "stop":
        problems.at(action, "the run stops, and yet something stands in for the step; write one of them")
    if stand_in is None and action is not None and chosen == FALLBACK_ACTION:
        problems.at(action, "needs a `fallback_step` or a `fallback_value` beside it")
    if (when := found.get("when")) is not None and stand_in is None and chosen != "continue":
        told = "decides about a fallback, a value or `continue`, and there is none; which errors are tried again"
        problems.at_key(when, f"{told} is said by `retry: {{on: [...]}}`")


def _tried_again(node: Node, again: dict[str, Node]) -> Node:
    if not again:
        return node.made({})
    attempts = _one_more(again["max_retries"]) if "max_retries" in again else node.made(_USUAL_ATTEMPTS)
    delay = {"delay": again["retry_delay"]} if "retry_delay" in again else {}
    return node.made({"max_attempts": attempts, **delay})


def _action(node: Node, problems: Problems) -> Node | None:
    known = renamed_value(node, {word: ACTIONS.get(word, word) for word in WORDS})
    if known.value in _CHOICES:
        return known
    hint = did_you_mean(node.value, WORDS) if isinstance(node.value, str) else ""
    problems.at(node, f"{shown(node.plain())} is not one of {', '.join(_CHOICES)}{hint}")
    return None


def cache(node: Node, problems: Problems) -> Node | None:
    """Return a `cache`: a mapping, or whether there is one."""
    if isinstance(node.value, bool):
        return node.made({"enabled": node})
    found = respelled(node, CACHE, problems)
    return None if found is None else node.made(found)
