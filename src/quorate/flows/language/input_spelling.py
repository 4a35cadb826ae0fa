"""Inputs in all their spellings: a list, a mapping of JSON Schemas or of short forms, or one JSON Schema."""

import re
from collections.abc import Mapping

from quorate.documents.file_type import Kind
from quorate.flows.language.node import Node, Problems
from quorate.flows.language.schema_spelling import KEYWORDS, TYPE_NAMES, TYPES, keyword, schema, type_name, word
from quorate.flows.language.spelling import Spelling, by_name, put, respelled, spelling, texts
from quorate.source.place import did_you_mean, listed, shown

#: What is said of files, in all words for it.
FILE_RULES = {
    "accept": "accept",
    "allowed_types": "accept",
    "allowed_formats": "accept",
    "allowed_extensions": "accept",
    "file_types": "accept",
    "max_bytes": "max_bytes",
    "max_size": "max_bytes",
    "max_file_size": "max_bytes",
}
#: What an input says itself, besides the keywords of JSON Schema.
DIRECT = frozenset({"type", "description", "required", "default", "schema", "validation", *FILE_RULES})
_WORDS = Spelling(what="an input", keys=KEYWORDS.keys | DIRECT, others=KEYWORDS.others)
_VALIDATION = Spelling(what="a validation", keys=KEYWORDS.keys | frozenset(FILE_RULES), others=KEYWORDS.others)
#: One JSON Schema for all inputs: beside the properties it may only say what holds anyway, or is for its readers.
_WHOLE = spelling("a JSON Schema", "type properties required title description $schema additionalProperties")
_KINDS = frozenset(Kind)
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmg]i?)?b?", re.IGNORECASE)
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3}
_BARE_WORD = re.compile(r"[A-Za-z0-9]+")


def inputs(node: Node, problems: Problems) -> Node:
    """Return `inputs` as a mapping from names."""
    if (whole := _one_schema(node, problems)) is not None:
        node = whole
    found = by_name(node, "inputs", problems)
    return node.made({name: _input(each, problems) for name, each in found.items()})


def _one_schema(node: Node, problems: Problems) -> Node | None:
    """Return the properties of one JSON Schema for all inputs together as inputs; `None` if it is not written so."""
    kind, properties = (node.mapping or {}).get("type"), (node.mapping or {}).get("properties")
    if kind is None or kind.value != "object" or properties is None or properties.mapping is None:
        return None
    found = respelled(node, _WHOLE, problems) or {}
    needed = texts(found["required"]).items if "required" in found else None
    names = [each.value for each in needed or ()]
    for each in needed or ():
        if not isinstance(each.value, str) or each.value not in properties.mapping:
            problems.at(each, f"{shown(each.plain())}: expected the name of one of the `properties`")
    made: dict[str, Node] = {}
    for name, each in properties.mapping.items():
        inner = each.mapping if each.mapping is not None else {"type": each}
        made[name] = _needed(each.made(inner)) if name in names else each.made(inner)
    if (more := found.get("additionalProperties")) is not None and more.value is not False:
        problems.at(more, "a flow takes no inputs beside those that it names: expected false")
    return node.made(made)


def _needed(node: Node) -> Node:
    """Return an input as a required one; what its own schema requires of an object goes into that."""
    inner = dict(node.mapping or {})
    own = inner.pop("required", None)
    within = {"schema": node.made({"required": own})} if own is not None and own.items is not None else {}
    return node.made({**inner, **within, "required": node.made(value=True)})


def _input(node: Node, problems: Problems) -> Node:
    if node.value is None:  # a flow that inherits leaves an input out so
        return node
    if isinstance(node.value, str):
        return node.made({"type": _input_type(node, problems)})
    if node.mapping is None:
        problems.at(node, f"{shown(node.plain())}: expected a type, or a mapping with `type`, `required`, `default`")
        return node.made({})
    found: dict[str, Node] = {}
    rules: dict[str, Node] = {}
    for key, value in _of_files(node.mapping).items():
        _take(key, value, _WORDS, found, rules, problems)
    if (validation := found.pop("validation", None)) is not None and validation.value is not None:
        if validation.mapping is None:
            problems.at(validation, f"{shown(validation.plain())}: expected a mapping such as {{min_length: 3}}")
        for key, value in (validation.mapping or {}).items():
            _take(key, value, _VALIDATION, found, rules, problems)
    if (more := found.pop("schema", None)) is not None and more.value is not None:
        for key, value in (schema(more, problems).mapping or {}).items():
            put(rules, key, value, problems)
    _settle_type(found, rules, problems)
    if (kind := found.get("type")) is not None and kind.value in {"array", "files"}:
        rules = _of_items(rules, problems)
    if rules:
        found["schema"] = node.made(rules)
    return node.made(found)


