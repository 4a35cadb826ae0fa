"""Runs in the tables of a database, within one transaction: read once, changed in memory, written at its end.

What several callers write at the same moment goes out as a few long statements instead of many short ones; with
PostgreSQL each statement would cost a round trip.
"""

# ruff: noqa: S608 - names of tables and columns are ours, values are always parameters

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import JournalEvent, PinnedFlow, RunHeader
from quorate.flows.journals.packing import unpacked
from quorate.flows.journals.run_row import RunRow
from quorate.flows.journals.schema import PARTS
from quorate.flows.journals.session import Session
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome
from quorate.flows.path import is_below
from quorate.model.usage import Spend

_header = msgspec.json.Decoder(RunHeader)
_pinned = msgspec.json.Decoder(PinnedFlow)
_outcome = msgspec.json.Decoder(StepOutcome)
_result = msgspec.json.Decoder(FlowResult)
_spend = msgspec.json.Decoder(Spend)

_COLUMNS = (
    "id, tenant, flow, status, priority, created_at, queue_key, max_runs, auto_resume, strict, owner, epoch, "
    "lease_until, wake_at, cancel_requested, events, updated_at, calls_back, takeovers"
)
_SELECT = f"SELECT {_COLUMNS} FROM flow_runs"
_INSERT = f"INSERT INTO flow_runs ({_COLUMNS}, ready_at) VALUES ({', '.join('?' * 20)})"
_UPDATE = (
    "UPDATE flow_runs SET status = ?, owner = ?, epoch = ?, lease_until = ?, wake_at = ?, cancel_requested = ?, "
    "events = ?, updated_at = ?, takeovers = ?, ready_at = ? WHERE id = ?"
)
_ROOM = (
    "(max_runs IS NULL OR max_runs > (SELECT count(*) FROM flow_runs AS held WHERE held.queue_key = "
    "flow_runs.queue_key AND held.queue_key <> '' AND held.status = 'running' AND held.owner <> '' "
    "AND held.lease_until > ?))"
)
_HELD = (
    "SELECT count(*) FROM flow_runs WHERE queue_key = ? AND queue_key <> '' AND status = 'running' "
    "AND owner <> '' AND lease_until > ?"
)
_FIRST_QUEUED = f"{_SELECT} WHERE status = 'queued' AND {_ROOM} ORDER BY priority DESC, created_at, id LIMIT ?"
_FIRST_DUE = (
    f"{_SELECT} WHERE status IN ('running', 'waiting') AND ready_at <= ? AND {_ROOM} "
    "ORDER BY priority DESC, created_at, id LIMIT ?"
)
#: Candidates looked at (and locked) at first, and then: others may be about to take runs of the same queue keys.
_CANDIDATES = (1, 16)
#: Runs deleted in one transaction: the others wait for it.
_DELETED_AT_ONCE = 500


