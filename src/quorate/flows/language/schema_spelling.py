"""JSON Schema and the short forms of it: `string`, `{type: text, min_length: 3}`, `{type: array, items: string}`."""

from quorate.flows.language.node import Node, Problems
from quorate.flows.language.spelling import Spelling, put, renamed_value, spelling
from quorate.source.place import did_you_mean, listed, shown

#: Other words for the types of JSON Schema.
TYPES = {
    "text": "string",
    "str": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "map": "object",
    "json": "any",
}
TYPE_NAMES = ("string", "integer", "number", "boolean", "array", "object", "null", "any")
KEYWORDS = spelling(
    "a JSON Schema",
    "title enum const format pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "
    "minItems maxItems uniqueItems items prefixItems contains minContains maxContains properties required "
    "additionalProperties patternProperties propertyNames minProperties maxProperties dependentRequired "
    "dependentSchemas allOf anyOf oneOf not if then else examples deprecated readOnly writeOnly contentEncoding "
    "contentMediaType unevaluatedItems unevaluatedProperties $ref $defs $schema $id $comment",
    enum="allowed_values choices options values",
    pattern="regex",
    minLength="min_length",
    maxLength="max_length",
    minimum="min min_value",
    maximum="max max_value",
    exclusiveMinimum="exclusive_minimum",
    exclusiveMaximum="exclusive_maximum",
    multipleOf="multiple_of",
    minItems="min_items",
    maxItems="max_items",
    uniqueItems="unique_items unique",
    minProperties="min_properties",
    maxProperties="max_properties",
    additionalProperties="additional_properties",
    examples="example",
)
#: What a schema inside another one may say besides.
_WHOLE = Spelling(
    what="a JSON Schema",
    keys=KEYWORDS.keys | {"type", "description", "default"},
    others=KEYWORDS.others,
)
_ONE_SCHEMA = frozenset({"items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"})
_MANY_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs"})
_LISTS_OF_SCHEMAS = frozenset({"prefixItems", "allOf", "anyOf", "oneOf"})


def type_name(node: Node) -> Node:
    """Return a type in the words of JSON Schema."""
    return renamed_value(node, TYPES)


def schema(node: Node, problems: Problems) -> Node:
    """Return a JSON Schema in its own words; a text alone is its type."""
    if isinstance(node.value, str):
        return node.made({"type": _checked_type(node, problems)})
    if node.mapping is None:
        if not isinstance(node.value, bool):
            problems.at(node, f"{shown(node.plain())}: expected a JSON Schema or the name of a type")
        return node
    found: dict[str, Node] = {}
    for key, value in node.mapping.items():
        if (canonical := word(key, _WHOLE)) is None:
            hint = did_you_mean(key, _WHOLE.known()) or f"; known here: {listed(sorted(_WHOLE.keys))}"
            problems.at_key(value, f"unknown keyword of JSON Schema{hint}")
        else:
            put(found, canonical, keyword(key, canonical, value, problems), problems)
    if (kind := found.get("type")) is not None and kind.value == "any":
        del found["type"]
    return node.made(found)


def word(key: str, words: Spelling) -> str | None:
    """Return the canonical word for a key, `None` if there is none; keys that begin with `x-` are free."""
    if key in words.keys or key.startswith("x-"):
        return key
    return words.others.get(key)


def keyword(written: str, canonical: str, node: Node, problems: Problems) -> Node:
    """Return the value of one keyword, schemas inside it brought into their own words as well."""
    if node.value is None:
        return node
    if canonical == "type":
        if node.items is not None:
            return node.made([_checked_type(each, problems) for each in node.items])
        return _checked_type(node, problems)
    if written == "example":
        return node.made([Node(value=node.value, mark=node.mark, path=node.path, decimal=node.decimal)])
    if canonical in _ONE_SCHEMA:
        return schema(node, problems)
    if canonical in _MANY_SCHEMAS and node.mapping is not None:
        return node.made({key: schema(each, problems) for key, each in node.mapping.items()})
    if canonical in _LISTS_OF_SCHEMAS and node.items is not None:
        return node.made([schema(each, problems) for each in node.items])
    return node


def _checked_type(node: Node, problems: Problems) -> Node:
    known = type_name(node)
    if known.value not in TYPE_NAMES:
        hint = did_you_mean(node.value, (*TYPE_NAMES, *TYPES)) if isinstance(node.value, str) else ""
        problems.at(node, f"{shown(node.plain())} is not one of {', '.join(TYPE_NAMES)}{hint}")
    return known
