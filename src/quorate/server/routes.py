"""All routes of the gateway, and the only list of those that are open to everybody."""

from quorate.config.telemetry_section import MetricsAccess
from quorate.server import (
    budgets_api,
    costs_api,
    feedback_api,
    flow_runs_api,
    flows_api,
    health,
    keys_api,
    models_api,
    reference_api,
    runs_api,
    status_api,
    tenants_api,
)
from quorate.server.route import Route

#: Whoever reaches the port may ask for these; a test compares this list with the tables. `/metrics` joins it only
#: where the configuration opens it.
OPEN_ROUTES = frozenset({"/", "/docs", "/errors/{code}", "/healthz", "/openapi.json", "/readyz", "/schema/flow.json"})


def all_routes(metrics: MetricsAccess = MetricsAccess.KEY) -> tuple[Route, ...]:
    """Return every route that the router answers."""
    return (
        *health.routes(metrics),
        *models_api.ROUTES,
        *runs_api.ROUTES,
        *flow_runs_api.ROUTES,
        *feedback_api.ROUTES,
        *costs_api.ROUTES,
        *budgets_api.ROUTES,
        *keys_api.ROUTES,
        *tenants_api.ROUTES,
        *status_api.ROUTES,
        *reference_api.ROUTES,
        *flows_api.ROUTES,  # last: the short paths of flows stand behind all others
    )
