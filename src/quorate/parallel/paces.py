"""How long models took lately: of branches that are all waited for, the slowest is best begun first."""

from typing import Final

#: How much the latest time counts; those before it fade away, in about five answers.
_NEWEST: Final = 0.2
#: Names may be of a provider's models, which are any number; beyond so many the oldest are forgotten.
_MOST_REMEMBERED: Final = 1000


class Paces:
    """A live object: a moving average of the seconds that each model's answers took.

    Whoever waits for all branches waits for the last one, so the longest job goes first (LPT; Graham, Bounds on
    multiprocessing timing anomalies, 1969): where not all may run at once, the whole takes a third longer at most than
    in the best order.
    """

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def note(self, model: str, seconds: float) -> None:
        """Take an answer into account."""
        before = self._seconds.pop(model, seconds)
        self._seconds[model] = before + _NEWEST * (seconds - before)
        if len(self._seconds) > _MOST_REMEMBERED:
            del self._seconds[next(iter(self._seconds))]

    def of(self, model: str) -> float:
        """Return about how many seconds an answer takes; 0 where that is not known."""
        return self._seconds.get(model, 0.0)