class TablePages:
    """A live transaction of a session; `flush` writes what was changed. Reading transactions lock nothing."""

    def __init__(self, session: Session, *, writes: bool) -> None:
        self._session = session
        self._locking = session.locking if writes else ""
        self._rows: dict[RunId, RunRow | None] = {}
        self._clear()

    def _clear(self) -> None:
        self._new: list[tuple[RunRow, bytes]] = []
        self._dirty: dict[RunId, RunRow] = {}
        self._outcomes: list[tuple[Any, ...]] = []
        self._events: list[tuple[Any, ...]] = []
        self._results: list[tuple[Any, ...]] = []

    def fetch(self, runs: Sequence[RunId]) -> None:
        """Read the rows of these runs at once; in their order, so that two processes never wait for each other."""
        condition, value = self._session.among("id", runs)
        self._rows.update(dict.fromkeys(runs))
        found = self._session.rows(f"{_SELECT} WHERE {condition} ORDER BY id{self._locking}", (value,))
        self._rows.update((row.id, row) for row in map(_row, found))

    def flush(self) -> None:
        """Write what was changed."""
        new, dirty, outcomes, events, results = self._new, self._dirty, self._outcomes, self._events, self._results
        self._clear()
        run_many = self._session.run_many
        if new:
            run_many(_INSERT, [_inserted(row) for row, _ in new])
            run_many("INSERT INTO flow_headers (run, data) VALUES (?, ?)", [(row.id, header) for row, header in new])
        if outcomes:
            run_many(
                "INSERT INTO flow_outcomes (run, path, cost, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", outcomes
            )
        if events:
            run_many("INSERT INTO flow_events (run, seq, data) VALUES (?, ?, ?)", events)
        if results:
            run_many("INSERT INTO flow_results (run, data) VALUES (?, ?)", results)
        if dirty:
            run_many(_UPDATE, [_updated(row) for row in dirty.values()])

    def row(self, run: RunId) -> RunRow | None:
        """Return the row, locked if this transaction writes."""
        if run not in self._rows:
            self.fetch((run,))
        return self._rows[run]

    def add(self, row: RunRow, header: bytes) -> None:
        """Insert a run."""
        self._rows[row.id] = row
        self._new.append((row, header))

    def changed(self, row: RunRow) -> None:
        """Update a row."""
        if not self._new or all(row is not each for each, _ in self._new):
            self._dirty[row.id] = row

    def next_row(self, now: int) -> RunRow | None:
        """Return the first row that is ready and that no other process is at."""
        self.flush()
        for limit in _CANDIDATES:
            ready = self._ready(now, limit)
            for row in ready:
                if self.under_limit(row, now):
                    self._rows[row.id] = row
                    return row
            if not ready:
                break
        return None

    def _ready(self, now: int, limit: int) -> Sequence[RunRow]:
        skipping = self._session.skipping
        found = self._session.rows(_FIRST_QUEUED + skipping, (now, limit))
        found += self._session.rows(_FIRST_DUE + skipping, (now, now, limit))
        return sorted(map(_row, found), key=lambda row: (-row.priority, row.created_at, row.id))

    def under_limit(self, row: RunRow, now: int) -> bool:
        """Whether its queue key has room, counted under the key's lock."""
        if row.max_runs is None:
            return True
        self.flush()
        if not self._session.try_lock(row.queue_key):
            return False
        return self._session.rows(_HELD, (row.queue_key, now))[0][0] < row.max_runs

    def keep(self, run: RunId, path: str, cost_microusd: int, outcome: bytes) -> None:
        """Insert an outcome unless there is one."""
        self._outcomes.append((run, path, cost_microusd, outcome))

    def tell(self, run: RunId, seq: int, event: bytes) -> None:
        """Insert an event."""
        self._events.append((run, seq, event))

    def keep_attempt(self, run: RunId, path: str, attempt: int, wake_at: int | None, cost_microusd: int) -> None:
        """Insert a failed attempt unless it is there."""
        self._session.run(
            "INSERT INTO flow_attempts (run, path, attempt, wake_at, cost) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (run, path, attempt, wake_at, cost_microusd),
        )

    def set_timer(self, run: RunId, path: str, wake_at: int) -> int:
        """Insert a timer unless there is one."""
        self._session.run(
            "INSERT INTO flow_timers (run, path, wake_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (run, path, wake_at)
        )
        return self._session.rows("SELECT wake_at FROM flow_timers WHERE run = ? AND path = ?", (run, path))[0][0]

    def pin(self, run: RunId, name: str, flow: bytes) -> PinnedFlow:
        """Insert a flow's meaning unless there is one."""
        self._session.run(
            "INSERT INTO flow_pins (run, name, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (run, name, flow)
        )
        found = self._session.rows("SELECT data FROM flow_pins WHERE run = ? AND name = ?", (run, name))
        return unpacked(found[0][0], _pinned)

    def pay(self, run: RunId, paid: bytes) -> None:
        """Insert or change what is in another record."""
        self._session.run(
            "INSERT INTO flow_paid (run, data) VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET data = excluded.data",
            (run, paid),
        )

    def paid(self, run: RunId) -> Spend | None:
        """Return it."""
        found = self._session.rows("SELECT data FROM flow_paid WHERE run = ?", (run,))
        return unpacked(found[0][0], _spend) if found else None

    def pins(self, run: RunId) -> Mapping[str, PinnedFlow]:
        """Return them."""
        found = self._session.rows("SELECT name, data FROM flow_pins WHERE run = ?", (run,))
        return {name: unpacked(data, _pinned) for name, data in found}

    def end(self, run: RunId, result: bytes) -> None:
        """Insert a result."""
        self._results.append((run, result))

    def reopen(self, run: RunId, paths: Sequence[str]) -> None:
        """Delete the result and what is at and below the paths."""
        self.flush()
        self._session.run("DELETE FROM flow_results WHERE run = ?", (run,))
        self._session.run("DELETE FROM flow_callbacks WHERE run = ?", (run,))
        for table in ("flow_outcomes", "flow_attempts", "flow_timers") if paths else ():
            kept = {path for (path,) in self._session.rows(f"SELECT path FROM {table} WHERE run = ?", (run,))}
            gone = [path for path in kept if any(is_below(path, forgotten) for forgotten in paths)]
            self._session.run_many(f"DELETE FROM {table} WHERE run = ? AND path = ?", [(run, path) for path in gone])

    def delete_before(self, moment: int) -> int:
        """Delete ended runs, as many as one transaction should."""
        self.flush()
        found = self._session.rows(
            "SELECT id FROM flow_runs WHERE ready_at IS NULL AND updated_at < ? ORDER BY updated_at LIMIT ?"
            + self._session.skipping,
            (moment, _DELETED_AT_ONCE),
        )
        runs = [RunId(run) for (run,) in found]
        if not runs:
            return 0
        for table in PARTS:
            condition, value = self._session.among("run", runs)
            self._session.run(f"DELETE FROM {table} WHERE {condition}", (value,))
        condition, value = self._session.among("id", runs)
        self._session.run(f"DELETE FROM flow_runs WHERE {condition}", (value,))
        return len(runs)

    def call_back(self, run: RunId, seq: int, tries: int, due_at: int) -> None:
        """Insert or change what somebody is to be told."""
        self._session.run(
            "INSERT INTO flow_callbacks (run, seq, tries, due_at) VALUES (?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET "
            "seq = excluded.seq, tries = excluded.tries, due_at = excluded.due_at",
            (run, seq, tries, due_at),
        )

    def callback(self, run: RunId) -> tuple[int, int] | None:
        """Return what somebody is to be told."""
        found = self._session.rows("SELECT seq, tries FROM flow_callbacks WHERE run = ?", (run,))
        return (found[0][0], found[0][1]) if found else None

    def called_back(self, run: RunId) -> None:
        """Delete it."""
        self._session.run("DELETE FROM flow_callbacks WHERE run = ?", (run,))

    def due_callback(self, now: int) -> RunId | None:
        """Return the run whose turn it is, its callback locked."""
        found = self._session.rows(
            "SELECT run FROM flow_callbacks WHERE due_at <= ? ORDER BY due_at LIMIT 1" + self._session.skipping, (now,)
        )
        return RunId(found[0][0]) if found else None

    def header(self, run: RunId) -> RunHeader:
        """Return the header."""
        self.flush()
        return unpacked(self._session.rows("SELECT data FROM flow_headers WHERE run = ?", (run,))[0][0], _header)

    def outcomes(self, run: RunId) -> dict[str, StepOutcome]:
        """Return the outcomes."""
        self.flush()
        found = self._session.rows("SELECT path, data FROM flow_outcomes WHERE run = ?", (run,))
        return {path: unpacked(data, _outcome) for path, data in found}

    def costs(self, run: RunId) -> Mapping[str, int]:
        """Return the costs of outcomes."""
        self.flush()
        return dict(self._session.rows("SELECT path, cost FROM flow_outcomes WHERE run = ?", (run,)))

    def attempts(self, run: RunId) -> Sequence[tuple[str, int, int | None, int]]:
        """Return failed attempts."""
        found = self._session.rows(
            "SELECT path, attempt, wake_at, cost FROM flow_attempts WHERE run = ? ORDER BY attempt", (run,)
        )
        return [(path, attempt, wake_at, cost) for path, attempt, wake_at, cost in found]

    def timers(self, run: RunId) -> Mapping[str, int]:
        """Return the timers."""
        return dict(self._session.rows("SELECT path, wake_at FROM flow_timers WHERE run = ?", (run,)))

    def result(self, run: RunId) -> FlowResult | None:
        """Return the result."""
        found = self._session.rows("SELECT data FROM flow_results WHERE run = ?", (run,))
        return unpacked(found[0][0], _result) if found else None

    def events(self, run: RunId, after: int, limit: int) -> Sequence[JournalEvent]:
        """Return events."""
        found = self._session.rows(
            "SELECT seq, data FROM flow_events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?", (run, after, limit)
        )
        return [JournalEvent(seq=seq, data=data) for seq, data in found]

    def rows(
        self, tenant: TenantId | None, flow: str | None, status: RunStatus | None, before: str | None, limit: int
    ) -> Sequence[RunRow]:
        """Return rows."""
        asked = {"tenant = ?": tenant, "flow = ?": flow, "status = ?": status and status.value, "id < ?": before}
        given = {condition: value for condition, value in asked.items() if value is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        found = self._session.rows(f"{_SELECT}{where} ORDER BY id DESC LIMIT ?", (*given.values(), limit))
        return [_row(each) for each in found]

    def flows(self, tenant: TenantId | None) -> Sequence[str]:
        """Return the flows of which there are runs; of one tenant by a step in the index for each."""
        if tenant is None:
            return [flow for (flow,) in self._session.rows("SELECT DISTINCT flow FROM flow_runs")]
        found = self._session.rows(
            "WITH RECURSIVE each_flow (flow) AS ("
            "SELECT min(flow) FROM flow_runs WHERE tenant = ? UNION ALL "
            "SELECT (SELECT min(flow) FROM flow_runs WHERE tenant = ? AND flow > each_flow.flow) "
            "FROM each_flow WHERE flow IS NOT NULL"
            ") SELECT flow FROM each_flow WHERE flow IS NOT NULL",
            (tenant, tenant),
        )
        return [flow for (flow,) in found]

    def cancels(self, owner: str) -> Sequence[RunId]:
        """Return what this worker is to stop."""
        found = self._session.rows(
            "SELECT id FROM flow_runs WHERE owner = ? AND cancel_requested = 1 AND status = 'running'", (owner,)
        )
        return [RunId(run) for (run,) in found]

    def cached(self, key: str, now: int) -> StepOutcome | None:
        """Return an outcome of the step cache."""
        found = self._session.rows(
            "SELECT data FROM flow_step_cache WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)", (key, now)
        )
        return unpacked(found[0][0], _outcome) if found else None

    def cache(self, key: str, outcome: bytes, *, expires_at: int | None, now: int) -> None:
        """Keep an outcome in the step cache, instead of an older one."""
        self._session.run(
            "INSERT INTO flow_step_cache (key, expires_at, created_at, data) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO "
            "UPDATE SET expires_at = excluded.expires_at, created_at = excluded.created_at, data = excluded.data",
            (key, expires_at, now, outcome),
        )

    def tidy_cache(self, most: int, now: int) -> None:
        """Drop what has expired from the step cache, and the oldest of what is too much."""
        self._session.run("DELETE FROM flow_step_cache WHERE expires_at <= ?", (now,))
        excess = self._session.rows("SELECT count(*) FROM flow_step_cache")[0][0] - most
        if excess > 0:
            self._session.run(
                "DELETE FROM flow_step_cache WHERE key IN "
                "(SELECT key FROM flow_step_cache ORDER BY created_at, key LIMIT ?)",
                (excess,),
            )

    def queued(self) -> int:
        """Return how many wait."""
        return self._session.rows("SELECT count(*) FROM flow_runs WHERE status = 'queued'")[0][0]


def _row(values: tuple[Any, ...]) -> RunRow:
    return RunRow(
        id=values[0],
        tenant=values[1],
        flow=values[2],
        status=RunStatus(values[3]),
        priority=values[4],
        created_at=values[5],
        queue_key=values[6],
        max_runs=values[7],
        auto_resume=bool(values[8]),
        strict=bool(values[9]),
        owner=values[10],
        epoch=values[11],
        lease_until=values[12],
        wake_at=values[13],
        cancel_requested=bool(values[14]),
        events=values[15],
        updated_at=values[16],
        calls_back=bool(values[17]),
        takeovers=values[18],
    )


def _inserted(row: RunRow) -> tuple[Any, ...]:
    return (
        row.id,
        row.tenant,
        row.flow,
        row.status.value,
        row.priority,
        row.created_at,
        row.queue_key,
        row.max_runs,
        int(row.auto_resume),
        int(row.strict),
        row.owner,
        row.epoch,
        row.lease_until,
        row.wake_at,
        int(row.cancel_requested),
        row.events,
        row.updated_at,
        int(row.calls_back),
        row.takeovers,
        row.ready_at,
    )


def _updated(row: RunRow) -> tuple[Any, ...]:
    return (
        row.status.value,
        row.owner,
        row.epoch,
        row.lease_until,
        row.wake_at,
        int(row.cancel_requested),
        row.events,
        row.updated_at,
        row.takeovers,
        row.ready_at,
        row.id,
    )
