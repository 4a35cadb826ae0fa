"""A package that an extra brings, and that is not there: which extra to install."""

from quorate.core.errors import Misconfigured

_SERVER = (
    "alembic",
    "httptools",
    "limits",
    "prometheus_client",
    "python_multipart",
    "sqlalchemy",
    "starlette",
    "structlog",
    "uvicorn",
    "uvloop",
)
#: The name that is imported -> the extra.
_EXTRAS = dict.fromkeys(_SERVER, "server") | {
    "opentelemetry": "otel",
    "psycopg": "postgres",
    "pydantic_monty": "flows",
    "redis": "redis",
}


def not_installed(error: ModuleNotFoundError) -> Misconfigured | None:
    """Return what to tell about a failed import; `None` if no extra would have brought the package."""
    package = (error.name or "").partition(".")[0]
    extra = _EXTRAS.get(package)
    if extra is None:
        return None
    return Misconfigured(f"the package {package} is not installed; install it with: pip install 'quorate[{extra}]'")
