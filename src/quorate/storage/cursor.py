"""Cursors of pages: where a page ended, as a signed text that only this database makes and reads."""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from quorate.core.errors import InvalidRequest
from quorate.storage.columns import EPOCH, microseconds
from quorate.storage.connections import Connections
from quorate.storage.errors import told
from quorate.storage.schema import meta

_SECRET_NAME = "cursor_secret"  # noqa: S105 - the name of a row
_SECRET_BYTES = 32
_TAG_BYTES = 16
_MAX_CHARACTERS = 1000
MAX_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The last row of a page: its time and id."""

    at: datetime
    id: str


class Cursors:
    """Makes and reads cursors. A live object: it reads the secret of the database once, when it first needs it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = Lock()  # protects _secret
        self._secret: bytes | None = None

    def encode(self, kind: str, position: Position) -> str:
        """Return the cursor for a place in lists of this `kind` (`runs`, `keys`). Blocking, the first time."""
        payload = msgspec.json.encode((microseconds(position.at), position.id))
        return base64.urlsafe_b64encode(self._tag(kind, payload) + payload).decode().rstrip("=")

    def decode(self, kind: str, cursor: str) -> Position:
        """Return the place. Raises `InvalidRequest` for a text that this database did not make for this `kind`."""
        try:
            raw = base64.b64decode(_padded(cursor), altchars=b"-_", validate=True)
            if hmac.compare_digest(raw[:_TAG_BYTES], self._tag(kind, raw[_TAG_BYTES:])):
                at, last_id = msgspec.json.decode(raw[_TAG_BYTES:], type=tuple[int, str])
                return Position(at=EPOCH + timedelta(microseconds=at), id=last_id)
        except (binascii.Error, ValueError):
            pass
        raise InvalidRequest(
            f"{cursor[:40]!r} is not a cursor of this list; take `next` from the page before", param="after"
        )

    def _tag(self, kind: str, payload: bytes) -> bytes:
        return hmac.digest(self._key(), kind.encode() + b"\0" + payload, "sha256")[:_TAG_BYTES]

    def _key(self) -> bytes:
        with self._lock:
            if self._secret is None:
                self._secret = self._load()
            return self._secret

    def _load(self) -> bytes:
        query = select(meta.c.data).where(meta.c.name == _SECRET_NAME)
        with told("answer"), self._connections.reading() as connection:
            stored = connection.execute(query).scalar_one_or_none()
        if stored is None:
            self._make()
            with told("answer"), self._connections.reading() as connection:
                stored = connection.execute(query).scalar_one()
        return bytes(stored)

    def _make(self) -> None:
        new = secrets.token_bytes(_SECRET_BYTES)
        try:
            with told("answer"), self._connections.writing() as connection:
                connection.execute(insert(meta).values(name=_SECRET_NAME, data=new))
        except IntegrityError:
            return  # another process made it first: that one counts


def _padded(cursor: str) -> bytes:
    if len(cursor) > _MAX_CHARACTERS:
        raise ValueError(len(cursor))
    return cursor.encode("ascii") + b"=" * (-len(cursor) % 4)


def checked_limit(limit: int) -> int:
    """Return how many rows a page may have; raise `InvalidRequest` unless it is 1 to 1000."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(f"{limit!r} rows cannot be asked for; ask for 1 to {MAX_PAGE}", param="limit")
    return limit
