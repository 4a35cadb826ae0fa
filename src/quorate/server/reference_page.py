"""The reference of the HTTP API as one page: no script, no file besides it, nothing from elsewhere."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, cast

from quorate.wire.open import JsonObject

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2563a8; }
@media (prefers-color-scheme: dark) { :root { --accent: #8ab8ec; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
a { color: var(--accent); }
nav ul { columns: 22rem; padding-left: 1rem; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: .5rem .9rem; }
summary { cursor: pointer; }
summary code { font-weight: 600; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-top: 1px solid var(--line); }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); border-radius: .4rem; padding: .7rem; overflow-x: auto; }
.soft { opacity: .75; }
"""

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePage:
    """The page, and the value of the `content-security-policy` header under which it is shown."""

    html: bytes
    content_security_policy: str


def reference_page(document: JsonObject, *, document_path: str = "openapi.json") -> ReferencePage:
    """Return the page for an OpenAPI document of ours; `document_path` is where the document itself is served.

    Every text of the document is escaped. Costs milliseconds: make it once.
    """
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return ReferencePage(html="".join(_page(document, document_path)).encode(), content_security_policy=policy)


def _page(document: JsonObject, document_path: str) -> Iterator[str]:
    info = document["info"]
    yield "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
    yield "<meta name=viewport content='width=device-width, initial-scale=1'>"
    yield f"<title>{escape(info['title'])} HTTP API</title><style>{_STYLE}</style></head><body>\n"
    yield f"<h1>{escape(info['title'])} HTTP API <span class=soft>{escape(info['version'])}</span></h1>\n"
    yield f"<p>{escape(info['description'])}</p>\n"
    yield "<p>Send your key as <code>Authorization: Bearer qk_...</code>. The same as a "
    yield f"<a href='{escape(document_path)}'>document for programs</a> (OpenAPI 3.1).</p>\n"
    operations = list(operations_of(document))
    yield "<nav><ul>"
    for method, path, _ in operations:
        yield f"<li><a href='#{_anchor(method, path)}'><code>{method.upper()} {escape(path)}</code></a></li>"
    yield "</ul></nav>\n"
    for tag in (tag["name"] for tag in document["tags"]):
        yield f"<h2>{escape(tag)}</h2>\n"
        for method, path, operation in operations:
            if tag in operation["tags"]:
                yield from _operation(method, path, operation)
    yield "<h2>Schemas</h2>\n"
    for name, schema in document["components"]["schemas"].items():
        yield from _schema(name, schema)
    yield "</body></html>\n"


def operations_of(document: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """Yield method, path and operation of everything in a document."""
    for path, methods in document["paths"].items():
        yield from ((method, path, methods[method]) for method in _METHODS if method in methods)


def _operation(method: str, path: str, operation: JsonObject) -> Iterator[str]:
    yield f"<details id='{_anchor(method, path)}'><summary><code>{method.upper()} {escape(path)}</code> "
    yield f"{escape(operation['summary'])}</summary>\n"
    if description := operation.get("description"):
        yield f"<p>{escape(description)}</p>\n"
    if permission := operation.get("x-quorate-permission"):
        yield f"<p class=soft>Needs the permission <code>{escape(permission)}</code>.</p>\n"
    if parameters := operation.get("parameters"):
        yield "<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>"
        for each in parameters:
            told = "required" if each["required"] else escape(each.get("description", ""))
            yield f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td>"
            yield f"<td>{_type_html(each['schema'])}</td><td>{told}</td></tr>"
        yield "</table>\n"
    if (body := body_of(operation)) is not None:
        yield f"<p>Body: {_type_html(body['schema'])}</p>\n"
    yield "<p>Answers:</p><ul>"
    for status, response in operation["responses"].items():
        if "$ref" not in response:
            contents: JsonObject = response.get("content", {})
            told = "; ".join(f"{escape(kind)}: {_type_html(each['schema'])}" for kind, each in contents.items())
            yield f"<li>{status}: {told or escape(response['description'])}</li>"
    yield f"</ul>\n<pre>{escape(curl(method, path, operation))}</pre></details>\n"


def _schema(name: str, schema: JsonObject) -> Iterator[str]:
    yield f"<details id='schema-{escape(name)}'><summary><code>{escape(name)}</code></summary>\n"
    if description := schema.get("description"):
        yield f"<p>{escape(description)}</p>\n"
    if "properties" not in schema:
        yield f"<p>{_type_html(schema)}</p>\n"
    else:
        required = schema.get("required", ())
        yield "<table><tr><th>field</th><th>type</th><th></th></tr>"
        for field, kind in schema["properties"].items():
            told = "required" if field in required else _default(kind)
            yield f"<tr><td><code>{escape(field)}</code></td><td>{_type_html(kind)}</td><td>{escape(told)}</td></tr>"
        yield "</table>\n"
    yield "</details>\n"


def body_of(operation: JsonObject) -> JsonObject | None:
    """Return the media type object of an operation's JSON body, if it takes one."""
    return operation["requestBody"]["content"]["application/json"] if "requestBody" in operation else None


def curl(method: str, path: str, operation: JsonObject) -> str:
    """Return a command that calls the operation, with the example body if there is one."""
    verb = "" if method == "get" else f" -X {method.upper()}"
    lines = [f"curl{verb} http://127.0.0.1:8080{path}"]
    if operation.get("security") != []:
        lines.append("  -H 'Authorization: Bearer qk_...'")
    if (body := body_of(operation)) is not None:
        lines.append("  -H 'Content-Type: application/json'")
        example = json.dumps(body["example"]) if "example" in body else "{...}"
        lines.append("  -d '" + example.replace("'", "'\\''") + "'")
    return " \\\n".join(lines)


def type_of(schema: JsonObject) -> str:
    """Return a schema's type in a few words; a reference shows as `#Name`."""
    if "$ref" in schema:
        return "#" + schema["$ref"].rpartition("/")[2]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(type_of(option) for option in options))
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    kind = schema.get("type", "anything")
    if kind == "array":
        items = schema.get("items")
        return f"list of {type_of(cast('JsonObject', items))}" if isinstance(items, dict) else "list"
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: JsonObject) -> str:
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "maxLength": "up to",
    }
    told = [f"{word} {schema[key]:,}" for key, word in words.items() if key in schema]
    return f" ({' '.join(told)}{' characters' if 'maxLength' in schema else ''})" if told else ""


def _type_html(schema: JsonObject) -> str:
    parts = escape(type_of(schema)).split(" ")
    return " ".join(f"<a href='#schema-{part[1:]}'>{part[1:]}</a>" if part.startswith("#") else part for part in parts)


def _default(schema: JsonObject) -> str:
    value: Any = schema.get("default")
    return "" if value is None else f"default {json.dumps(value)}"


def _anchor(method: str, path: str) -> str:
    return escape("-".join([method, *(part.strip("{}") for part in path.split("/") if part)]))
