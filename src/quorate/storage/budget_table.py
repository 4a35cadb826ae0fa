"""The tables of budgets: how they stand, and what requests under way hold of them."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from quorate.model.budget import BudgetBook, Claim, Hold, Reserved, Standing
from quorate.model.ledger import LedgerLine, release
from quorate.storage.budget_batch import BudgetBatch, BudgetStep
from quorate.storage.bulk import BulkInsert
from quorate.storage.connections import Connections
from quorate.storage.errors import StorageUnavailable, told
from quorate.storage.run_rows import PostgresForm, RowForm, SqliteForm, ledger_row
from quorate.storage.schema import budget_books, budget_holds, ledger
from quorate.storage.upsert import insert_or

#: Books of windows that are over are forgotten after so long; their lines in the ledger stay.
_KEPT = timedelta(days=7)
_SWEPT_ROWS = 500
#: In one transaction: as many as wait, up to this.
_MOST_STEPS = 128

_Held = Row[tuple[str, str, str, str | None, int]]
_HELD = select(
    budget_holds.c.book,
    budget_holds.c.run_id,
    budget_holds.c.tenant,
    budget_holds.c.key_id,
    budget_holds.c.amount_microusd,
)


class BudgetTable:
    """Counts budgets in the database, and writes what happens into its ledger in the same transaction. Blocking.

    Whoever changes a book or what is held of it has locked the book's row, several in the order of their ids: so two
    requests never see the same room, and never wait for each other in a circle. What waits at one moment is done in
    one transaction: it costs little more than a single step.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._queue: deque[BudgetStep] = deque()
        self._turn = Lock()
        self._form: RowForm = SqliteForm() if connections.is_sqlite else PostgresForm()
        dialect = connections.engine.dialect
        self._ledger = BulkInsert(ledger, dialect)
        self._new_book = insert_or(budget_books, dialect).on_conflict_do_nothing(index_elements=["id"])

    def queue(self, step: BudgetStep) -> None:
        """Have a step done with the next transaction, whoever begins it; to see it done, call `finish`. Any thread."""
        self._queue.append(step)

    def finish(self, step: BudgetStep) -> Reserved | None:
        """Return how a queued step ended: done here, with all others that are queued, or by another thread before."""
        with self._turn:
            while not step.done:
                queued = [self._queue.popleft() for _ in range(min(len(self._queue), _MOST_STEPS))]
                self._do(queued or [step])
        if step.failure is not None:
            raise step.failure
        return step.outcome

    def _do(self, steps: Sequence[BudgetStep]) -> None:
        """Do steps in one transaction; one that the database refuses takes no other with it."""
        try:
            outcomes = self._transact(steps)
        except StorageUnavailable as error:  # it is away for all of them: to find that out takes seconds for each
            for step in steps:
                step.end(failure=error)
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for the step
            if len(steps) == 1:
                steps[0].end(failure=error)
                return
            for step in steps:
                self._do([step])
        else:
            for step, outcome in zip(steps, outcomes, strict=True):
                step.end(outcome)

    def _transact(self, steps: Sequence[BudgetStep]) -> list[Reserved | None]:
        """Do steps one after the other in one transaction; all of them or none."""
        now = max(step.now for step in steps)
        with told("count the budgets"), self._connections.writing() as connection:
            books = self._locked(connection, [claim for step in steps for claim in step.hold.claims], now)
            batch = BudgetBatch(books=dict(books), held={}, written=set())
            settled = [step.hold for step in steps if step.attempts is not None]
            if settled:
                _look_up(connection, settled, batch)
            outcomes = [batch.take(step) for step in steps]
            self._flush(connection, batch)
        return outcomes

    def _flush(self, connection: Connection, batch: BudgetBatch) -> None:
        if batch.given_back:
            connection.execute(_GIVE_BACK, [{"of": book, "by": run} for book, run in sorted(batch.given_back)])
        if batch.holds:
            connection.execute(budget_holds.insert(), list(batch.holds.values()))
        moves = [
            {"of": book, "more_spent": more_spent, "more_reserved": more_reserved}
            for book, (more_spent, more_reserved) in sorted(batch.moved.items())
            if more_spent or more_reserved
        ]
        if moves:
            connection.execute(_MOVE, moves)
        rows = [ledger_row(hold.run, hold.tenant, hold.key_id, line, self._form) for hold, line in batch.lines]
        self._ledger.write(connection, rows)

    def read(self, budget: str, since: datetime | None, now: datetime) -> list[Standing]:
        """Return how the books of a budget stand whose window began at `since`."""
        self.expire(now)
        same = budget_books.c.since.is_(None) if since is None else budget_books.c.since == since
        query = select(budget_books).where(budget_books.c.budget == budget, same).order_by(budget_books.c.id)
        with told("read the budgets"), self._connections.reading() as connection:
            return [
                Standing(
                    book=found["id"],
                    subject=found["subject"],
                    tenant=found["tenant"],
                    spent_microusd=found["spent_microusd"],
                    reserved_microusd=found["reserved_microusd"],
                )
                for found in connection.execute(query).mappings()
            ]

    def expire(self, now: datetime) -> int:
        """Release everything that expired, and forget books of windows long over; return how many were released."""
        due = select(budget_holds.c.book).where(budget_holds.c.expires_at <= now).limit(_SWEPT_ROWS)
        released = 0
        while True:
            with told("release reservations"), self._connections.reading() as connection:
                found = set(connection.execute(due).scalars())
            if not found:
                break
            with told("release reservations"), self._connections.writing() as connection:
                _lock(connection, found)
                released += self._release_due(connection, found, now)
        self._forget(now)
        return released

    def _forget(self, now: datetime) -> None:
        over = (budget_books.c.until < now - _KEPT, budget_books.c.reserved_microusd == 0)
        with told("forget old budgets"), self._connections.reading() as connection:
            any_over = connection.execute(select(budget_books.c.id).where(*over).limit(1)).first()
        if any_over is not None:
            with told("forget old budgets"), self._connections.writing() as connection:
                connection.execute(delete(budget_books).where(*over))

    def _locked(self, connection: Connection, claims: Sequence[Claim], now: datetime) -> Mapping[str, tuple[int, int]]:
        """Lock the books of the claims, made where they are missing; return spent and reserved without what is due."""
        books = {claim.book.id: claim.book for claim in claims}
        ids = sorted(books)
        connection.execute(self._new_book, [_book_row(books[book]) for book in ids])
        found = _lock(connection, ids)
        return _lock(connection, ids) if self._release_due(connection, ids, now) else found

    def _release_due(self, connection: Connection, ids: Iterable[str], now: datetime) -> int:
        """Release what expired of locked books."""
        due = (budget_holds.c.book.in_(list(ids)), budget_holds.c.expires_at <= now)
        found = connection.execute(_HELD.where(*due)).all()
        for book, run, tenant, key_id, amount in found:
            _move(connection, book, spent_microusd=0, reserved_microusd=-amount)
            self._write(connection, run, tenant, key_id, [release(book, amount, now.timestamp())])
        if found:
            connection.execute(delete(budget_holds).where(*due))
        return len(found)

    def _write(
        self, connection: Connection, run: str, tenant: str, key_id: str | None, lines: Sequence[LedgerLine]
    ) -> None:
        self._ledger.write(connection, [ledger_row(run, tenant, key_id, line, self._form) for line in lines])