def _of_files(mapping: Mapping[str, Node]) -> Mapping[str, Node]:
    """Return `{type: array, items: file}` as what it is here: `{type: files}`."""
    items, kind = mapping.get("items"), mapping.get("type")
    if items is None or (kind is not None and type_name(kind).value != "array"):
        return mapping
    inner = items if items.mapping is None else items.mapping.get("type") if len(items.mapping) == 1 else None
    if inner is None or inner.value != "file":
        return mapping
    return {**{key: value for key, value in mapping.items() if key != "items"}, "type": (kind or items).made("files")}


def _of_items(rules: dict[str, Node], problems: Problems) -> dict[str, Node]:
    """Return the rules of a list, whose length is the number of its items."""
    found: dict[str, Node] = {}
    for key, value in rules.items():
        put(found, {"minLength": "minItems", "maxLength": "maxItems"}.get(key, key), value, problems)
    return found


def _take(
    key: str, value: Node, words: Spelling, found: dict[str, Node], rules: dict[str, Node], problems: Problems
) -> None:
    """Put one key where it belongs: what the input says itself, or the keywords of its schema."""
    if key == "required" and value.items is not None:
        put(rules, "required", value, problems)
    elif key in FILE_RULES and key in words.keys:
        put(found, FILE_RULES[key], _file_rule(FILE_RULES[key], value, problems), problems)
    elif key in DIRECT and key in words.keys:
        put(found, key, value, problems)
    elif (canonical := word(key, words)) is not None:
        put(rules, canonical, keyword(key, canonical, value, problems), problems)
    else:
        hint = did_you_mean(key, words.known()) or f"; known here: {listed(sorted(DIRECT))}, and those of JSON Schema"
        problems.at_key(value, f"unknown key{hint}")


def _settle_type(found: dict[str, Node], rules: dict[str, Node], problems: Problems) -> None:
    """Leave one word as the type: several of them are a matter for the schema."""
    if (kind := found.get("type")) is not None and kind.value is None:
        return  # as if it were not written; a flow that inherits leaves out what is inherited
    if kind is None:
        if "type" in rules:
            found["type"] = rules["type"].made("any")
        elif rules.keys() & {"anyOf", "oneOf", "allOf", "$ref", "const"}:
            # Such a schema says itself what it allows; text would be a guess.
            found["type"] = next(iter(rules.values())).made("any")
    elif kind.items is not None:
        put(rules, "type", keyword("type", "type", kind, problems), problems)
        found["type"] = kind.made("any")
    else:
        found["type"] = _input_type(kind, problems)


def _input_type(node: Node, problems: Problems) -> Node:
    known = type_name(node)
    choices = ("file", "files", *(name for name in TYPE_NAMES if name != "null"))
    if known.value not in choices:
        hint = did_you_mean(node.value, (*choices, *TYPES)) if isinstance(node.value, str) else ""
        problems.at(node, f"{shown(node.plain())} is not one of {', '.join(choices)}{hint}")
        return node.made("any")
    return known


def _file_rule(key: str, node: Node, problems: Problems) -> Node:
    if key == "max_bytes":
        return _size(node, problems)
    listed_types = texts(node)
    return listed_types.made([_file_type(each) for each in listed_types.items or ()])


def _file_type(node: Node) -> Node:
    """Return a kind, a media type or an extension; a word that is no kind is an extension without its dot."""
    if isinstance(node.value, str) and _BARE_WORD.fullmatch(node.value):
        word = node.value.lower()
        return node.made(word if word in _KINDS else f".{word}")
    return node


def _size(node: Node, problems: Problems) -> Node:
    """Return a size in bytes: `10MB`, `512 KiB`, `1.5g` (all of 1,024) or a number."""
    if not isinstance(node.value, str):
        return node
    if (match := _SIZE.fullmatch(node.value.strip())) is None:
        problems.at(node, f"{shown(node.value)}: expected a size such as 500KB, 10MB or 1GB")
        return node.made(None)
    number, unit = match.groups()
    return node.made(int(float(number) * 1024 ** _UNITS[(unit or "")[:1].lower()]))
