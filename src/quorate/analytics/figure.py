"""Pictures that matplotlib draws: which files it can write, a figure to draw on, and writing it."""

# matplotlib's own stubs leave the keyword arguments of nearly every call untyped
# pyright: reportUnknownMemberType=false

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.core.errors import InvalidRequest, Misconfigured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMATS = (".png", ".svg")
_DPI = 144


@contextmanager
def figure_for(path: Path, size_inches: tuple[float, float], *, param: str = "plot") -> Generator["Figure"]:
    """Give an empty figure; when the block ends it is written as PNG or SVG, by the suffix of `path`.

    The same drawing gives the same bytes. Raises InvalidRequest (about `param`) for another suffix or a path that
    cannot be written, Misconfigured if matplotlib is missing.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InvalidRequest(f"cannot draw {str(path)!r}; end the name in {' or '.join(_FORMATS)}", param=param)
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # optional dependency, and slow: 300 ms, needed only here
    except ImportError as error:
        raise Misconfigured("drawing needs matplotlib; run: pip install 'quorate[plot]'") from error
    figure = Figure(figsize=size_inches, layout="constrained")
    yield figure
    try:
        figure.savefig(path, dpi=_DPI, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    except OSError as error:
        raise InvalidRequest(f"cannot write {str(path)!r} ({error}); give a path in a folder that exists") from error
