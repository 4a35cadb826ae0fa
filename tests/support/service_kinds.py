"""Which servers there are for tests. One more (a browser, say) is one more entry and one more fixture."""

from typing import Any

from postgres_service import PostgresServer, start_postgres
from redis_service import RedisServer, start_redis
from services import Kind
from tesseract_program import TesseractProgram

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
#: No server, but found, installed and named in the same way.
TESSERACT = Kind(
    name="Tesseract",
    variable="QUORATE_TEST_TESSERACT",
    programs=(("tesseract",),),
    package="tesseract-ocr",
    start=lambda folder: TesseractProgram(path=str(folder / "tesseract")),
    connect=lambda path: TesseractProgram(path=path),
)
KINDS: tuple[Kind[Any], ...] = (POSTGRES, REDIS, TESSERACT)
#: Fixture -> what it needs, so that servers are started before the first test and not inside its time limit.
FIXTURES: dict[str, Kind[Any]] = {"postgres_url": POSTGRES, "redis_url": REDIS, "tesseract": TESSERACT}
