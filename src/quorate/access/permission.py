"""What can be permitted, and which scopes of a key permit it."""

from enum import StrEnum


class Permission(StrEnum):
    """One thing that a route does; every route names exactly one."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    MODELS_READ = "models.read"
    RUNS_READ = "runs.read"
    FEEDBACK_WRITE = "feedback.write"
    FLOWS_RUN = "flows.run"
    FLOWS_READ = "flows.read"
    SELF_READ = "self.read"
    KEYS_READ = "keys.read"
    KEYS_WRITE = "keys.write"
    TENANTS_READ = "tenants.read"
    TENANTS_WRITE = "tenants.write"
    METRICS_READ = "metrics.read"
    STATUS_READ = "status.read"


class Scope(StrEnum):
    """What a key is for; `admin` is everything within the key's tenant."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    RUNS = "runs"
    FLOWS = "flows"
    METRICS = "metrics"
    ADMIN = "admin"


#: What any key may do, whatever its scopes: ask who it is.
_ANY_KEY = frozenset({Permission.SELF_READ})

GRANTS: dict[Scope, frozenset[Permission]] = {
    # Who asks is who sees whether the answer was right.
    Scope.CHAT: frozenset({Permission.CHAT, Permission.MODELS_READ, Permission.FEEDBACK_WRITE}) | _ANY_KEY,
    Scope.EMBEDDINGS: frozenset({Permission.EMBEDDINGS, Permission.MODELS_READ}) | _ANY_KEY,
    Scope.RUNS: frozenset({Permission.RUNS_READ, Permission.FEEDBACK_WRITE}) | _ANY_KEY,
    # Who runs a flow follows the run.
    Scope.FLOWS: frozenset({Permission.FLOWS_RUN, Permission.FLOWS_READ, Permission.RUNS_READ}) | _ANY_KEY,
    Scope.METRICS: frozenset({Permission.METRICS_READ, Permission.STATUS_READ}) | _ANY_KEY,
    Scope.ADMIN: frozenset(Permission),
}

#: What concerns all tenants at once; no scope grants it outside the operator's own tenant.
OPERATOR_ONLY = frozenset(
    {Permission.TENANTS_READ, Permission.TENANTS_WRITE, Permission.METRICS_READ, Permission.STATUS_READ}
)
