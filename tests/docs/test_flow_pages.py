"""Flows on pages and in examples/flows/ are flows: the reader and the compiler have nothing against them."""

from pathlib import Path

import pytest

import pages
from quorate.flows.book import FlowBook
from quorate.flows.executors.standard import standard_executors
from quorate.flows.flow_compiler import FlowCompiler
from quorate.flows.language.read import read_flow_text
from quorate.source.document import read_document
from quorate.source.place import BadConfiguration
from quorate.templating.functions import FunctionPool

FOLDER = pages.ROOT / "examples/flows"
EXAMPLES = sorted(FOLDER.glob("**/*.yaml"))
ON_PAGES = [
    (page.name, block.line, block.code)
    for page in pages.all_pages()
    for block in pages.blocks(page)
    if block.language == "yaml" and block.code.startswith(("name: ", "apiVersion: "))
]


def compiler() -> FlowCompiler:
    return FlowCompiler(standard_executors(), FunctionPool())


@pytest.mark.parametrize(("name", "line", "code"), ON_PAGES, ids=lambda value: str(value)[:40])
def test_flows_on_pages_compile(name: str, line: int, code: str) -> None:
    assert compiler().compile(read_flow_text(code, f"{name}:{line}")).steps


def test_a_flow_that_is_wrong_does_not_pass() -> None:
    with pytest.raises(BadConfiguration, match="did you mean"):
        compiler().compile(read_flow_text("name: x\nsteps: [{name: a, executor: wiat}]", "page:1"))


def test_examples_compile() -> None:
    book = FlowBook(FOLDER, compiler().compile)
    book.refresh()
    assert (book.problems(), len(book.names())) == ((), len(EXAMPLES))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_examples_say_what_they_are_for_and_test_themselves(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# "), "it begins with a comment for readers"
    tree = read_document(path).tree
    assert tree["description"]
    assert tree["tests"]
