"""Flows that extend others: what the child says wins, mapping by mapping and step by step."""

from collections.abc import Callable, Mapping, Sequence

from quorate.core.errors import NotFound
from quorate.flows.language.canonical import flow
from quorate.flows.language.node import Node, Problems, node_of
from quorate.flows.language.settled import is_removal, settled, step_name
from quorate.source.document import Document
from quorate.source.place import BadConfiguration, shown

MAX_DEPTH = 8

#: What a flow does not take over from the ones it extends.
_OWN = frozenset({"name", "version", "abstract", "extends", "rollout", "tests", "examples"})
#: Lists whose entries are merged by their names.
_BY_NAME = frozenset({"steps", "catch", "finally"})
#: What is one thing although it is a mapping: it is replaced, not merged.
_WHOLE = frozenset({"value", "default", "on_error", "items", "switch"})

#: Returns the document of a flow by its name; raises `NotFound`.
Find = Callable[[str], Document]


class Inheritance:
    """Resolves `extends` for one flow; a live object that notes problems and every document it has read.

    `parents` are the documents that were found, by the names under which they were looked for.
    """

    def __init__(self, find: Find | None, problems: Problems) -> None:
        self._find = find
        self._problems = problems
        self.documents: list[Document] = []
        self.parents: dict[str, Document] = {}

    def resolve(self, document: Document, name: str) -> Node:
        """Return a document's flow in the canonical spelling, with everything it inherits.

        `name` is that of a flow that does not say its own.
        """
        self.documents.append(document)
        child = flow(node_of(document), self._problems)
        said = (child.mapping or {}).get("name")
        line = said.value if said is not None and isinstance(said.value, str) else name
        return settled(self._with_parents(child, (line,)), self._problems)

    def _with_parents(self, child: Node, line: tuple[str, ...]) -> Node:
        inner = dict(child.mapping or {})
        extends = inner.pop("extends", None)
        whole: Node | None = None
        for each in (extends.items or ()) if extends is not None else ():
            if (parent := self._parent(each, line)) is not None:
                whole = parent if whole is None else self._merged(whole, parent)
        child = child.made(inner)
        if whole is None:
            return child
        kept = {key: value for key, value in (whole.mapping or {}).items() if key not in _OWN}
        return self._merged(whole.made(kept), child)

    def _parent(self, wanted: Node, line: tuple[str, ...]) -> Node | None:
        name = wanted.value
        if not isinstance(name, str):
            self._problems.at(wanted, f"{shown(wanted.plain())}: expected the name of a flow")
            return None
        if name in line:
            self._problems.at(wanted, f"the flow extends itself: {' -> '.join((*line[line.index(name) :], name))}")
            return None
        if len(line) > MAX_DEPTH:  # the flow itself is no level
            self._problems.at(wanted, f"flows extend each other over more than {MAX_DEPTH} levels: {' -> '.join(line)}")
            return None
        if (document := self._document(wanted, name)) is None:
            return None
        self.documents.append(document)
        self.parents[name] = document
        return self._with_parents(flow(node_of(document), self._problems), (*line, name))

    def _document(self, wanted: Node, name: str) -> Document | None:
        if self._find is None:
            self._problems.at(wanted, f"there is no folder of flows here in which {name!r} could be found")
            return None
        try:
            return self._find(name)
        except NotFound as error:
            self._problems.at(wanted, str(error))
        except BadConfiguration as error:
            for problem in error.problems:
                self._problems.add(problem)
        return None

    def _merged(self, parent: Node, child: Node) -> Node:
        """Return a mapping with the child's values over the parent's; the child's `null` leaves a key out."""
        over = dict(child.mapping or {})
        merged = dict(parent.mapping or {})
        if _other_executor(merged, over):
            merged.pop("config", None)
        for key, value in over.items():
            known = merged.get(key)
            if value.value is None and known is not None:
                del merged[key]
            elif known is None or key in _WHOLE:
                merged[key] = value
            elif known.mapping is not None and value.mapping is not None:
                merged[key] = self._merged(known, value)
            elif key in _BY_NAME and known.items is not None and value.items is not None:
                merged[key] = value.made(self._steps(known.items, value.items))
            else:
                merged[key] = value
        return child.made(merged)

    def _steps(self, parents: Sequence[Node], children: Sequence[Node]) -> list[Node]:
        """Return the parent's steps with the child's over those of the same name, then the child's new ones."""
        merged = {step_name(each): each for each in parents}
        for each in children:
            name = step_name(each)
            if is_removal(each) and name in merged:
                del merged[name]
            else:
                merged[name] = self._merged(merged[name], each) if name in merged else each
        return list(merged.values())


def _other_executor(parent: Mapping[str, Node], child: Mapping[str, Node]) -> bool:
    """Return whether a step does something else than the one it extends: its configuration does not fit then."""
    before, after = parent.get("executor"), child.get("executor")
    return before is not None and after is not None and before.value != after.value
