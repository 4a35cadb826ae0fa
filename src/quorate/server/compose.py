"""The gateway's composition root: from settings to services, and what runs beside the requests."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from quorate import __version__
from quorate.access.budget_notice import BudgetNotice
from quorate.access.budgets import Budgets
from quorate.access.key_ring import KeyRing
from quorate.access.local_budgets import LocalBudgets
from quorate.access.mint import Minted, mint
from quorate.access.permission import Scope
from quorate.access.principal import OPERATOR
from quorate.access.rate_limiter import RateLimiter
from quorate.access.stored_budgets import StoredBudgets
from quorate.config.build import Built, build
from quorate.config.data_folder import data_folder, database_url
from quorate.config.flows_folder import flows_folder
from quorate.config.load import Settings
from quorate.config.secret_reference import fetch_secret
from quorate.config.server_section import Auth
from quorate.config.storage_section import BudgetsKept, RetentionSection
from quorate.config.telemetry_section import LogLevel, TracingSection
from quorate.core.clock import Clock, SystemClock
from quorate.core.daemon_threads import in_own_thread
from quorate.core.tasks import background
from quorate.engine.label_follower import LabelFollower
from quorate.engine.learned_trust import LearnFrom
from quorate.server.asking import AD_HOC
from quorate.server.embeddings import HASHED
from quorate.server.flow_metrics import watch_flows
from quorate.server.gate_metrics import gate_values
from quorate.server.relays import Relays
from quorate.server.services import Services
from quorate.server.webhooks import Webhooks, open_webhooks
from quorate.storage.database import Database
from quorate.storage.redact import Redactor
from quorate.storage.rows import TenantRow
from quorate.storage.writer import RunWriter
from quorate.telemetry import names
from quorate.telemetry.logs import Logs, RequestLog, configure_logs
from quorate.telemetry.metrics import CallMetrics
from quorate.telemetry.metrics_share import SharedMetrics
from quorate.telemetry.redaction import Redactor as SpanRedactor
from quorate.telemetry.tracing import Tracing

if TYPE_CHECKING:
    from quorate.flows.flows import Flows
    from quorate.model.budget import BudgetStore
    from quorate.resilience.gates import Gates
    from quorate.resilience.shared_circuits import SharedCircuits

_log = logging.getLogger(__name__)
_PURGE_EVERY_S = 3600.0
_FLUSH_S = 10.0
_DRAIN_S = 3.0
#: Request lines are for information: who wants warnings only, gets none.
_TELLS_REQUESTS = frozenset({LogLevel.DEBUG, LogLevel.INFO})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Services, and what was built for them; `first_key` is the admin key made at the very first start.

    `circuits` link this process with others; `None` without Redis. `webhooks` send while the gateway runs. `labels` is
    what learns from labels.
    """

    services: Services
    built: Built
    logs: Logs
    first_key: Minted | None
    webhooks: Webhooks
    labels: LabelFollower
    circuits: "SharedCircuits | None" = None


def open_gateway(settings: Settings, *, clock: Clock | None = None, metrics_folder: Path | None = None) -> Opened:
    """Return the services of one process. Blocking: files, the database and its migration, recorded answers.

    Raises `Misconfigured` for what cannot be used. At the very first start an admin key is made; it is never shown
    again. `metrics_folder` is where several workers add up their numbers.
    """
    clock = clock or SystemClock()
    built = build(settings)
    with ExitStack() as undo:
        logs = start_logs(settings, built)  # first: whatever is opened may have something to say
        undo.callback(logs.close, 1.0)
        database = Database.open(database_url(settings), clock=clock)
        undo.callback(database.close)
        opened = _opened(settings, built, logs, database, clock, metrics_folder)
        undo.pop_all()
    return opened


def _opened(
    settings: Settings, built: Built, logs: Logs, database: Database, clock: Clock, metrics_folder: Path | None
) -> Opened:
    config = settings.config
    keys = KeyRing(database.keys, clock) if config.server.auth is Auth.KEYS else None
    limits = config.rate_limits
    retention = config.storage.retention
    redis_url = _redis_url(settings)
    webhooks = open_webhooks(settings, clock)
    services = Services(
        settings=config.server,
        catalog=built.catalog,
        defaults=built.defaults,
        database=database,
        keys=keys,
        limiter=RateLimiter(
            per_key=limits.per_key.allowance(),
            per_tenant=limits.per_tenant.allowance(),
            models={name: section.allowance() for name, section in limits.models.items()},
            redis_url=redis_url,
            clock=clock,
        ),
        writer=RunWriter(
            database.runs,
            queue_size=config.storage.queue_size,
            redact=Redactor(built.secrets) if retention.redact else None,
            clock=clock,
            spill=database.spill(None if database.file is not None else data_folder(settings.environ)),
        ),
        clock=clock,
        relays=Relays(built.catalog),
        gates=built.gates,
        trust=built.trust,
        flows=_flows(built, clock),
        budgets=open_budgets(settings, database, clock, webhooks.notify_of_budget),
        metrics=CallMetrics(clock, version=__version__) if config.telemetry.metrics.enabled else None,
        metrics_access=config.telemetry.metrics.access,
        tracing=_tracing(config.telemetry.tracing, built),
        keeps_texts=retention.texts,
    )
    _observe(services, settings, logs, metrics_folder)
    if services.flows is not None:
        _offer_flows(services, services.flows)
    circuits = None if redis_url is None else _shared_circuits(redis_url, built.gates, clock)
    first_key = None
    if keys is not None:
        # When nothing can fail any more: a key that was made and not shown is lost, and no other would be made.
        first_key = first_admin_key(database, clock)
        keys.refresh()
    return Opened(
        services=services,
        built=built,
        logs=logs,
        first_key=first_key,
        labels=LabelFollower(built.trust, database.feedback),
        circuits=circuits,
        webhooks=webhooks,
    )


