import base64
import hashlib
from html.parser import HTMLParser
from typing import Any

import pytest

from quorate.server import keys_api
from quorate.server.call_routes import CALLS
from quorate.server.openapi import document
from quorate.server.reference_page import curl, operations_of, reference_page, type_of

DOCUMENT = document(keys_api.ROUTES, version="1.2.3")
PAGE = reference_page(DOCUMENT)
VOID = frozenset({"meta", "br", "hr"})


class Reader(HTMLParser):
    """A live reader that notes the elements, anchors and links of a page, and that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self.style = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        given = dict(attrs)
        self.ids.update(value for name, value in given.items() if name == "id" and value)
        self.links.update(value for name, value in given.items() if name in {"href", "src"} and value)
        assert not any(name.startswith("on") or name == "style" for name in given)
        if tag not in VOID and tag not in {"li", "tr", "td", "th"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"li", "tr", "td", "th"}:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        self.text += data


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode())
    assert reader.open == []
    return reader


def test_every_operation_and_schema_is_shown_and_every_link_leads_somewhere() -> None:
    reader = read(PAGE.html)
    for call in CALLS:
        assert f"POST {call.path}" in reader.text
        assert call.summary in reader.text
    assert "DELETE /api/v1/keys/{id}" in reader.text
    assert "Idempotency-Key" in reader.text
    for name in DOCUMENT["components"]["schemas"]:
        assert f"schema-{name}" in reader.ids
    inner = {link.removeprefix("#") for link in reader.links if link.startswith("#")}
    assert inner <= reader.ids
    assert reader.links - {f"#{each}" for each in inner} == {"openapi.json"}


def test_nothing_runs_and_nothing_comes_from_elsewhere() -> None:
    reader = read(PAGE.html)
    assert reader.seen.isdisjoint({"script", "link", "img", "iframe", "object", "form"})
    digest = base64.b64encode(hashlib.sha256(reader.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in PAGE.content_security_policy
    assert PAGE.content_security_policy.startswith("default-src 'none';")


def test_texts_of_the_document_are_escaped() -> None:
    evil: Any = document((), version="<script>alert(1)</script>")
    evil["info"]["title"] = "<b>'\"&"
    evil["components"]["schemas"]["Evil"] = {"description": "<img src=x>", "properties": {"<i>": {"enum": ["<u>"]}}}
    evil["paths"]["/v1/embeddings"]["post"]["summary"] = "</summary><script>"
    reader = read(reference_page(evil, document_path="'><script>").html)
    assert reader.seen.isdisjoint({"script", "b", "img", "i", "u"})
    assert "<img src=x>" in reader.text


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"$ref": "#/components/schemas/Thing"}, "#Thing"),
        (
            {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 32}, {"type": "null"}]},
            "integer (from 1 to 32) or null",
        ),
        ({"type": "array", "items": {"type": "string", "maxLength": 64}}, "list of string (up to 64 characters)"),
        ({"type": "array"}, "list"),
        ({"enum": ["a", "b"]}, '"a" or "b"'),
        ({"const": "a"}, '"a"'),
        ({"type": "number", "exclusiveMinimum": 0}, "number (above 0)"),
        ({}, "anything"),
    ],
)
def test_types_in_words(schema: Any, told: str) -> None:
    assert type_of(schema) == told


def test_a_command_that_calls_it() -> None:
    found = {path: operation for _, path, operation in operations_of(DOCUMENT)}
    told = curl("post", "/v1/responses", found["/v1/responses"])
    assert told == (
        "curl -X POST http://127.0.0.1:8080/v1/responses \\\n"
        "  -H 'Authorization: Bearer qk_...' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        '  -d \'{"model": "model-a", "input": "What is the capital of France?"}\''
    )
    assert curl("get", "/healthz", {"security": []}) == "curl http://127.0.0.1:8080/healthz"
