"""The executors that every installation has."""

from typing import Any

from quorate.flows.executor import Executor
from quorate.flows.executors.condition import Condition
from quorate.flows.executors.data_combiner import DataCombiner
from quorate.flows.executors.response_formatter import ResponseFormatter
from quorate.flows.executors.transform import Transform
from quorate.flows.executors.validate import Validate
from quorate.flows.executors.wait import Wait
from quorate.flows.registry import Executors

#: Their classes, by name in the alphabet.
STANDARD: tuple[type[Executor[Any, Any]], ...] = (
    Condition,
    DataCombiner,
    ResponseFormatter,
    Transform,
    Validate,
    Wait,
)


def standard_executors() -> Executors:
    """Return them in a registry of their own, which others can be added to."""
    return Executors(executor() for executor in STANDARD)
