"""A small drawing in SVG: lines, circles, bars and text, always the same bytes for the same calls."""

from collections.abc import Sequence
from html import escape
from typing import Literal

INK, FAINT, GRID, PAPER = "#1f2933", "#7b8794", "#e4e7eb", "#ffffff"
COLOURS = ("#1f5fbf", "#c2571a", "#2f855a", "#7a4fb5")

Anchor = Literal["start", "middle", "end"]


class Drawing:
    """An SVG picture that is drawn piece by piece, in pixels from the upper left corner; a live object."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width = width
        self.height = height
        size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="Helvetica, Arial, sans-serif">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        ]

    def line(
        self, points: Sequence[tuple[float, float]], *, colour: str = INK, width: float = 1.4, dashes: str = ""
    ) -> None:
        """Draw a line through the points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>')

    def area(self, points: Sequence[tuple[float, float]], *, colour: str) -> None:
        """Fill what the points surround, lightly."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polygon points="{path}" fill="{colour}" fill-opacity="0.15"/>')

    def circle(self, x: float, y: float, radius: float, *, colour: str) -> None:
        """Draw a filled circle with a white rim."""
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.85" stroke="{PAPER}"/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, *, colour: str) -> None:
        """Draw a filled bar."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{colour}"'
            ' fill-opacity="0.9"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: Anchor = "start",
        size: int = 12,
        colour: str = INK,
        upright: bool = False,
    ) -> None:
        """Write a line of text with its base line at `y`; `upright` turns it to read from below."""
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if upright else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{turned}>'
            f"{escape(text)}</text>"
        )

    def to_svg(self) -> str:
        """Return the picture."""
        return "\n".join([*self._parts, "</svg>", ""])
