"""A flow as a Mermaid flowchart."""

from collections.abc import Iterator, Mapping, Sequence

from quorate.flows.graph import Graph, Shape, Way, graph_of
from quorate.flows.outcome import StepOutcome, StepStatus
from quorate.flows.plan import FlowPlan, StepKind

#: Light fills that stay readable in both themes, with ink of their own.
_STYLES = {
    StepStatus.SUCCEEDED: "fill:#d9f2e3,stroke:#1e7b45,color:#10281a",
    StepStatus.FAILED: "fill:#fbdcdc,stroke:#b3261e,stroke-width:3px,color:#3b0d0a",
    StepStatus.SKIPPED: "fill:#eef0f2,stroke:#7b8794,stroke-dasharray:4 3,color:#1f2933",
    StepStatus.CANCELLED: "fill:#fdf0d2,stroke:#9a6700,stroke-dasharray:2 2,color:#2f2306",
}


def draw_mermaid(plan: FlowPlan, outcomes: Mapping[str, StepOutcome] | None = None) -> str:
    """Return the text of the flowchart, ending without a newline; the same plan gives the same text.

    Groups and the ways of a switch are subgraphs, a dotted arrow leads to the fallback of a step. With `outcomes` (by
    path) each step says how it ended.
    """
    return "\n".join(_Chart(graph_of(plan, outcomes)).lines())


class _Chart:
    """Gives every shape a short id, because names of steps may be words of Mermaid; live, for one text."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._ids: dict[str, str] = {}
        self._statuses: dict[StepStatus, list[str]] = {}

    def lines(self) -> Iterator[str]:
        yield "flowchart TD"
        yield f"  accTitle: {_line(self._graph.title)}"
        yield f"  accDescr: {_line(self._graph.description)}"
        for number, block in enumerate(self._graph.blocks):
            if block.label:
                yield f'  subgraph b{number}["{_escaped(block.label)}"]'
                yield from self._block(block.steps, "    ")
                yield "  end"
            else:
                yield from self._block(block.steps, "  ")
        for status, style in _STYLES.items():
            if ids := self._statuses.get(status):
                yield f"  classDef {status.value} {style}"
                yield f"  class {','.join(ids)} {status.value}"

    def _block(self, shapes: Sequence[Shape], indent: str) -> Iterator[str]:
        here = {shape.name: self._id(shape) for shape in shapes}
        for shape in shapes:
            yield from self._shape(shape, indent)
        for shape in shapes:
            for need in shape.needs:
                yield f"{indent}{here[need]} --> {here[shape.name]}"
            for owner in shape.stands_in_for:
                yield f'{indent}{here[owner]} -. "if it fails" .-> {here[shape.name]}'

    def _shape(self, shape: Shape, indent: str) -> Iterator[str]:
        own = self._id(shape)
        if shape.status is not None:
            self._statuses.setdefault(shape.status, []).append(own)
        label = "<br/>".join(_escaped(line) for line in (shape.name, *shape.lines))
        if not any(way.steps for way in shape.ways):
            opening, closing = ("{", "}") if shape.kind is StepKind.SWITCH else ("[", "]")
            yield f'{indent}{own}{opening}"{label}"{closing}'
            return
        yield f'{indent}subgraph {own}["{label}"]'
        for number, way in enumerate(shape.ways):
            yield from self._way(way, f"{own}w{number}", f"{indent}  ")
        yield f"{indent}end"

    def _way(self, way: Way, own: str, indent: str) -> Iterator[str]:
        if not way.label:
            yield from self._block(way.steps, indent)
        elif not way.steps:
            yield f'{indent}{own}["{_escaped(way.label)}: nothing"]'
        else:
            yield f'{indent}subgraph {own}["{_escaped(way.label)}"]'
            yield from self._block(way.steps, f"{indent}  ")
            yield f"{indent}end"

    def _id(self, shape: Shape) -> str:
        return self._ids.setdefault(shape.path, f"s{len(self._ids)}")


def _escaped(text: str) -> str:
    """Return a text that is a text in Mermaid whatever is in it: what is not plain is written by its number."""
    return "".join(each if _plain(each) else f"#{ord(each)};" for each in _line(text))


def _plain(character: str) -> bool:
    return character.isalnum() or character in " _-.,:()/+=?!'\u2026\u2713\u2717\u2013\u25a0"


def _line(text: str) -> str:
    return " ".join(text.split())
