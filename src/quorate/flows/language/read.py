"""Read a flow: YAML in any spelling in, a section of checked types and the places of its values out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from pydantic import ValidationError

from quorate.flows.language.inherit import Find, Inheritance
from quorate.flows.language.node import Canonical, Node, Problems, flattened
from quorate.flows.language.sections import FlowSection
from quorate.flows.language.version import parsed_version
from quorate.source.document import Document, parse_document
from quorate.source.explain import explain
from quorate.source.place import BadConfiguration, Problem

#: What the file of a flow in a folder of its own is called.
IN_A_FOLDER = "flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFlow:
    """A flow as it was read, nothing compiled yet.

    `written` holds the canonical values with their places; its `tree` is plain JSON and reads as the same flow again.
    `documents` are the files it was read from, itself first, then those it extends; `parents` are the latter by the
    names under which they were looked for (`NAME`, `NAME@RANGE`).
    """

    section: FlowSection
    written: Canonical
    documents: tuple[Document, ...]
    parents: Mapping[str, Document] = field(default_factory=dict[str, Document])


def read_flow_text(text: str, file: str, *, find: Find | None = None) -> ReadFlow:
    """Return the flow in a text; `file` stands in messages and gives a name to a flow that does not say it."""
    document = parse_document(text, file, aliases=True)
    return read_flow_document(document, find=find, name=name_of_file(PurePath(file)))


def read_flow_document(document: Document, *, find: Find | None = None, name: str, version: str = "") -> ReadFlow:
    """Return the flow in a document that has been read.

    `name` and `version` are those that its file says: it need not say them, and may say another name, but no other
    version.
    """
    problems = Problems()
    inheritance = Inheritance(find, problems)
    node = inheritance.resolve(document, name)
    said = (node.mapping or {}).get("version")
    if said is not None and version and said.value != version:
        problems.at(said, f"{said.value!r}: the name of the file says {version!r}")
    node = _with(node, {"name": name, "version": version})
    written = flattened(node, document.file)
    try:
        section = FlowSection.model_validate(written.tree)
    except ValidationError as error:
        for problem in _explained(error, written):
            problems.add(problem)
        raise BadConfiguration(problems.found) from None
    if problems.found:
        raise BadConfiguration(problems.found)
    return ReadFlow(
        section=section, written=written, documents=tuple(inheritance.documents), parents=inheritance.parents
    )


def name_of_file(path: PurePath) -> str:
    """Return the name that a flow has by its file: `digest.yaml`, `digest@1.2.0.yaml`, `digest/flow.yaml`."""
    name = path.name.removesuffix(".yaml").removesuffix(".yml")
    if name == IN_A_FOLDER or parsed_version(name) is not None:
        return path.parent.name
    return name.partition("@")[0]


def _with(node: Node, usual: Mapping[str, str]) -> Node:
    """Return a mapping with values for keys that it does not have; an empty one is none."""
    inner = node.mapping or {}
    missing = {key: node.made(value) for key, value in usual.items() if value and key not in inner}
    return node.made({**missing, **inner})


def _explained(error: ValidationError, written: Canonical) -> list[Problem]:
    """Return what is wrong, under the paths that were written."""
    found = explain(error, FlowSection, written)
    return [replace(problem, path=written.written_path(problem.path)) for problem in found]
