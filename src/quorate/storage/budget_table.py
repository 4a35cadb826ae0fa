"""The tables of budgets: how they stand, and what requests under way hold of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from quorate.core.errors import Conflict
from quorate.model.budget import BudgetBook, Claim, Hold, Reserved, Standing
from quorate.model.ledger import LedgerLine, release, reservation, settlement, spent
from quorate.storage.bulk import BulkInsert
from quorate.storage.connections import Connections
from quorate.storage.errors import told
from quorate.storage.run_rows import PostgresForm, RowForm, SqliteForm, ledger_row
from quorate.storage.schema import budget_books, budget_holds, ledger
from quorate.storage.upsert import insert_or

#: Books of windows that are over are forgotten after so long; their lines in the ledger stay.
_KEPT = timedelta(days=7)
_SWEPT_ROWS = 500

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
    requests never see the same room, and never wait for each other in a circle.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._form: RowForm = SqliteForm() if connections.is_sqlite else PostgresForm()
        dialect = connections.engine.dialect
        self._ledger = BulkInsert(ledger, dialect)
        self._new_book = insert_or(budget_books, dialect).on_conflict_do_nothing(index_elements=["id"])

    def reserve(self, hold: Hold, now: datetime) -> Reserved:
        """Reserve every claim, or none if one of a hard book does not fit."""
        with told("reserve the budget"), self._connections.writing() as connection:
            books = self._locked(connection, hold.claims, now)
            standings = tuple(_standing(claim.book, books) for claim in hold.claims)
            for position, (claim, standing) in enumerate(zip(hold.claims, standings, strict=True)):
                taken = standing.spent_microusd + standing.reserved_microusd + claim.amount_microusd
                if claim.book.hard and taken > claim.book.limit_microusd:
                    return Reserved(standings=standings, refused_by=position)
            self._hold(connection, hold, now)
        return Reserved(
            standings=tuple(
                Standing(
                    book=standing.book,
                    subject=standing.subject,
                    tenant=standing.tenant,
                    spent_microusd=standing.spent_microusd,
                    reserved_microusd=standing.reserved_microusd + claim.amount_microusd,
                )
                for claim, standing in zip(hold.claims, standings, strict=True)
            )
        )

    def settle(self, hold: Hold, attempts: Sequence[LedgerLine], now: datetime) -> None:
        """Charge attempts to the books of the hold, write their lines, release the rest; once more changes nothing."""
        at_s = now.timestamp()
        with told("settle the budget"), self._connections.writing() as connection:
            self._locked(connection, hold.claims, now)
            ids = [claim.book.id for claim in hold.claims]
            held = {
                book: amount
                for book, _, _, _, amount in connection.execute(
                    _HELD.where(budget_holds.c.book.in_(ids), budget_holds.c.run_id == hold.run)
                )
            }
            written = _settled(connection, hold, ids)
            lines = list(attempts)
            for claim in hold.claims:
                book, amount = claim.book.id, held.get(claim.book.id, 0)
                new = [line for line in claim.of(attempts) if (book, line.position) not in written]
                moved = settlement(book, amount, new, at_s)
                _move(connection, book, spent_microusd=spent(moved), reserved_microusd=-amount)
                lines += moved
            connection.execute(
                delete(budget_holds).where(budget_holds.c.book.in_(ids), budget_holds.c.run_id == hold.run)
            )
            self._write(connection, hold.run, hold.tenant, hold.key_id, lines)

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
        connection.execute(self._new_book, [_book_row(claim.book) for claim in claims])
        ids = [claim.book.id for claim in claims]
        found = _lock(connection, ids)
        return _lock(connection, ids) if self._release_due(connection, ids, now) else found

    def _hold(self, connection: Connection, hold: Hold, now: datetime) -> None:
        rows = [
            {
                "book": claim.book.id,
                "run_id": hold.run,
                "tenant": hold.tenant,
                "key_id": hold.key_id,
                "amount_microusd": claim.amount_microusd,
                "expires_at": hold.expires_at,
            }
            for claim in hold.claims
        ]
        connection.execute(budget_holds.insert(), rows)
        for claim in hold.claims:
            _move(connection, claim.book.id, spent_microusd=0, reserved_microusd=claim.amount_microusd)
        at_s = now.timestamp()
        lines = [reservation(claim.book.id, claim.amount_microusd, at_s) for claim in hold.claims]
        self._write(connection, hold.run, hold.tenant, hold.key_id, lines)

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


def _settled(connection: Connection, hold: Hold, ids: Sequence[str]) -> set[tuple[str, int]]:
    """Return the attempts, by book and position, that have lines already."""
    query = select(ledger.c.book, ledger.c.position).where(
        ledger.c.run_id == hold.run, ledger.c.book.in_(list(ids)), ledger.c.position > 0
    )
    return {(book, position) for book, position in connection.execute(query)}


def _standing(book: BudgetBook, books: Mapping[str, tuple[int, int]]) -> Standing:
    if book.id not in books:
        raise Conflict(f"the budget {book.id!r} is gone")  # forgotten within this very moment, a week after its end
    spent_microusd, reserved = books[book.id]
    return Standing(
        book=book.id,
        subject=book.subject,
        tenant=book.tenant,
        spent_microusd=spent_microusd,
        reserved_microusd=reserved,
    )


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