def _flows(built: Built, clock: Clock) -> "Flows | None":
    if flows_folder(built.settings) is None:
        return None
    # slow: 200 ms for executors and the compiler, which a gateway without flows does without
    from quorate.config.flows_setup import open_flows  # noqa: PLC0415

    return open_flows(built, clock)


def _offer_flows(services: Services, flows: "Flows") -> None:
    """Have flows run by requests, and be models."""
    # slow: as above
    from quorate.flows.flow_model import flow_models  # noqa: PLC0415
    from quorate.server.flow_runs import FlowRuns  # noqa: PLC0415

    services.flow_runs = FlowRuns(services, flows)
    services.catalog.mount(flow_models(flows))
    if services.metrics is not None:
        services.metrics.know((AD_HOC, HASHED, *(card.name for card in services.catalog.cards())))


def _shared_circuits(url: str, gates: "Gates", clock: Clock) -> "SharedCircuits":
    # slow: 100 ms for the client of Redis, an extra that most gateways do without
    from quorate.resilience.shared_circuits import SharedCircuits  # noqa: PLC0415

    return SharedCircuits(url, gates, clock)


def open_budgets(
    settings: Settings, database: Database, clock: Clock, notify: Callable[[BudgetNotice], None] | None = None
) -> Budgets | None:
    """Return who looks after the configured budgets; `None` without any."""
    rules = [section.rule(name) for name, section in settings.config.budgets.items()]
    if not rules:
        return None
    store: BudgetStore
    match settings.config.storage.budgets:
        case BudgetsKept.DATABASE:
            store = StoredBudgets(database.budgets)
        case BudgetsKept.MEMORY:
            store = LocalBudgets()
        case BudgetsKept.REDIS:
            # slow: 100 ms for the client of Redis, an extra that most gateways do without
            from quorate.access.shared_budgets import SharedBudgets  # noqa: PLC0415

            url = _redis_url(settings)
            assert url is not None  # the configuration was checked
            store = SharedBudgets(url)
    return Budgets(rules, store, clock, notify=notify)


def start_logs(settings: Settings, built: Built) -> Logs:
    """Send the log lines of the whole process through one pipeline, secrets taken out."""
    section = settings.config.telemetry.logs
    return configure_logs(section.format.value, section.level.value, built.secrets)


def _tracing(section: TracingSection, built: Built) -> Tracing | None:
    if not section.enabled:
        return None
    return Tracing(
        endpoint=section.endpoint,
        service=section.service,
        ids=random.Random(),
        sample=section.sample,
        version=__version__,
        redact=SpanRedactor(built.secrets),
        kinds={name: setup.kind for name, setup in built.providers.items()},
    )


def _redis_url(settings: Settings) -> str | None:
    reference = settings.config.rate_limits.redis
    if reference is None:
        return None
    path = ("rate_limits", "redis")
    where = f"{settings.origin(*path).where}: rate_limits.redis"
    found = fetch_secret(reference, settings.environ, where=where, resolve=lambda file: settings.resolved(file, *path))
    return found.reveal()


def _observe(services: Services, settings: Settings, logs: Logs, metrics_folder: Path | None) -> None:
    """Have requests counted and told."""
    telemetry = settings.config.telemetry
    if services.metrics is not None:
        _watch(services, services.metrics, logs)
        shared = services.metrics if metrics_folder is None else SharedMetrics(services.metrics, metrics_folder)
        services.render_metrics = shared.render
    if telemetry.logs.requests and telemetry.logs.level in _TELLS_REQUESTS:
        services.request_log = RequestLog(logs, services.clock)


