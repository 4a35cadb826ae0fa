"""Outputs in all their spellings: a list with `value` or `source`, or a mapping of templates or of specifications."""

from quorate.flows.language.node import Node, Problems
from quorate.flows.language.schema_spelling import KEYWORDS, keyword, schema, type_name, word
from quorate.flows.language.spelling import Spelling, by_name, put
from quorate.source.place import did_you_mean, listed

_DIRECT = frozenset({"value", "description", "type", "schema"})
WORDS = Spelling(what="an output", keys=KEYWORDS.keys | _DIRECT, others={**KEYWORDS.others, "source": "value"})
#: A mapping with none of these is itself what the output is made of.
_MARKS = frozenset({"value", "source", "type", "description", "schema"})


def outputs(node: Node, problems: Problems) -> Node:
    """Return `outputs` as a mapping from names to specifications with `value`."""
    found = by_name(node, "outputs", problems)
    return node.made({name: _output(each, problems) for name, each in found.items()})


def _output(node: Node, problems: Problems) -> Node:
    if node.value is None:  # a flow that inherits leaves an output out so
        return node
    if node.mapping is None or not _MARKS & node.mapping.keys():
        return node.made({"value": node})
    found: dict[str, Node] = {}
    rules: dict[str, Node] = {}
    for key, value in node.mapping.items():
        if key == "source":
            put(found, "value", expression(value), problems)
        elif key in _DIRECT:
            put(found, key, value, problems)
        elif (canonical := word(key, WORDS)) is not None:
            put(rules, canonical, keyword(key, canonical, value, problems), problems)
        else:
            hint = did_you_mean(key, WORDS.known()) or f"; known here: {listed(sorted(_DIRECT))}"
            problems.at_key(value, f"unknown key{hint}")
    if (more := found.pop("schema", None)) is not None and more.value is not None:
        for key, value in (schema(more, problems).mapping or {}).items():
            put(rules, key, value, problems)
    _settle_type(found, rules, problems)
    if rules:
        found["schema"] = node.made(rules)
    return node.made(found)


def _settle_type(found: dict[str, Node], rules: dict[str, Node], problems: Problems) -> None:
    """Leave one word as the type: several of them are a matter for the schema, and anything is none."""
    if (kind := found.pop("type", None)) is None:
        return
    if kind.items is not None:
        put(rules, "type", keyword("type", "type", kind, problems), problems)
    elif (known := type_name(kind)).value != "any":
        found["type"] = known


def expression(node: Node) -> Node:
    """Return a `source` as a template: it is an expression, with or without braces."""
    if isinstance(node.value, str) and "{{" not in node.value and "{%" not in node.value:
        return node.made("{{ " + node.value.strip() + " }}")
    return node
