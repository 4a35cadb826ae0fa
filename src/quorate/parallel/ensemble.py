"""A plan as a Model: an ensemble answers a chat request like any endpoint."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import msgspec

from quorate.contracts.response_format import contract_in
from quorate.core.tasks import background
from quorate.model import Call, Completion, Delta, opens_reply
from quorate.parallel.live import Live
from quorate.parallel.plan import Plan
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.parallel.run import run_plan
from quorate.wire.chat import ChatRequest


class Ensemble:
    """Runs `plan` for every request with `resources`: the catalog's models and what is known of them.

    With `for_one` the plan only stands for one model, with its retries and fallbacks: the answer has the name and the
    counts of whoever gave it, and the cost of everybody.
    """

    def __init__(self, *, name: str, plan: Plan, resources: Resources, for_one: bool = False) -> None:
        self._name = name
        self._for_one = for_one
        self.plan = plan
        self._resources = resources

    @property
    def name(self) -> str:
        """The catalog name."""
        return self._name

    async def run(self, request: ChatRequest, call: Call, *, live: Live | None = None) -> Result:
        """Return the whole result; raises as `run_plan` does."""
        return await run_plan(self._plan_for(request), request, call, self._resources, live=live)

    def _plan_for(self, request: ChatRequest) -> Plan:
        """Return the plan, held to the schema that a request brings in OpenAI's own words if it has no contract.

        A plan that only stands for one model leaves that to its provider.
        """
        if self._for_one or self.plan.output is not None or request.response_format is None:
            return self.plan
        return replace(self.plan, output=contract_in(request.response_format))

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Answer. While streaming, a race passes on its winner and a synthesis its writer, piece by piece.

        The other modes know their answer only at the end: it comes as one piece, and progress comes as events.
        """
        if not request.stream:
            yield self._completion(await self.run(request, call))
            return
        live = Live()
        async with background(self._run_live(request, call, live)) as running:
            async with aclosing(live.pieces()) as pieces:
                async for delta in pieces:
                    yield delta
            result = await running
            if live.owner is None:
                yield Delta.of(result.completion)
            yield self._completion(result)

    async def _run_live(self, request: ChatRequest, call: Call, live: Live) -> Result:
        try:
            return await self.run(request, call, live=live)
        finally:
            live.close()

    def _completion(self, result: Result) -> Completion:
        """Return the chosen answer under the ensemble's name, with the usage and the cost of all branches."""
        answer = result.completion
        if self._for_one:
            return replace(answer, cost_microusd=result.cost_microusd, estimated=result.spend.estimated, detail=result)
        return completion_of(result, self.name)


def completion_of(result: Result, name: str) -> Completion:
    """Return the answer of a plan under the name `name`, with the usage and the cost of everybody."""
    answer, usage = result.completion, result.spend.usage
    return Completion(
        response=msgspec.structs.replace(answer.response, model=name, usage=usage.to_wire()),
        model=name,
        provider="quorate",
        usage=usage,
        cost_microusd=result.cost_microusd,
        estimated=result.spend.estimated,
        metadata={**answer.metadata, "answered_by": result.chosen or answer.model},
        detail=result,
        output=answer.output,
    )
