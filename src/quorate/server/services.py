"""What the handlers work with: wired up once, shared by all requests of a process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quorate.access.budgets import Budgets
from quorate.access.key_ring import KeyRing
from quorate.access.rate_limiter import RateLimiter
from quorate.config.defaults_section import Defaults
from quorate.config.server_section import ServerSection
from quorate.config.telemetry_section import MetricsAccess
from quorate.core.clock import Clock
from quorate.core.errors import NotFound
from quorate.engine.catalog import MOST_UNLISTED, Catalog
from quorate.engine.learned_trust import LearnedTrust
from quorate.resilience.gates import Gates
from quorate.server.relays import Relays
from quorate.storage.database import Database
from quorate.storage.writer import RunWriter
from quorate.telemetry.logs import RequestLog
from quorate.telemetry.metrics import CallMetrics
from quorate.telemetry.tracing import Tracing

if TYPE_CHECKING:
    from quorate.flows.flows import Flows
    from quorate.server.flow_runs import FlowRuns


@dataclass(slots=True, kw_only=True)
class Services:
    """A live object: the parts of a running gateway.

    `keys` `None` means that no key is needed, `budgets` `None` that there are none. `draining` is set by SIGTERM: what
    runs is finished, nothing new begins; `ending` is set soon after, and ends the streams that only follow something.
    `in_flight` counts the calls under way, `other_work` what other routes have to finish. `settings` are the gateway's
    own.
    `flows` are `None` where there is no folder with any, `flow_runs` the runs that this process works at. `gates` are
    those before the providers. `trust` is what is known of models.
    `render_metrics` gives the text of the metrics and its content type, for whom the header `Accept` describes.
    `storage_check` is the look at the database that is under way, or the last one.
    """

    settings: ServerSection
    catalog: Catalog
    defaults: Defaults
    database: Database
    keys: KeyRing | None
    limiter: RateLimiter
    writer: RunWriter
    clock: Clock
    relays: Relays
    gates: Gates = field(default_factory=Gates)
    trust: LearnedTrust = field(default_factory=LearnedTrust)
    budgets: Budgets | None = None
    flows: "Flows | None" = None
    flow_runs: "FlowRuns | None" = None
    metrics: CallMetrics | None = None
    metrics_access: MetricsAccess = MetricsAccess.KEY
    tracing: Tracing | None = None
    render_metrics: Callable[[str], tuple[bytes, str]] | None = None
    request_log: RequestLog | None = None
    keeps_texts: bool = False
    draining: bool = False
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    storage_check: asyncio.Future[str] | None = None
    other_work: int = 0
    _in_flight: int = 0
    _providers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def in_flight(self) -> int:
        """How many calls are under way."""
        return self._in_flight

    @property
    def busy(self) -> bool:
        """Whether anything is under way that a drain waits for."""
        return self._in_flight > 0 or self.other_work > 0

    def enter(self) -> None:
        """A call begins."""
        self._in_flight += 1
        if self.metrics is not None:
            self.metrics.in_flight += 1

    def leave(self) -> None:
        """A call is over."""
        self._in_flight -= 1
        if self.metrics is not None:
            self.metrics.in_flight -= 1

    def provider_of(self, model: str) -> str:
        """Return where a model of the catalog runs; empty if that is not known."""
        provider = self._providers.get(model)
        if provider is None:
            if len(self._providers) > MOST_UNLISTED:
                self._providers.clear()
            try:
                provider = self.catalog.card(model).provider
            except NotFound:
                provider = ""
            self._providers[model] = provider
        return provider
