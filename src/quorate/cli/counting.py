"""How far long work has come: a bar on a terminal, a line now and then elsewhere; always on stderr."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import typer

_LINE_EVERY_S = 10.0


@contextmanager
def counting(what: str, total: int | None = None) -> Generator[Callable[[int], None]]:
    """Give a function to be called with the number done so far; `what` is done, of `total` if that is known."""
    if not sys.stderr.isatty():
        yield _Lines(what, total)
        return
    # slow: 20 ms, needed on a terminal only
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


class _Lines:
    """Writes a line about the number done, at most every 10 seconds: short work stays silent; a live object."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._of = "" if total is None else f" of {total}"
        self._next_s = time.monotonic() + _LINE_EVERY_S

    def __call__(self, done: int) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + _LINE_EVERY_S
            typer.echo(f"{done}{self._of} {self._what}", err=True)
