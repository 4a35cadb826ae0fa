"""Which servers there are for tests. One more (a browser, say) is one more entry and one more fixture."""

from typing import Any

from postgres_service import PostgresServer, start_postgres
from redis_service import RedisServer, start_redis
from services import Kind

POSTGRES = Kind(
    name="PostgreSQL",
    variable="QUORATE_TEST_POSTGRES_URL",
    programs=(("initdb", "postgres"),),
    package="postgresql",
    start=start_postgres,
    connect=lambda url: PostgresServer(url=url),
)
REDIS = Kind(
    name="Redis",
    variable="QUORATE_TEST_REDIS_URL",
    programs=(("redis-server",), ("valkey-server",)),
    package="redis-server",
    start=start_redis,
    connect=lambda url: RedisServer(url=url),
)
KINDS: tuple[Kind[Any], ...] = (POSTGRES, REDIS)
#: Fixture -> what it needs, so that servers are started before the first test and not inside its time limit.
FIXTURES: dict[str, Kind[Any]] = {"postgres_url": POSTGRES, "redis_url": REDIS}