_GIVE_BACK = delete(budget_holds).where(
    budget_holds.c.book == bindparam("of"), budget_holds.c.run_id == bindparam("by")
)
_MOVE = (
    update(budget_books)
    .where(budget_books.c.id == bindparam("of"))
    .values(
        spent_microusd=budget_books.c.spent_microusd + bindparam("more_spent"),
        reserved_microusd=budget_books.c.reserved_microusd + bindparam("more_reserved"),
    )
)


def _move(connection: Connection, book: str, *, spent_microusd: int, reserved_microusd: int) -> None:
    connection.execute(_MOVE, {"of": book, "more_spent": spent_microusd, "more_reserved": reserved_microusd})


def _lock(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[int, int]]:
    query = (
        select(budget_books.c.id, budget_books.c.spent_microusd, budget_books.c.reserved_microusd)
        .where(budget_books.c.id.in_(list(ids)))
        .order_by(budget_books.c.id)
        .with_for_update()
    )
    return {book: (spent_microusd, reserved) for book, spent_microusd, reserved in connection.execute(query)}


def _look_up(connection: Connection, holds: Sequence[Hold], batch: BudgetBatch) -> None:
    """Tell a batch what the runs hold that are to be settled, and which of their attempts have lines."""
    runs = sorted({hold.run for hold in holds})
    ids = sorted({claim.book.id for hold in holds for claim in hold.claims})
    for book, run, _, _, amount in connection.execute(
        _HELD.where(budget_holds.c.run_id.in_(runs), budget_holds.c.book.in_(ids))
    ):
        batch.held[book, run] = amount
    query = select(ledger.c.run_id, ledger.c.book, ledger.c.position).where(
        ledger.c.run_id.in_(runs), ledger.c.book.in_(ids), ledger.c.position > 0
    )
    batch.written |= {(run, book, position) for run, book, position in connection.execute(query)}


def _book_row(book: BudgetBook) -> dict[str, object]:
    return {
        "id": book.id,
        "budget": book.budget,
        "subject": book.subject,
        "tenant": book.tenant,
        "since": book.since,
        "until": book.until,
        "spent_microusd": 0,
        "reserved_microusd": 0,
    }
