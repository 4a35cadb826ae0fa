"""A private Redis (or Valkey), emptied before and after each test."""

import secrets
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from private_server import PrivateServer, ServerFailedError, free_port, private_folder

_NAMES = ("redis-server", "valkey-server")


class RedisClient(Protocol):
    """What tests use of the driver, whose own annotations are incomplete."""

    def ping(self) -> bool: ...
    def dbsize(self) -> int: ...
    def flushdb(self) -> bool: ...
    def get(self, name: str) -> bytes | None: ...
    def set(self, name: str, value: str) -> bool | None: ...
    def close(self) -> None: ...


def redis_client(url: str) -> RedisClient:
    # slow: 0.1 s, which a run of other tests does not pay
    import redis  # noqa: PLC0415

    driver: Any = redis.Redis
    return driver.from_url(url, socket_timeout=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Where keys can be kept; `private` is None for a server that was running already."""

    url: str
    private: PrivateServer | None = None

    @contextmanager
    def empty_database(self) -> Generator[str]:
        """The URL of an empty database, which is emptied again. One of somebody else must be empty: nothing is lost."""
        with closing(redis_client(self.url)) as client:
            held = client.dbsize()
            if held and self.private is None:
                raise ServerFailedError(f"the Redis database for tests holds {held} keys; name an empty one")
            client.flushdb()
        try:
            yield self.url
        finally:
            with closing(redis_client(self.url)) as client:
                client.flushdb()

    def stop(self) -> None:
        if self.private is not None:
            self.private.stop()


def start_redis(programs: Path) -> RedisServer:
    """A server that keeps nothing on disk."""
    folder = private_folder("quorate-redis-", None)
    port, password = free_port(), secrets.token_hex(16)
    program = next(programs / name for name in _NAMES if (programs / name).exists())
    settings = folder / "server.conf"
    lines = ("bind 127.0.0.1", f"port {port}", f"requirepass {password}", 'save ""', "appendonly no", f"dir {folder}")
    settings.write_text("\n".join((*lines, f"unixsocket {folder}/redis.sock", "")), encoding="utf-8")
    settings.chmod(0o600)  # the password is not for the list of processes
    private = PrivateServer.start(folder, [str(program), str(settings)])
    server = RedisServer(url=f"redis://:{password}@127.0.0.1:{port}/0", private=private)
    private.wait_until(lambda: _answers(server.url))
    return server


def _answers(url: str) -> bool:
    # slow: as above
    from redis.exceptions import ConnectionError as NotThere  # noqa: PLC0415

    with closing(redis_client(url)) as client:
        try:
            return client.ping()
        except NotThere:
            return False
