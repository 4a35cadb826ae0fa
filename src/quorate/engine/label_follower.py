"""The thread that reads labels: whoever asks a question never waits for it."""

import logging
from collections.abc import Sequence
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final, Protocol

from quorate.engine.learned_trust import LearnedTrust
from quorate.model.feedback import CheckedRun
from quorate.storage.scope import ALL_TENANTS, Scope

_log = logging.getLogger("quorate")

#: So often it looks whether there are new labels; a number in one row.
LOOK_EVERY_S: Final = 5.0
#: The longest pause after a reading that took long, so that several processes agree within a minute.
_LONGEST_PAUSE_S = 30.0
#: Of the time, a tenth at most goes into learning.
_PAUSES = 9.0
_JOIN_S = 1.0


class Labels(Protocol):
    """Where labels are read; both calls block."""

    def generation(self) -> int:
        """Return a number that changes with every label."""
        ...

    def checked_runs(self, scope: Scope, /) -> Sequence[CheckedRun]:
        """Return the runs that have labels."""
        ...


class LabelFollower:
    """Teaches a `LearnedTrust` the labels of a database and keeps it up to date, on a thread; a live object.

    While the database is away, what was learned last holds.
    """

    def __init__(self, trust: LearnedTrust, labels: Labels, *, every_s: float = LOOK_EVERY_S) -> None:
        self._trust = trust
        self._labels = labels
        self._every_s = every_s
        self._looking = Lock()  # protects _seen, and keeps an older reading from replacing a newer one
        self._seen: int | None = None
        self._away = False
        self._ending = Event()
        self._thread = Thread(target=self._follow, name="quorate-labels", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """End the thread. Blocking, for a second at most: a reading that takes longer is left to itself."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def look(self) -> bool:
        """Learn anew if labels have changed; return whether they have. Blocking; raises what the database raises."""
        with self._looking:
            generation = self._labels.generation()
            if generation == self._seen:
                return False
            # The number is read before the labels: one that comes between is read twice, never missed.
            self._trust.learn_from(self._labels.checked_runs(ALL_TENANTS))
            self._seen = generation
            return True

    def _follow(self) -> None:
        while not self._ending.is_set():
            began = monotonic()
            try:
                self.look()
            except Exception:  # noqa: BLE001 - whatever a driver raises, the next look may succeed
                if not self._away:
                    _log.warning("labels cannot be read; what was learned from them last holds", exc_info=True)
                self._away = True
            else:
                self._away = False
            took_s = monotonic() - began
            self._ending.wait(max(self._every_s, min(_PAUSES * took_s, _LONGEST_PAUSE_S)))
