"""The outputs of a whole flow that are kept for the next run with the same inputs."""

from quorate.flows.outcome import FlowResult, StepOutcome, StepStatus
from quorate.flows.plan import CacheRule
from quorate.flows.run.course import Course
from quorate.flows.run.rendering import rendered
from quorate.flows.step_cache import cache_key


class KeptResult:
    """The place in the cache for the outputs of one flow with its inputs, by its rule."""

    def __init__(self, course: Course, rule: CacheRule) -> None:
        self._course = course
        # What a test or a replay answers is nobody else's result.
        self._cache = None if course.run.mocks is not None else course.run.machinery.cache
        self._rule = rule
        self._key = ""

    async def outcome(self) -> StepOutcome | None:
        """Return what was kept; `None` if there is nothing."""
        if self._cache is None:
            return None
        course, rule = self._course, self._rule
        own = course.scope["inputs"] if rule.key is None else await rendered(rule.key, course.scope)
        self._key = cache_key(course.call.tenant, f"{course.plan.name}@{course.plan.digest}", own)
        return await self._cache.get(self._key)

    async def keep(self, result: FlowResult) -> None:
        """Keep the outputs of a run that has succeeded."""
        if self._cache is not None:
            outcome = StepOutcome(
                path=self._course.prefix,
                status=StepStatus.SUCCEEDED,
                output=result.outputs,
                simulated=result.simulated,
            )
            await self._cache.put(self._key, outcome, self._rule.ttl_s)
