"""A private PostgreSQL, and a fresh database in it (or in one that the environment names) for each test."""

import secrets
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from private_server import PrivateServer, free_port, other_account, private_folder, run_as

_USER = "quorate"
# Nothing of it outlives the run, so nothing is made safe for a crash.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
    "timezone": "UTC",
}

_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """Where databases can be made; `private` is None for a server that was running already."""

    url: str
    private: PrivateServer | None = None

    @contextmanager
    def fresh_database(self) -> Generator[str]:
        """The URL of an empty database, which is dropped afterwards with whoever is still connected."""
        name = f"quorate_test_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield self.url_of(name)
        finally:
            self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self) -> None:
        if self.private is not None:
            self.private.stop()

    def _execute(self, statement: str) -> None:
        # slow: 0.1 s, which a run of other tests does not pay
        import psycopg  # noqa: PLC0415

        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement.encode())

    def url_of(self, name: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()


def start_postgres(programs: Path, *, durable: bool = False) -> PostgresServer:
    """A new cluster in a temporary folder, made and served by an ordinary user; about a second.

    `durable`: it syncs its commits, as one that keeps anything does, for measurements.
    """
    owner = other_account()
    folder = private_folder("quorate-pg-", owner)
    password = secrets.token_hex(16)
    secret = folder / "password"
    secret.write_text(password, encoding="ascii")
    data = folder / "data"
    flags = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--username={_USER}"]
    run_as(owner, folder, [str(programs / "initdb"), f"--pgdata={data}", *flags, f"--pwfile={secret}"])
    port = free_port()
    settings = _SETTINGS | (_DURABLE if durable else {}) | {"port": str(port), "unix_socket_directories": str(folder)}
    command = [str(programs / "postgres"), "-D", str(data)]
    command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # SIGQUIT: at once, without writing anything out
    private = PrivateServer.start(folder, command, owner=owner, stop=signal.SIGQUIT)
    server = PostgresServer(url=f"postgresql://{_USER}:{password}@127.0.0.1:{port}/postgres", private=private)
    private.wait_until(lambda: _answers(server.url))
    return server


def _answers(url: str) -> bool:
    # slow: as above
    import psycopg  # noqa: PLC0415

    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
