"""Writes docs/reference/http.md and docs/reference/openapi.json: what a running gateway serves, from its routes."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quorate.server.reference_api import openapi
from quorate.server.reference_page import body_of, operations_of, type_of
from reference_pages import REFERENCE, row, write_or_compare

PAGE = REFERENCE / "http.md"
DOCUMENT = REFERENCE / "openapi.json"
HEAD = """# HTTP API

<!-- Written by scripts/generate_http_reference.py; change the code, then `make generate`. -->

The same as an [OpenAPI 3.1 document](openapi.json), which a running gateway serves as well.

Send a key as `Authorization: Bearer qk_...`. Under `/v1`, errors have OpenAI's form; elsewhere they are problem details
(RFC 9457). The `code` is the same in both, see [Errors](errors.md); only where a provider has a word of its own for its
error, that is the `code` under `/v1` and the `upstream_code` elsewhere.

Every answer to a request that could be read carries `x-request-id`. What is refused before that (headers that are too
large, a body that does not come, what is no HTTP) gets 431, 408 or 400 as plain text without an id, and the connection
is closed: [What is limited](../howto/run-the-gateway.md#what-is-limited).
"""


def kind(schema: dict[str, Any]) -> str:
    """A type, with links to the schemas it names."""
    words = type_of(schema).split(" ")
    return " ".join(f"[{word[1:]}](#{word[1:].lower()})" if word.startswith("#") else word for word in words)


def operation(method: str, path: str, node: dict[str, Any]) -> Iterator[str]:
    """A route: what it does, what it takes, what it answers."""
    yield f"\n### `{method.upper()} {path}`\n\n{node['summary'].rstrip('?')}."
    permission = node.get("x-quorate-permission")
    yield f" Needs the permission `{permission}`.\n" if permission else " Open to everybody.\n"
    if permission and node.get("description"):
        yield f"\n{node['description']}\n"
    if node.get("parameters"):
        yield "\n| parameter | in | type | |\n|---|---|---|---|\n"
        for each in node["parameters"]:
            told = "required" if each["required"] else each.get("description", "")
            yield row(f"`{each['name']}`", each["in"], kind(each["schema"]), told)
    if (body := body_of(node)) is not None:
        yield f"\nBody: {kind(body['schema'])}.\n"
    for status, response in node["responses"].items():
        if "$ref" not in response:
            schema = response.get("content", {}).get("application/json", {}).get("schema")
            yield f"\nAnswer {status}: {kind(schema) if schema else 'no JSON'}.\n"


def schema_section(name: str, schema: dict[str, Any]) -> Iterator[str]:
    """A schema and its fields."""
    yield f"\n### {name}\n"
    if schema.get("description"):
        yield f"\n{schema['description']}\n"
    if "properties" not in schema:
        yield f"\n{kind(schema)}\n"
        return
    yield "\n| field | type | default |\n|---|---|---|\n"
    for field, each in schema["properties"].items():
        default = each.get("default")
        told = "required" if field in schema.get("required", ()) else ""
        yield row(f"`{field}`", kind(each), told or ("" if default is None else f"`{json.dumps(default)}`"))


def page(api: dict[str, Any]) -> str:
    """The reference page."""
    parts = [HEAD]
    for tag in api["tags"]:
        parts.append(f"\n## {tag['name'].capitalize()}\n")
        for method, path, node in operations_of(api):
            if tag["name"] in node["tags"]:
                parts += operation(method, path, node)
    parts.append("\n## Schemas\n")
    for name, schema in api["components"]["schemas"].items():
        parts += schema_section(name, schema)
    return "".join(parts)


def outputs() -> dict[Path, str]:
    """What the files should hold."""
    api = openapi()
    return {PAGE: page(api), DOCUMENT: json.dumps(api, indent=2) + "\n"}


if __name__ == "__main__":
    sys.exit(write_or_compare(outputs(), sys.argv[1:]))
