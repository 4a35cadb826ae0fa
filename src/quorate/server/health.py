"""Whether the process lives, whether it can work, and its metrics."""

import asyncio

import msgspec

from quorate.access.permission import Permission
from quorate.config.telemetry_section import MetricsAccess
from quorate.core.daemon_threads import DaemonThreads, in_own_thread
from quorate.core.errors import NotFound
from quorate.server.route import Answer, Exchange, Route
from quorate.server.services import Services
from quorate.storage.database import Database


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`ok`, or why not."""

    status: str
    checks: dict[str, str] = {}


async def healthz(exchange: Exchange) -> Answer:
    """Return that the process is alive; asks nothing else."""
    del exchange
    return Answer(value=Health(status="ok"))


async def readyz(exchange: Exchange) -> Answer:
    """Return whether work can be taken: the storage answers, its schema is current, no shutdown is under way."""
    services = exchange.services
    checks = {"draining": "yes" if services.draining else "no", "storage": await _storage(services)}
    ready = checks == {"draining": "no", "storage": "ok"}
    return Answer(value=Health(status="ok" if ready else "not ready", checks=checks), status=200 if ready else 503)


async def _storage(services: Services) -> str:
    """Return how the storage is. Whoever asks while it is being asked waits for the same answer.

    Everybody may ask, and a database that hangs keeps a thread for as long: one, however many ask.
    """
    check = services.storage_check
    if check is None or check.done():
        # Its own thread: those that all others share may be busy with long lists of runs.
        own_thread = DaemonThreads(1, "quorate-ready")
        loop = asyncio.get_running_loop()
        check = services.storage_check = loop.run_in_executor(own_thread, _look_at, services.database)
        own_thread.shutdown(wait=False)  # ends when the look does
    try:
        async with asyncio.timeout(2.0):
            return await asyncio.shield(check)
    except TimeoutError:
        return "does not answer"


def _look_at(database: Database) -> str:
    try:
        database.ping()
        return "ok" if database.revision_is_current() else "not migrated"
    except Exception:  # noqa: BLE001 - whatever a driver raises, it is not reachable; the log of the writer says why
        return "unreachable"


async def metrics(exchange: Exchange) -> Answer:
    """Return the metrics in the format that is asked for.

    In a thread of its own: while a database hangs all others may wait for it, and that is when numbers are wanted.
    """
    found = exchange.services.render_metrics
    if found is None:
        raise NotFound("metrics are switched off (telemetry.metrics.enabled)")
    body, content_type = await in_own_thread(found, exchange.headers.get("accept", ""))
    return Answer(value=body, content_type=content_type)


def routes(access: MetricsAccess) -> tuple[Route, ...]:
    """Return the routes; metrics are open only where the configuration says so."""
    return (
        Route(
            method="GET",
            path="/healthz",
            handler=healthz,
            summary="Is the process alive?",
            permission=None,
            answer=Health,
            tag="operations",
        ),
        Route(
            method="GET",
            path="/readyz",
            handler=readyz,
            summary="Can it take work?",
            permission=None,
            answer=Health,
            tag="operations",
        ),
        Route(
            method="GET",
            path="/metrics",
            handler=metrics,
            summary="Metrics in Prometheus' text format, or in OpenMetrics",
            permission=None if access is MetricsAccess.OPEN else Permission.METRICS_READ,
            tag="operations",
        ),
    )