def _watch(services: Services, metrics: CallMetrics, logs: Logs) -> None:
    """Have the metrics read what others count."""
    metrics.know((AD_HOC, HASHED, *(card.name for card in services.catalog.cards())))
    writer, limiter, keys, tracing = services.writer, services.limiter, services.keys, services.tracing
    metrics.watch(names.RECORDS_WAITING, lambda: writer.waiting)
    metrics.watch(names.RECORDS_WRITTEN, lambda: writer.written)
    metrics.watch(names.RECORD_FAILURES, lambda: writer.failures)
    metrics.watch(names.RECORDS_REFUSED, lambda: writer.refused)
    metrics.watch(names.TEXTS_DROPPED, lambda: writer.texts_dropped)
    metrics.watch(names.LIMITS_DEGRADED, lambda: limiter.away)
    metrics.watch(names.LOG_LINES_DROPPED, lambda: logs.dropped)
    metrics.watch_each(lambda: gate_values(services.gates.status(services.clock.monotonic()), services.catalog.cards()))
    watch_flows(services.flows, metrics)
    if tracing is not None:
        metrics.watch(names.TRACES_DROPPED, lambda: tracing.dropped)
    if keys is not None:
        metrics.watch(names.KEYS, lambda: len(keys))


def first_admin_key(database: Database, clock: Clock) -> Minted | None:
    """Make the operator's tenant and its first admin key if there is no key at all; of several processes, one does."""
    if database.keys.count():
        return None
    minted = mint(clock, tenant=OPERATOR, name="first admin key", scopes=frozenset({Scope.ADMIN}))
    tenant = TenantRow(id=OPERATOR, name="operator", created_at=clock.now())
    return minted if database.keys.add_first(minted.row, tenant) else None


@asynccontextmanager
async def running(opened: Opened, settings: Settings) -> AsyncGenerator[Services]:
    """Run what works beside the requests; on leaving, flush the records and close everything."""
    services = opened.services
    async with AsyncExitStack() as stack:
        # Each that blocks in a thread of its own: those that all share may be waiting for a database that hangs.
        stack.push_async_callback(in_own_thread, opened.logs.close, _FLUSH_S)  # last: the others log while they end
        stack.push_async_callback(opened.built.close)
        stack.push_async_callback(in_own_thread, services.database.close)
        stack.push_async_callback(in_own_thread, opened.labels.close)
        if services.trust.learns_from is not LearnFrom.OFF:
            opened.labels.start()
        stack.push_async_callback(services.limiter.close)
        if services.budgets is not None:
            stack.push_async_callback(_closed, "budgets", services.budgets.close)
        if services.tracing is not None:
            stack.push_async_callback(in_own_thread, services.tracing.close, _FLUSH_S)
        # Before the traces: a collector that does not answer takes its time, and the process may be killed meanwhile.
        stack.push_async_callback(in_own_thread, services.writer.close, _FLUSH_S)
        if services.keys is not None:
            await stack.enter_async_context(background(services.keys.watch()))
        await stack.enter_async_context(background(services.limiter.watch()))
        if opened.circuits is not None:
            stack.push_async_callback(opened.circuits.close)
            await stack.enter_async_context(background(opened.circuits.watch()))
        if services.flows is not None:
            stack.push_async_callback(_closed, "flows", services.flows.close)
            work = None if services.flow_runs is None else services.flow_runs.work
            await stack.enter_async_context(services.flows.serving(work))
        stack.push_async_callback(opened.webhooks.close)
        for webhook in opened.webhooks.webhooks.values():
            await stack.enter_async_context(background(webhook.run()))
            stack.push_async_callback(webhook.drain, _DRAIN_S)
        if services.budgets is not None:
            await stack.enter_async_context(background(services.budgets.watch()))
        await stack.enter_async_context(background(_purge(services, settings)))
        yield services


async def _closed(what: str, close: Callable[[], Awaitable[None]]) -> None:
    """Close what may have to wait for a database, for so long only as records wait for it."""
    try:
        async with asyncio.timeout(_FLUSH_S):
            await close()
    except TimeoutError:
        _log.warning("the %s were not closed within %g s; they are left as they are", what, _FLUSH_S)


async def _purge(services: Services, settings: Settings) -> None:
    """Delete what is older than it may get, every hour."""
    ending = Event()
    try:
        while True:
            await _delete_old(services, settings.config.storage.retention, ending)
            await asyncio.sleep(_PURGE_EVERY_S)
    finally:
        ending.set()  # a thread goes on when nobody waits for it any more, and the process does not end before it


async def _delete_old(services: Services, retention: RetentionSection, ending: Event) -> None:
    database, now = services.database, services.clock.now()
    try:
        await asyncio.to_thread(database.runs.purge, now, retention.runs_days, retention.texts_days, ending)
        await asyncio.to_thread(database.answers.purge, now)
    except Exception:  # noqa: BLE001 - whatever a driver raises, the next hour brings another try
        _log.warning("old records could not be deleted; the next try is in an hour", exc_info=True)
