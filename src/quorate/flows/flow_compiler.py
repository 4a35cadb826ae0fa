"""From what was read, or what a run began with, to a plan: with the executors and the sandbox of this process."""

from collections import OrderedDict
from collections.abc import Mapping

from quorate.core.errors import InvalidRequest
from quorate.flows.compiler.compile import compile_document, compile_flow
from quorate.flows.journal import RunHeader
from quorate.flows.language.read import ReadFlow
from quorate.flows.plan import FlowPlan
from quorate.flows.registry import Executors
from quorate.templating.environment import Environment
from quorate.templating.functions import FunctionPool

_MOST_KEPT = 256


class FlowCompiler:
    """Compiles flows; a live object that remembers the plans of runs by their digests.

    `functions` `None`: flows may not have functions of their own.
    """

    def __init__(self, executors: Executors, functions: FunctionPool | None) -> None:
        self._executors = executors
        self._functions = functions
        self._plans: OrderedDict[str, FlowPlan] = OrderedDict()

    def compile(self, read: ReadFlow) -> FlowPlan:
        """Return the plan of a flow that was read; raise `BadConfiguration` with every problem."""
        plan = compile_flow(
            read.section,
            read.written,
            executors=self._executors,
            environments=self._environment,
            file=read.written.file,
        )
        return self._kept(plan)

    def plan_of(self, header: RunHeader) -> FlowPlan:
        """Return the plan that a run began with; raise `BadConfiguration` if it no longer compiles."""
        if (known := self._plans.get(header.digest)) is not None:
            self._plans.move_to_end(header.digest)
            return known
        return self._kept(compile_document(header.document, executors=self._executors, environments=self._environment))

    def _environment(self, *, functions: Mapping[str, str], macros: Mapping[str, str]) -> Environment:
        if functions and self._functions is None:
            raise InvalidRequest("functions of flows are switched off here (flows.functions.enabled)")
        return Environment(functions=functions, macros=macros, pool=self._functions)

    def _kept(self, plan: FlowPlan) -> FlowPlan:
        self._plans[plan.digest] = plan
        if len(self._plans) > _MOST_KEPT:
            self._plans.popitem(last=False)
        return plan
