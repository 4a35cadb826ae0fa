"""What each metric means: its kind, its labels, how the values of several workers become one."""

from dataclasses import dataclass
from enum import StrEnum

from quorate.telemetry import names

#: Upper bounds, in seconds, of the histograms of durations.
SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
#: Upper bounds of the histogram of agreement scores.
SCORES = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Kind(StrEnum):
    """What may be done with the numbers."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Merge(StrEnum):
    """What several workers' values come to: a counter is always a sum."""

    SUM = "sum"
    MAX = "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric: `bounds` are those of a histogram's buckets, without infinity."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    merge: Merge = Merge.SUM


def _counter(name: str, text: str, *labels: str) -> Family:
    return Family(name=name, kind=Kind.COUNTER, text=text, labels=labels)


def _gauge(name: str, text: str, merge: Merge = Merge.SUM, *labels: str) -> Family:
    return Family(name=name, kind=Kind.GAUGE, text=text, labels=labels, merge=merge)


def _histogram(name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Family:
    return Family(name=name, kind=Kind.HISTOGRAM, text=text, labels=labels, bounds=bounds)


_ALL = (
    _counter(
        names.REQUESTS,
        "Requests that have ended, by what the caller got; status is the class of the HTTP status, e.g. 2xx.",
        *("operation", "model", "state", "status"),
    ),
    _histogram(
        names.REQUEST_DURATION,
        "Seconds from a request to the end of its answer, however it ended.",
        SECONDS,
        *("operation", "model"),
    ),
    _histogram(
        names.TIME_TO_FIRST_TOKEN,
        "Seconds from a request to the first token of its answer, where one was seen.",
        SECONDS,
        *("operation", "model"),
    ),
    _gauge(names.IN_FLIGHT, "Requests under way."),
    _counter(names.REJECTED, "Requests refused before any work began, by the code of the error.", "code"),
    _counter(
        names.TOKENS,
        "Tokens of requests, all branches together: input, output; cached is a part of input, reasoning of output.",
        *("model", "type"),
    ),
    _counter(names.COST_TOTAL, "What requests cost, in millionths of a US dollar, losers' costs included.", "model"),
    _counter(names.UNPRICED, "Requests whose cost is not known because a model has no known price.", "model"),
    _histogram(names.AGREEMENT, "Agreement of the answers, where answers were compared.", SCORES, "model", "kind"),
    _counter(names.BRANCHES, "Branches that have ended, by how.", "model", "provider", "state"),
    _histogram(
        names.BRANCH_DURATION, "Seconds that a branch took that gave an answer.", SECONDS, *("model", "provider")
    ),
    _counter(names.BRANCH_RETRIES, "Attempts after a branch's first one.", "model", "provider"),
    _counter(names.BRANCH_TOKENS, "Tokens of requests to providers: input, output.", "model", "provider", "type"),
    _counter(names.BRANCH_COST, "Cost of requests to providers, in millionths of a US dollar.", "model", "provider"),
    _counter(names.UPSTREAM_ERRORS, "Branches that failed, by the code of the error.", "model", "provider", "code"),
    _gauge(names.RECORDS_WAITING, "Run records that wait to be written."),
    _counter(names.RECORDS_WRITTEN, "Run records that were written."),
    _counter(names.RECORD_FAILURES, "Attempts to write run records that failed; the records are kept and tried again."),
    _counter(names.RECORDS_REFUSED, "Run records that the database refused and that wait in a file for a person."),
    _counter(names.TEXTS_DROPPED, "Runs whose prompt and answer were not kept: no room, or not fit to be stored."),
    _counter(names.LOG_LINES_DROPPED, "Log lines that were not written because whoever reads them is too slow."),
    _counter(names.TRACES_DROPPED, "Traces that were not sent because the collector is too slow."),
    _gauge(names.LIMITS_DEGRADED, "1 while limits are counted in each worker because Redis is away.", Merge.MAX),
    _gauge(names.KEYS, "API keys that are in force.", Merge.MAX),
    _gauge(
        names.CIRCUIT_STATE,
        "The circuit before a provider's model: 0 closed, 1 half-open, 2 open; from its first request on.",
        Merge.MAX,
        *("provider", "model"),
    ),
    _counter(names.CIRCUIT_OPENED, "How often the circuit before a provider's model opened.", "provider", "model"),
    _gauge(
        names.CONCURRENCY_LIMIT, "Requests that a provider gets at once, where there is a limit.", Merge.SUM, "provider"
    ),
    _gauge(names.CONCURRENCY_IN_USE, "Requests under way at a provider that has a limit.", Merge.SUM, "provider"),
    _gauge(names.CONCURRENCY_WAITING, "Requests that wait for their turn at a provider.", Merge.SUM, "provider"),
    _counter(names.FLOW_RUNS, "Runs of flows that have ended, by how.", "flow", "status"),
    _histogram(names.FLOW_DURATION, "Seconds from the beginning of a flow's run to its end.", SECONDS, "flow"),
    _counter(names.FLOW_STEPS, "Steps of flows that have ended, by how.", "executor", "status"),
    _gauge(names.FLOW_RUNS_IN_PROGRESS, "Runs of flows that the workers have taken."),
    _gauge(names.FLOW_RUNS_QUEUED, "Runs of flows that wait in the queue, which all workers share.", Merge.MAX),
    _counter(names.FLOW_TAKEOVERS, "Runs of flows that were taken over from a worker that had fallen silent."),
    _gauge(names.BUILD, "1, with the version that runs.", Merge.MAX, "version", "python"),
    _gauge(names.START, "Unix time at which the youngest worker began.", Merge.MAX),
    _counter(names.CPU, "CPU seconds, user and system, of all workers."),
    _gauge(names.MEMORY, "Resident memory of all workers; pages they share count once for each."),
)
#: Every metric by its name, in the order of the page.
FAMILIES = {family.name: family for family in _ALL}
