"""Metrics, traces and logs as configured."""

from enum import StrEnum

from quorate.source.section import BaseUrl, Section, Share


class MetricsAccess(StrEnum):
    """Who may read `/metrics`: whoever has a key with the scope `metrics`, or everybody."""

    KEY = "key"
    OPEN = "open"


class LogFormat(StrEnum):
    """How a log line looks."""

    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    """The least important lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class TracingSection(Section):
    """OpenTelemetry spans, sent to a collector; needs the extra `otel`."""

    enabled: bool = False
    endpoint: BaseUrl = "http://127.0.0.1:4318"
    """The collector's address for OTLP over HTTP."""
    sample: Share = 1.0
    """The share of traces that are kept, for calls whose caller has not decided."""
    service: str = "quorate"
    """The name the spans are sent under."""


class MetricsSection(Section):
    """Prometheus metrics at `/metrics`."""

    enabled: bool = True
    access: MetricsAccess = MetricsAccess.KEY
    """`key`: a key with the scope `metrics` (or `admin`) is needed. `open`: everybody who reaches the port may read."""


class LogsSection(Section):
    """Log lines, on stderr."""

    format: LogFormat = LogFormat.JSON
    level: LogLevel = LogLevel.INFO
    requests: bool = True
    """One line for each request."""


class TelemetrySection(Section):
    """What operators watch."""

    metrics: MetricsSection = MetricsSection()
    tracing: TracingSection = TracingSection()
    logs: LogsSection = LogsSection()
