"""The runs that this process runs now, and who watches runs."""

from quorate.core.ids import RunId
from quorate.flows.run.live_run import Audience, LiveRun
from quorate.flows.run.watch import Watch
from quorate.model.event import EventSink


class LiveRuns:
    """The runs of one process and their watches; a live object. A run may be watched before it begins."""

    def __init__(self) -> None:
        self._runs: dict[str, LiveRun] = {}
        self._watches: dict[str, list[Watch]] = {}

    def get(self, run: RunId) -> LiveRun | None:
        """Return a run that goes on here; `None` if it does not."""
        return self._runs.get(run)

    def audience(self, run: RunId, sink: EventSink) -> Audience:
        """Return who hears of a run: `sink`, and whoever watches it now or later."""
        return Audience(sink, self._watches.setdefault(run, []))

    def watch(self, run: RunId, *, room: int) -> Watch:
        """Return an iterator over the events of a run from now on."""
        watch = Watch(room=room)
        self._watches.setdefault(run, []).append(watch)
        return watch

    def unwatch(self, run: RunId, watch: Watch) -> None:
        """Stop watching."""
        watch.close()
        watches = self._watches.get(run, [])
        if watch in watches:
            watches.remove(watch)
        # A run under way goes on telling the list that it has.
        if not watches and run not in self._runs:
            self._watches.pop(run, None)

    def begin(self, run: RunId, live: LiveRun) -> None:
        """Have a run among those that go on."""
        self._runs[run] = live

    def end(self, run: RunId, live: LiveRun) -> None:
        """Have it no more; its watches have ended as well."""
        if self._runs.get(run) is live:  # else it has come back here while this one was ending
            del self._runs[run]
            for watch in self._watches.pop(run, ()):
                watch.close()
