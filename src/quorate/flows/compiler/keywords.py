"""Keywords of JSON Schema against the type beside them: one that says nothing about it would be ignored."""

from collections.abc import Mapping
from typing import Any

from quorate.flows.compiler.problems import Problems
from quorate.source.place import KeyPath, did_you_mean, listed, shown

_STRING = ("string",)
_NUMBER = ("integer", "number")
_ARRAY = ("array",)
_OBJECT = ("object",)
#: Keyword -> the types of which it says something. All others say something of every type.
_ABOUT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"), _STRING),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _NUMBER),
    **dict.fromkeys(
        (
            *("minItems", "maxItems", "uniqueItems", "items", "prefixItems"),
            *("contains", "minContains", "maxContains", "unevaluatedItems"),
        ),
        _ARRAY,
    ),
    **dict.fromkeys(
        (
            *("properties", "required", "additionalProperties", "patternProperties", "propertyNames"),
            *("minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties"),
        ),
        _OBJECT,
    ),
}
#: What may be said of a file besides its rules: it is for readers.
_OF_FILES = frozenset({"title", "deprecated", "$comment"})
#: And of several, how many they may be.
_OF_SEVERAL = _OF_FILES | {"minItems", "maxItems"}
#: Formats of texts that are checked (JSON Schema draft 2020-12, section 7.3 of its validation part).
FORMATS = (
    *("date", "date-time", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6"),
    *("uri", "uri-reference", "uri-template", "iri", "iri-reference", "uuid", "json-pointer", "relative-json-pointer"),
    "regex",
)


def check_keywords(kind: str, schema: Mapping[str, Any], at: KeyPath, problems: Problems) -> None:
    """Report keywords that say nothing of values of a type, and formats that nobody checks.

    `kind` is the type of an input or output, empty or `any` for whatever it may be.
    """
    for keyword in schema:
        if keyword.startswith("x-"):
            continue
        place = (*at, "schema", keyword)
        about = _ABOUT.get(keyword, ())
        if (kind == "file" and keyword not in _OF_FILES) or (kind == "files" and keyword not in _OF_SEVERAL):
            told = "is not for files; of those are said `allowed_types` and `max_size`"
            problems.at_key(place, f"`{keyword}` {told}")
        elif kind not in {"", "any", "file", "files"} and about and kind not in about:
            problems.at_key(place, f"`{keyword}` is for type {' or '.join(about)}; {at[-1]!r} is of type {kind!r}")
    written = schema.get("format")
    if isinstance(written, str) and kind not in {"file", "files"} and written not in FORMATS:
        hint = did_you_mean(written, FORMATS) or f"; formats: {listed(FORMATS)}"
        problems.at((*at, "schema", "format"), f"{shown(written)} is no format that is checked{hint}")
