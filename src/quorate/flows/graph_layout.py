"""Where everything stands: boxes inside boxes that never overlap, and lines that pass between them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from quorate.flows.graph import Graph, Shape, Way
from quorate.flows.graph_rows import Rows, in_rows
from quorate.flows.outcome import StepStatus
from quorate.flows.text_width import text_width

NAME_SIZE, NOTE_SIZE = 14.0, 11.0
NAME_HEIGHT, NOTE_HEIGHT = 19.0, 15.0
_PAD, _GAP_X, _GAP_Y = 12.0, 26.0, 40.0
_BEND_WIDTH, _LEAST_WIDTH = 10.0, 90.0
_BOLD = 1.1
_PORT_GAP = 14.0
#: How often columns are drawn towards their neighbours.
_PULLS = 6

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box, in pixels from the upper left corner: `kind` is a step's, or `way` or `block` for what has no name.

    `title` is written bold at the top, `notes` below it. `path` of a way is that of its switch and a number.
    """

    path: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str
    notes: tuple[str, ...] = ()
    status: StepStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line from the lower edge of one box to the upper edge of another; it bends only between rows.

    `points`: straight down from each even one to the next, then over to the one after that.
    """

    source: str
    target: str
    points: tuple[Point, ...]
    is_fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Boxes (those around others first) and lines on a sheet of a size."""

    width: float = 0.0
    height: float = 0.0
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()

    def moved(self, x: float, y: float) -> "Picture":
        """Return it somewhere else."""
        return replace(
            self,
            boxes=tuple(replace(box, x=box.x + x, y=box.y + y) for box in self.boxes),
            lines=tuple(replace(line, points=tuple((px + x, py + y) for px, py in line.points)) for line in self.lines),
        )


def laid_out(graph: Graph) -> Picture:
    """Return the picture of a flow: its steps, below them those of `catch` and `finally` in boxes of their own."""
    parts: list[Picture] = []
    for number, block in enumerate(graph.blocks):
        inner = _block(block.steps)
        parts.append(_boxed(inner, f"block[{number}]", "block", block.label, ()) if block.label else inner)
    width = max((part.width for part in parts), default=0.0)
    placed: list[Picture] = []
    y = 0.0
    for part in parts:
        placed.append(part.moved((width - part.width) / 2, y))
        y += part.height + _GAP_Y
    return _together(placed, width, max(y - _GAP_Y, 0.0))


def _shape(shape: Shape) -> Picture:
    inner = _ways(shape) if shape.ways else Picture()
    boxed = _boxed(inner, shape.path, shape.kind.value, shape.name, shape.lines)
    return replace(boxed, boxes=(replace(boxed.boxes[0], status=shape.status), *boxed.boxes[1:]))


def _ways(shape: Shape) -> Picture:
    """Return what is inside a group, or the ways of a switch side by side."""
    parts = [
        _boxed(_block(way.steps), f"{shape.path}[{number}]", "way", way.label, _nothing(way)) if way.label else None
        for number, way in enumerate(shape.ways)
    ]
    if not parts or parts[0] is None:
        return _block(shape.ways[0].steps)
    boxed = [part for part in parts if part is not None]
    starts = [0.0, *accumulate(part.width + _PAD for part in boxed)]
    placed = [part.moved(x, 0.0) for part, x in zip(boxed, starts, strict=False)]
    return _together(placed, starts[-1] - _PAD, max(part.height for part in boxed))


def _nothing(way: Way) -> tuple[str, ...]:
    return () if way.steps else ("nothing",)


def _boxed(inner: Picture, path: str, kind: str, title: str, notes: tuple[str, ...]) -> Picture:
    """Return a box with texts at the top and a picture below them."""
    texts = [text_width(title, NAME_SIZE) * _BOLD, *(text_width(note, NOTE_SIZE) for note in notes)]
    head = _PAD + NAME_HEIGHT + NOTE_HEIGHT * len(notes)
    width = max(_LEAST_WIDTH, max(texts) + 2 * _PAD, inner.width + 2 * _PAD if inner.boxes else 0.0)
    height = head + (inner.height + 2 * _PAD if inner.boxes else _PAD / 2)
    box = Box(path=path, kind=kind, x=0.0, y=0.0, width=width, height=height, title=title, notes=notes)
    placed = inner.moved((width - inner.width) / 2, head + _PAD)
    return Picture(width=width, height=height, boxes=(box, *placed.boxes), lines=placed.lines)


def _together(parts: Iterable[Picture], width: float, height: float) -> Picture:
    parts = list(parts)
    return Picture(
        width=width,
        height=height,
        boxes=tuple(box for part in parts for box in part.boxes),
        lines=tuple(line for part in parts for line in part.lines),
    )


