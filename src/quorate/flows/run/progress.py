"""How much of a run is done: a step counts by its weight, half while it runs, whole when it has ended."""

_HALF = 0.5


class Share:
    """The part of a run's progress that is one step's, of 1.0 for the whole; a live object.

    What is inside a step (an item, a step of a group) has a part of its share.
    """

    __slots__ = ("above", "done", "size")

    def __init__(self, size: float, above: "Share | None" = None) -> None:
        self.size = size
        self.done = 0.0
        self.above = above

    def part(self, of_whole: float) -> "Share":
        """Return the share of something inside; `of_whole` is 0 to 1."""
        return Share(self.size * of_whole, self)

    def begin(self) -> None:
        """It runs now."""
        self._grow(self.size * _HALF - self.done)

    def end(self) -> None:
        """It has ended, however that was."""
        self._grow(self.size - self.done)

    def _grow(self, by: float) -> None:
        here: Share | None = self
        while here is not None and by > 0:
            left = here.size - here.done
            by = min(by, left)
            here.done += by
            here = here.above

    @property
    def percent(self) -> float:
        """How much of the whole is done, 0 to 100; it never falls."""
        top = self
        while top.above is not None:
            top = top.above
        return round(100.0 * top.done, 4)
