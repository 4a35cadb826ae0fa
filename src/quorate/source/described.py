"""The JSON Schema of sections, with what stands below each attribute in the code as its description.

pydantic can read these texts itself when a class is made; that takes an eighth of a gateway's start, for a schema
that a gateway seldom shows.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast, get_args

from pydantic.json_schema import DEFAULT_REF_TEMPLATE

from quorate.source.section import Section


def described_schema(root: type[Section], *, ref_template: str = DEFAULT_REF_TEMPLATE) -> dict[str, Any]:
    """Return the JSON Schema of a section and all that it holds. Reads source files: some 100 ms."""
    schema = root.model_json_schema(ref_template=ref_template)
    classes = {each.__name__: each for each in _held_by(root)}
    for name, part in [(root.__name__, schema), *cast("dict[str, Any]", schema.get("$defs", {})).items()]:
        if (section := classes.get(name)) is not None:
            _describe(section, cast("dict[str, Any]", part))
    return schema


def _describe(section: type[Section], schema: dict[str, Any]) -> None:
    texts = _attribute_texts(section)
    for name, field in section.model_fields.items():
        key = field.validation_alias if isinstance(field.validation_alias, str) else field.alias or name
        written = schema.get("properties", {}).get(key)
        if written is not None and name in texts and "description" not in written:
            schema["properties"][key] = {"description": texts[name], **written}


def _attribute_texts(section: type[Section]) -> dict[str, str]:
    """Return the text below each attribute, those of a subclass before those of its bases."""
    texts: dict[str, str] = {}
    for owner in reversed(section.__mro__):
        if issubclass(owner, Section) and owner is not Section:
            texts |= dict(_own_texts(owner))
    return texts


def _own_texts(section: type[Section]) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    body = cast("ast.ClassDef", definition).body
    for attribute, text in pairwise(body):
        if not isinstance(attribute, ast.AnnAssign) or not isinstance(attribute.target, ast.Name):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str):
            yield attribute.target.id, inspect.cleandoc(text.value.value)


def _held_by(root: type[Section]) -> set[type[Section]]:
    """Return the section itself and all that stand in it, at any depth: only these, for others have the same names."""
    found: set[type[Section]] = set()
    left: list[Any] = [root]
    while left:
        kind = left.pop()
        if isinstance(kind, type) and issubclass(kind, Section):
            if kind not in found:
                found.add(kind)
                left += [field.annotation for field in kind.model_fields.values()]
        else:
            left += get_args(kind)
    return found
