"""What operators count: one call per request, text for Prometheus when somebody asks."""

import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from quorate.core.clock import Clock
from quorate.model.event import State
from quorate.model.run import BranchRecord, RunRecord
from quorate.telemetry import names
from quorate.telemetry.families import FAMILIES, SCORES, SECONDS
from quorate.telemetry.series import (
    BranchSeries,
    Durations,
    LeafSeries,
    ModelSeries,
    RunSeries,
    Scores,
    TimingSeries,
)
from quorate.telemetry.snapshot import Snapshot, Spread, Value

#: Lines of the text; a histogram is a line for each bucket, and two more.
MAX_SERIES = 2000
#: Kept free for the series that stand for everything else.
_RESERVED = 400
_HISTOGRAM = len(SECONDS) + 3
_TOKENS = (
    ("input", "prompt_tokens"),
    ("output", "completion_tokens"),
    ("cached", "cached_tokens"),
    ("reasoning", "reasoning_tokens"),
)
_OPERATIONS = frozenset({"chat", "embeddings", "flow", "responses"})


class CallMetrics:
    """A live object: the numbers of this worker.

    `models` are the names that get series of their own; all others count as `other`, and so does what comes when
    `max_series` lines are in use. `in_flight` is raised and lowered by whoever serves requests. Everything but
    `snapshot` and `render` belongs to one thread.
    """

    def __init__(
        self, clock: Clock, *, models: Iterable[str] = (), version: str = "", max_series: int = MAX_SERIES
    ) -> None:
        self._began_s = clock.unix_s()
        self._models = frozenset(models)
        self._come_later: Callable[[str], bool] | None = None
        self._version = version
        self._room = max_series - _RESERVED
        self._runs: dict[tuple[str, str, State, int], RunSeries] = {}
        self._timings: dict[tuple[str, str], TimingSeries] = {}
        self._used: dict[str, ModelSeries] = {}
        self._branches: dict[tuple[str, str, State], BranchSeries] = {}
        self._leaves: dict[tuple[str, str], LeafSeries] = {}
        self._rejected: dict[str, int] = {}
        self._watched: dict[str, Callable[[], float]] = {}
        self._watched_each: list[Callable[[], Iterable[Value]]] = []
        self._watched_spreads: list[Callable[[], Iterable[Spread]]] = []
        self.in_flight = 0

    def know(self, models: Iterable[str]) -> None:
        """Give these models series of their own from now on: the names of the catalog."""
        self._models = frozenset(models)

    def know_later(self, is_known: Callable[[str], bool]) -> None:
        """Give names that come later series of their own as well: those that `is_known` says yes to; asked rarely."""
        self._come_later = is_known

    def watch(self, name: str, read: Callable[[], float]) -> None:
        """Ask `read` for the value of a metric of `FAMILIES` without labels, at each snapshot and in its thread."""
        if FAMILIES[name].labels:
            raise ValueError(f"{name} has labels; only a metric without can be watched")
        self._watched[name] = read

    def watch_each(self, read: Callable[[], Iterable[Value]]) -> None:
        """Ask `read` for values with labels, at each snapshot and in its thread; it sees to it that they are few."""
        self._watched_each.append(read)

    def watch_spreads(self, read: Callable[[], Iterable[Spread]]) -> None:
        """Ask `read` for histograms, at each snapshot and in its thread; it sees to it that they are few."""
        self._watched_spreads.append(read)

    def rejected(self, code: str) -> None:
        """Count a request that was refused before any work began; `code` is that of the error."""
        self._bump(self._rejected, code)

    def observe(self, record: RunRecord) -> None:
        """Count a request that has ended, with its branches. About 2 us with one branch."""
        model = record.model
        run = self._runs.get((record.operation, model, record.state, record.status // 100))
        if run is None or model not in self._models:
            run = self._run(record)
        run.count += 1
        timing = run.timing
        timing.duration.add(record.finished_at_s - record.started_at_s)
        if record.first_token_at_s is not None:
            self._first_token(timing, record.first_token_at_s - record.started_at_s)
        used = run.used
        used.prompt_tokens += record.prompt_tokens
        used.completion_tokens += record.completion_tokens
        used.cached_tokens += record.cached_tokens
        used.reasoning_tokens += record.reasoning_tokens
        if record.cost_microusd is None:
            used.unpriced += 1
        else:
            used.cost_microusd += record.cost_microusd
        if record.agreement is not None:
            self._agreement(used, record.agreement_kind or names.OTHER, record.agreement)
        for branch in record.branches:
            self._branch(branch)

    def _branch(self, branch: BranchRecord) -> None:
        model = branch.model
        series = self._branches.get((model, branch.provider, branch.state))
        if series is None or model not in self._models:
            series = self._branch_series(branch)
        series.count += 1
        leaf = series.leaf
        if series.finished:
            leaf.duration.add(branch.finished_at_s - branch.started_at_s)
        if branch.leaf:
            leaf.retries += branch.attempts - 1
            leaf.prompt_tokens += branch.prompt_tokens
            leaf.completion_tokens += branch.completion_tokens
            leaf.cost_microusd += branch.cost_microusd or 0
        if branch.error_code is not None:
            self._bump(leaf.errors, branch.error_code)

    # Series are made at the first use: rare, and therefore allowed to be slow.

    def _run(self, record: RunRecord) -> RunSeries:
        operation = record.operation if record.operation in _OPERATIONS else names.OTHER
        model, state = self._label(record.model), record.state
        status = record.status // 100 if 100 <= record.status < 600 else 0  # noqa: PLR2004 - HTTP's five classes
        if (operation, model, state, status) in self._runs:
            return self._runs[operation, model, state, status]
        if model != names.OTHER:
            needed = 1 + (model not in self._used) * 6 + ((operation, model) not in self._timings) * _HISTOGRAM
            model = self._if_room(needed, model)
        key = (operation, model, state, status)
        if key not in self._runs:
            timing = self._timings.get((operation, model)) or TimingSeries(operation=operation, model=model)
            used = self._used.get(model) or ModelSeries(model=model)
            self._timings[operation, model], self._used[model] = timing, used
            self._runs[key] = RunSeries(
                labels=(operation, model, state.value, _class(status)), timing=timing, used=used
            )
        return self._runs[key]

    def _branch_series(self, branch: BranchRecord) -> BranchSeries:
        model, provider, state = self._label(branch.model), branch.provider, branch.state
        if model == names.OTHER:
            provider = names.OTHER
        elif (model, provider, state) not in self._branches:
            needed = 1 + ((model, provider) not in self._leaves) * (_HISTOGRAM + 4)
            if self._if_room(needed, model) == names.OTHER:
                model = provider = names.OTHER
        key = (model, provider, state)
        if key not in self._branches:
            leaf = self._leaves.get((model, provider)) or LeafSeries(model=model, provider=provider)
            self._leaves[model, provider] = leaf
            labels = (model, provider, state.value)
            self._branches[key] = BranchSeries(labels=labels, leaf=leaf, finished=state is State.FINISHED)
        return self._branches[key]

    def _first_token(self, timing: TimingSeries, seconds: float) -> None:
        if timing.first_token is None:
            if timing.model != names.OTHER and self._if_room(_HISTOGRAM, timing.model) == names.OTHER:
                timing = self._other_timing(timing.operation)
            timing.first_token = timing.first_token or Durations()
        timing.first_token.add(seconds)

    def _other_timing(self, operation: str) -> TimingSeries:
        key = (operation, names.OTHER)
        self._timings[key] = self._timings.get(key) or TimingSeries(operation=operation, model=names.OTHER)
        return self._timings[key]

    def _agreement(self, used: ModelSeries, kind: str, score: float) -> None:
        scores = used.agreement.get(kind)
        if scores is None:
            kind = self._if_room(len(SCORES) + 3, kind)
            scores = used.agreement[kind] = used.agreement.get(kind) or Scores()
        scores.add(score)

    def _bump(self, counts: dict[str, int], code: str) -> None:
        if code not in counts:
            code = self._if_room(1, code)
        counts[code] = counts.get(code, 0) + 1

    def _label(self, model: str) -> str:
        if model not in self._models:
            if self._come_later is None or not self._come_later(model):
                return names.OTHER
            self._models |= {model}
        return model

    def _if_room(self, series: int, label: str) -> str:
        if label == names.OTHER or series > self._room:
            return names.OTHER
        self._room -= series
        return label

    # Reading, in any thread.

    def snapshot(self) -> Snapshot:
        """Return the numbers as they are now; a request that ends meanwhile may be counted in a part of them."""
        return Snapshot(values=tuple(self._values()), spreads=tuple(self._spreads()))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the text and its content type; `accept` is the header of whoever asks.

        About 10 us for each series, and more the first time: call it in a thread.
        """
        # slow: 50 ms, needed only when somebody scrapes
        from quorate.telemetry.exposition import exposition  # noqa: PLC0415

        return exposition(self.snapshot(), accept)

    def _values(self) -> Iterator[Value]:
        for run in tuple(self._runs.values()):
            yield Value(name=names.REQUESTS, labels=run.labels, value=run.count)
        yield Value(name=names.IN_FLIGHT, labels=(), value=self.in_flight)
        for code, count in tuple(self._rejected.items()):
            yield Value(name=names.REJECTED, labels=(code,), value=count)
        for used in tuple(self._used.values()):
            yield from _used_values(used)
        for branch in tuple(self._branches.values()):
            yield Value(name=names.BRANCHES, labels=branch.labels, value=branch.count)
        for leaf in tuple(self._leaves.values()):
            yield from _leaf_values(leaf)
        for name, read in tuple(self._watched.items()):
            yield Value(name=name, labels=(), value=float(read()))  # no worker could read a bool
        for read_each in tuple(self._watched_each):
            yield from read_each()
        yield Value(name=names.BUILD, labels=(self._version, platform.python_version()), value=1)
        yield Value(name=names.START, labels=(), value=self._began_s)
        yield Value(name=names.CPU, labels=(), value=time.process_time())
        if (memory := _resident_bytes()) is not None:
            yield Value(name=names.MEMORY, labels=(), value=memory)

    def _spreads(self) -> Iterator[Spread]:
        for timing in tuple(self._timings.values()):
            labels = (timing.operation, timing.model)
            yield _spread(names.REQUEST_DURATION, labels, timing.duration)
            if timing.first_token is not None:
                yield _spread(names.TIME_TO_FIRST_TOKEN, labels, timing.first_token)
        for used in tuple(self._used.values()):
            for kind, scores in tuple(used.agreement.items()):
                labels = (used.model, kind)
                yield Spread(name=names.AGREEMENT, labels=labels, counts=tuple(scores.counts), total=scores.total)
        for leaf in tuple(self._leaves.values()):
            yield _spread(names.BRANCH_DURATION, (leaf.model, leaf.provider), leaf.duration)
        for read in tuple(self._watched_spreads):
            yield from read()


def _class(hundreds: int) -> str:
    return f"{hundreds}xx" if hundreds else names.OTHER


def _spread(name: str, labels: tuple[str, ...], durations: Durations) -> Spread:
    return Spread(name=name, labels=labels, counts=tuple(durations.counts), total=durations.total_s)


def _used_values(used: ModelSeries) -> Iterator[Value]:
    for kind, attribute in _TOKENS:
        yield Value(name=names.TOKENS, labels=(used.model, kind), value=getattr(used, attribute))
    yield Value(name=names.COST_TOTAL, labels=(used.model,), value=used.cost_microusd)
    yield Value(name=names.UNPRICED, labels=(used.model,), value=used.unpriced)


def _leaf_values(leaf: LeafSeries) -> Iterator[Value]:
    labels = (leaf.model, leaf.provider)
    yield Value(name=names.BRANCH_RETRIES, labels=labels, value=leaf.retries)
    yield Value(name=names.BRANCH_COST, labels=labels, value=leaf.cost_microusd)
    yield Value(name=names.BRANCH_TOKENS, labels=(*labels, "input"), value=leaf.prompt_tokens)
    yield Value(name=names.BRANCH_TOKENS, labels=(*labels, "output"), value=leaf.completion_tokens)
    for code, count in tuple(leaf.errors.items()):
        yield Value(name=names.UPSTREAM_ERRORS, labels=(*labels, code), value=count)


def _resident_bytes() -> int | None:
    """Where the system tells (Linux)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
