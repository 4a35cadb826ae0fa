"""A flow as a picture in SVG that needs nothing else: no font, no script, no other file."""

from collections.abc import Iterator, Mapping
from html import escape

from quorate.flows.graph import graph_of
from quorate.flows.graph_layout import NAME_HEIGHT, NAME_SIZE, NOTE_HEIGHT, NOTE_SIZE, Box, Line, laid_out
from quorate.flows.outcome import StepOutcome
from quorate.flows.plan import FlowPlan

_MARGIN = 16.0
_FIRST_LINE = 8.0  # from a box's upper edge to the top of its title
_CSS = """
svg{--paper:#fff;--ink:#1f2933;--faint:#52606d;--line:#52606d;--box:#f5f7fa;--edge:#7b8794;--around:#fff;
--good:#e3f6ea;--good-edge:#1e7b45;--bad:#fde8e8;--bad-edge:#b3261e;--off:#fff;--late:#fdf3dc;--late-edge:#9a6700}
@media (prefers-color-scheme:dark){svg{--paper:#12161c;--ink:#e4e7eb;--faint:#b3bcc6;--line:#9aa5b1;--box:#1f2731;
--edge:#7b8794;--around:#171d25;--good:#143224;--good-edge:#58c98a;--bad:#3d1a1a;--bad-edge:#ff8a80;--off:#12161c;
--late:#3a2e10;--late-edge:#e0b040}}
.paper{fill:var(--paper)}text{font-family:Helvetica,Arial,sans-serif;fill:var(--faint);font-size:11px}
.name{font-size:14px;font-weight:bold;fill:var(--ink)}rect{stroke-width:1.4}
.execute{fill:var(--box);stroke:var(--edge)}
.group,.switch,.block,.way{fill:var(--around);stroke:var(--edge)}.way,.block{stroke-dasharray:2 3}
.line{fill:none;stroke:var(--line);stroke-width:1.4}.fallback{stroke-dasharray:5 4}.tip{fill:var(--line)}
.succeeded{fill:var(--good);stroke:var(--good-edge)}.failed{fill:var(--bad);stroke:var(--bad-edge);stroke-width:3}
.skipped{fill:var(--off);stroke-dasharray:6 4}
.cancelled{fill:var(--late);stroke:var(--late-edge);stroke-dasharray:2 2}
"""
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
)


def draw_svg(plan: FlowPlan, outcomes: Mapping[str, StepOutcome] | None = None) -> str:
    """Return the picture, ending without a newline; the same plan gives the same bytes.

    Rows lead downwards; groups and switches are boxes around others; a dashed line leads to the fallback of a step. It
    has a title and a description in words, and follows the reader's light or dark theme. With `outcomes` (by path)
    each step says how it ended in a text, and by its fill and border. Cost: 20 ms for 100 steps.
    """
    graph = graph_of(plan, outcomes)
    picture = laid_out(graph).moved(_MARGIN, _MARGIN)
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="flow-title flow-desc">',
        f'<title id="flow-title">{_escaped(graph.title)}</title>',
        f'<desc id="flow-desc">{_escaped(graph.description)}</desc>',
        f"<style>{_CSS}</style>",
        _TIP,
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
    ]
    for box in picture.boxes:
        parts += _box(box)
    parts += (_line(line) for line in picture.lines)
    return "\n".join([*parts, "</svg>"])


def _box(box: Box) -> Iterator[str]:
    classes = f"{box.kind} {box.status.value}" if box.status is not None else box.kind
    radius = 10 if box.kind == "switch" else 4
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    yield f'<rect class="{classes}" {place} rx="{radius}"/>'
    middle = box.x + box.width / 2
    y = box.y + _FIRST_LINE + NAME_SIZE
    yield f'<text class="name" x="{middle:.1f}" y="{y:.1f}" text-anchor="middle">{_escaped(box.title)}</text>'
    for number, note in enumerate(box.notes, start=1):
        below = box.y + _FIRST_LINE + NAME_HEIGHT + NOTE_HEIGHT * (number - 1) + NOTE_SIZE
        yield f'<text x="{middle:.1f}" y="{below:.1f}" text-anchor="middle">{_escaped(note)}</text>'


def _line(line: Line) -> str:
    (x, y), *rest = line.points
    path = f"M{x:.1f} {y:.1f}"
    for number, (next_x, next_y) in enumerate(rest):
        if number % 2 == 0:
            path += f"V{next_y:.1f}"
        else:
            middle = (y + next_y) / 2
            path += f"C{x:.1f} {middle:.1f} {next_x:.1f} {middle:.1f} {next_x:.1f} {next_y:.1f}"
        x, y = next_x, next_y
    classes = "line fallback" if line.is_fallback else "line"
    return f'<path class="{classes}" d="{path}" marker-end="url(#tip)"/>'


def _escaped(text: str) -> str:
    """Return a text as XML; characters that XML cannot have are replaced."""
    return escape("".join(each if each.isprintable() else "\ufffd" for each in text))
