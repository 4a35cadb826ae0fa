"""What the generators of reference pages share: tables, sections of a JSON Schema in words, writing or comparing."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs/reference"
#: Says what a key of a section is for: section, key, field.
Meaning = Callable[[str, str, dict[str, Any]], str]


def write_or_compare(texts: Mapping[Path, str], arguments: list[str]) -> int:
    """Write the files, or with --check compare them; return the exit status."""
    stale = [file for file, text in texts.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    for file in stale:
        if "--check" in arguments:
            print(f"{file.relative_to(ROOT)} is not up to date")
        else:
            file.write_text(texts[file], encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


def row(*cells: str) -> str:
    """One line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def anchor(title: str) -> str:
    """How a heading is linked to."""
    return "".join(c for c in title.lower() if c.isalnum() or c in " -_").replace(" ", "-")


class SchemaPage:
    """The sections of a JSON Schema as tables: `titles` are those that have one, the schema's own name `root` first."""

    def __init__(self, schema: Mapping[str, Any], titles: Mapping[str, str], root: str) -> None:
        self._schema = schema
        self._titles = titles
        self._root = root

    def sections(
        self, meaning: Meaning, *, given: frozenset[str] = frozenset(), more: Mapping[str, str] | None = None
    ) -> str:
        """All sections; keys of the root in `given` are not required, `more` are rows that the schema does not know."""
        rows = more or {}
        return "".join("".join(self._section(name, meaning, given)) + rows.get(name, "") for name in self._titles)

    def _section(self, name: str, meaning: Meaning, given: frozenset[str]) -> Iterator[str]:
        shape = self._schema if name == self._root else self._schema["$defs"][name]
        yield f"\n## {self._titles[name]}\n\n{shape['description']}\n\n"
        yield "| key | value | default | meaning |\n|---|---|---|---|\n"
        required = set(shape.get("required", ())) - (given if name == self._root else frozenset())
        for key, field in shape["properties"].items():
            default = "required" if key in required else _shown(field.get("default"))
            yield row(f"`{key}`", self._kind(field), default, meaning(name, key, field))

    def _kind(self, field: dict[str, Any]) -> str:
        """The type of a field in words."""
        if "$ref" in field:
            name = field["$ref"].rpartition("/")[2]
            title = self._titles.get(name)
            return self._kind(self._schema["$defs"][name]) if title is None else f"[{title}](#{anchor(title)})"
        if "const" in field:
            return f"`{field['const']}`"
        if "enum" in field:
            return ", ".join(f"`{choice}`" for choice in field["enum"])
        if options := field.get("anyOf") or field.get("oneOf"):
            return " or ".join(dict.fromkeys(self._kind(option) for option in options if option.get("type") != "null"))
        match field.get("type"):
            case "array":
                return f"list of {self._kind(field.get('items', {}))}"
            case "object":
                entries = field.get("additionalProperties") or next(
                    iter(field.get("patternProperties", {}).values()), None
                )
                return (
                    f"mapping to {self._kind(cast('dict[str, Any]', entries))}"
                    if isinstance(entries, dict)
                    else "mapping"
                )
            case "string":
                return "text"
            case str(name):
                return name + _bounds(field)
            case _:
                return "any"


def _bounds(field: dict[str, Any]) -> str:
    """The limits of a number."""
    words = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    found = [f"{words[name]} {field[name]:g}" for name in words if name in field]
    return f" ({', '.join(found)})" if found else ""


def _shown(default: object) -> str:
    """A default for the table; sections and empty values need none."""
    return "" if default in (None, "", [], {}) or isinstance(default, dict) else f"`{json.dumps(default)}`"