def _block(shapes: Sequence[Shape]) -> Picture:
    """Return steps beside each other in rows, with the lines between them."""
    if not shapes:
        return Picture()
    pictures = {shape.name: _shape(shape) for shape in shapes}
    paths = {shape.name: shape.path for shape in shapes}
    fallbacks = [(owner, shape.name) for shape in shapes for owner in shape.stands_in_for]
    needs = [(need, shape.name) for shape in shapes for need in shape.needs if (need, shape.name) not in fallbacks]
    rows = in_rows([shape.name for shape in shapes], [*needs, *fallbacks])
    widths = {vertex: pictures[name].width for vertex, name in rows.names.items()}
    centres = _columns(rows, widths)
    left = min(centres[vertex] - widths.get(vertex, _BEND_WIDTH) / 2 for row in rows.rows for vertex in row)
    right = max(centres[vertex] + widths.get(vertex, _BEND_WIDTH) / 2 for row in rows.rows for vertex in row)
    centres = {vertex: centre - left for vertex, centre in centres.items()}
    heights = [max(pictures[rows.names[vertex]].height for vertex in row if vertex in rows.names) for row in rows.rows]
    tops = [0.0, *accumulate(height + _GAP_Y for height in heights)]
    placed: list[Picture] = []
    spans: dict[int, tuple[float, float, float]] = {}  # top, lower edge of the box, lower edge of the row
    for number, row in enumerate(rows.rows):
        bottom = tops[number] + heights[number]
        for vertex in row:
            spans[vertex] = (tops[number], bottom, bottom)
            if vertex in rows.names:
                picture = pictures[rows.names[vertex]]
                spans[vertex] = (tops[number], tops[number] + picture.height, bottom)
                placed.append(picture.moved(centres[vertex] - picture.width / 2, tops[number]))
    ports = _ports(rows, centres, widths)
    lines = tuple(
        Line(
            source=paths[source],
            target=paths[target],
            points=_points(way, {**centres, **ports[source, target]}, spans),
            is_fallback=(source, target) in fallbacks,
        )
        for (source, target), way in rows.ways.items()
    )
    whole = _together(placed, right - left, tops[-1] - _GAP_Y)
    return replace(whole, lines=(*whole.lines, *lines))


def _ports(
    rows: Rows, centres: Mapping[int, float], widths: Mapping[int, float]
) -> dict[tuple[str, str], dict[int, float]]:
    """Return where each line leaves its upper and reaches its lower box: beside each other, in their order."""
    found: dict[tuple[str, str], dict[int, float]] = {line: {} for line in rows.ways}
    for end, beside in ((0, 1), (-1, -2)):
        at: dict[int, list[tuple[str, str]]] = {}
        order = sorted((centres[way[beside]], line) for line, way in rows.ways.items())
        for _, line in order:
            at.setdefault(rows.ways[line][end], []).append(line)
        for vertex, lines in at.items():
            apart = min(_PORT_GAP, (widths[vertex] - 2 * _PAD) / len(lines))
            for index, line in enumerate(lines):
                found[line][vertex] = centres[vertex] + (index - (len(lines) - 1) / 2) * apart
    return found


def _points(
    way: Sequence[int], centres: Mapping[int, float], spans: Mapping[int, tuple[float, float, float]]
) -> tuple[Point, ...]:
    points: list[Point] = []
    for number, vertex in enumerate(way):
        top, box_end, row_end = spans[vertex]
        x = centres[vertex]
        if number == 0:
            points += [(x, box_end), (x, row_end)]
        elif number == len(way) - 1:
            points.append((x, top))
        else:
            points += [(x, top), (x, row_end)]
    return tuple(points)


def _columns(rows: Rows, widths: Mapping[int, float]) -> dict[int, float]:
    """Return the centre of each vertex: near the mean of its neighbours, in the order of its row, with gaps."""
    centres = {vertex: offset for row in rows.rows for vertex, offset in zip(row, _offsets(row, widths), strict=True)}
    for pull in range(_PULLS):
        downwards = pull % 2 == 0
        neighbours = rows.above if downwards else rows.below
        for row in rows.rows if downwards else rows.rows[::-1]:
            wanted = [_mean([centres[each] for each in neighbours[vertex]], centres[vertex]) for vertex in row]
            offsets = _offsets(row, widths)
            free = [want - offset for want, offset in zip(wanted, offsets, strict=True)]
            for vertex, offset, place in zip(row, offsets, _rising(free), strict=True):
                centres[vertex] = place + offset
    return centres


def _offsets(row: Sequence[int], widths: Mapping[int, float]) -> list[float]:
    """Return the centres of a row whose vertices stand as close to each other as they may."""
    halves = [widths.get(vertex, _BEND_WIDTH) / 2 for vertex in row]
    steps = [one + other + _GAP_X for one, other in pairwise(halves)]
    return [0.0, *accumulate(steps)]


def _rising(wanted: Sequence[float]) -> list[float]:
    """Return the numbers that never fall and are nearest to those wanted (pooled; Ayer et al. 1955)."""
    pools: list[tuple[float, int]] = []
    for value in wanted:
        pool = (value, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, count = pools.pop()
            pool = ((mean * count + pool[0] * pool[1]) / (count + pool[1]), count + pool[1])
        pools.append(pool)
    return [mean for mean, count in pools for _ in range(count)]


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
