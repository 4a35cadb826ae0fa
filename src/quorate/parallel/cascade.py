"""Running a cascade: stage after stage, until an answer is good enough."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from quorate.core.errors import AllFailed, BudgetSpent, DeadlineExceeded, QuorateError
from quorate.model import Call, Outcome
from quorate.model.event import StageDecided
from quorate.model.usage import NOTHING
from quorate.parallel.candidates import Candidates
from quorate.parallel.cascade_plan import stage_plan
from quorate.parallel.chosen import Chosen
from quorate.parallel.escalation import ByJudge, Cascade
from quorate.parallel.live import Live
from quorate.parallel.plan import Member, Plan
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result, StageReport
from quorate.parallel.select import select
from quorate.parallel.stage import Stage
from quorate.parallel.stage_starts import Cap, StageStarts
from quorate.parallel.stage_verdict import StageVerdict, judge_worst_case, verdict
from quorate.parallel.stop import Stopped

Answered = tuple[Candidates, Chosen]


@dataclass(slots=True, kw_only=True)
class CascadeRun:
    """A live object: runs `stages` of `plan.cascade`, all of which answer the same request.

    After `run` every branch of every stage has an outcome, and `answering` is the stage (from 1) whose answer it is.
    """

    plan: Plan
    cascade: Cascade
    call: Call
    resources: Resources
    live: Live | None
    stages: Sequence[Stage]
    answering: int = 0
    stopped: Stopped = Stopped.LAST_STAGE
    reports: list[StageReport] = field(default_factory=list[StageReport])
    warnings: list[str] = field(default_factory=list[str])
    _helpers: list[Outcome] = field(default_factory=list[Outcome])
    _members: dict[int, Member] = field(default_factory=dict[int, Member])
    _path_s: float = 0.0
    _starts: StageStarts = field(init=False)

    def __post_init__(self) -> None:
        """Make ready to start."""
        cap = Cap(limit_microusd=self.cascade.max_cost_microusd, call=self.call)
        self._members |= {branch.index: branch.member for stage in self.stages for branch in stage.branches}
        self._starts = StageStarts(stages=self.stages, cap=cap, worst=self._worst, live=self.live)
        for judge in self.cascade.judges:
            self.resources.resolve(judge)

    async def run(self) -> Answered:
        """Return the candidates of the stage that answers, and the answer.

        Raises the error of the first failed branch with `fail_fast`, `BudgetSpent` when the first stage does not fit
        under the cap, and what the models met when no stage has an answer.
        """
        async with self._starts as starts:
            found = await self._climb()
            starts.withdraw(f"stage {self.answering} settled it")
        for stage in self.stages:
            stage.skip_rest()
        for number in self._starts.began_s:
            if number > len(self.reports):
                self._report(
                    number, StageVerdict(content=False, reason="started ahead and not needed"), escalated=False
                )
        if isinstance(found, QuorateError):
            raise found
        return found

    async def _climb(self) -> Answered | QuorateError:
        best: Answered | None = None
        for number, stage in enumerate(self.stages, 1):
            after_s = self.cascade.speculate_after_s
            if after_s is not None and number < len(self.stages):
                await self._starts.ahead(number + 1, after_s)
            if not await self._starts.finish(number):
                return self._too_dear(best)
            self._path_s = max(self._path_s, self._starts.began_s[number] + stage.critical_path_s)
            if stage.failure is not None:
                return stage.failure
            if stage.answers:
                best = candidates, chosen = await self._answered(number)
                if await self._settled(number, candidates, chosen):
                    return candidates, self._told(chosen)
            else:
                self._report(number, StageVerdict(content=False, reason="no model of it answered"))
        return self._fallen_back(best)

    async def _answered(self, number: int) -> Answered:
        stage = self.stages[number - 1]
        candidates = Candidates(
            plan=stage.plan,
            request=stage.request,
            call=stage.call,
            outcomes=stage.answers,
            members={**self._members, **stage.voting()},
            agreement=stage.agreement,
            resolve=self.resources.resolve,
            trust=self.resources.trust,
            terms=stage.terms,
            helpers=self._helpers,
        )
        self.answering = number
        return candidates, await select(candidates)

    async def _settled(self, number: int, candidates: Candidates, chosen: Chosen) -> bool:
        """Return whether the answer of a stage is the cascade's."""
        if number == len(self.stages):
            self._report(number, StageVerdict(content=True, reason="the last stage"))
            return True
        escalate, began_s = self.cascade.stages[number - 1].escalate, self.call.at_s
        assert chosen.outcome is not None
        name, outcome = f"judge#{number}", chosen.outcome
        if isinstance(escalate, ByJudge):
            judge = escalate.judge
            cost = lambda: judge_worst_case(candidates, outcome, judge, self.resources, self.call.params)  # noqa: E731
            if not self._starts.cap.take(name, cost):
                return self._spent(number)
        found = await verdict(escalate, candidates, outcome, self.resources, name)
        self._starts.cap.release(name)
        self._path_s += self.call.at_s - began_s
        self._report(number, found)
        self.stopped = Stopped.CONTENT if found.content else self.stopped
        return found.content

    def _spent(self, number: int) -> bool:
        """End at a stage because the cap allows nothing more."""
        self.stopped = Stopped.BUDGET
        self.warnings.append(f"the answer of stage {number} was not checked: {self._starts.cap.why}")
        self._report(number, StageVerdict(content=True, reason=self._starts.cap.why))
        return True

    def _too_dear(self, best: Answered | None) -> Answered | QuorateError:
        """Return the best answer so far, because the next stage does not fit under the cap."""
        why = self._starts.cap.why
        if best is None:
            return self._failed() if self.reports else BudgetSpent(f"the cascade was not started: {why}")
        self.stopped = Stopped.BUDGET
        self.warnings.append(f"the answer is of stage {self.answering}, which was to escalate: {why}")
        return best[0], self._told(best[1])

    def _fallen_back(self, best: Answered | None) -> Answered | QuorateError:
        """Return the best answer of an earlier stage, because the last one has none."""
        if best is None or (self.live is not None and self.live.told):
            return self._failed()
        if self.live is not None:
            self.live.release()
        if any(isinstance(outcome.error, DeadlineExceeded) for outcome in self.stages[-1].outcomes.values()):
            self.stopped = Stopped.DEADLINE
        self.warnings.append(f"stage {len(self.stages)} failed; the answer is of stage {self.answering}")
        return best[0], self._told(best[1])

    def _failed(self) -> QuorateError:
        errors = [
            (outcome.branch, outcome.error)
            for stage in self.stages
            for _, outcome in sorted(stage.outcomes.items())
            if outcome.error is not None
        ]
        if len(errors) == 1:
            return errors[0][1]
        listed = "; ".join(f"{branch}: {error.message}" for branch, error in errors)
        return AllFailed(f"none of {len(errors)} models answered (cascade): {listed}", errors=errors)

    def _told(self, chosen: Chosen) -> Chosen:
        why = next(report.reason for report in self.reports if report.stage == self.answering)
        where = f"stage {self.answering} of {len(self.stages)} ({why})"
        return replace(chosen, reason=f"{where}: {chosen.reason}")

    def _report(self, number: int, found: StageVerdict, *, escalated: bool | None = None) -> None:
        stage = self.stages[number - 1]
        goes_on = not found.content and number < len(self.stages) if escalated is None else escalated
        self.call.emit(
            StageDecided(
                call_id=self.call.id,
                at_s=self.call.at_s,
                path=self.call.branch,
                stage=number,
                escalated=goes_on,
                reason=found.reason,
            )
        )
        ran = [outcome for outcome in stage.outcomes.values() if outcome.attempts]
        self.reports.append(
            StageReport(
                stage=number,
                escalated=goes_on,
                reason=found.reason,
                agreement=None if stage.agreement is None else stage.agreement.score,
                cost_microusd=sum((outcome.spend for outcome in ran), NOTHING).cost_microusd,
                latency_s=max((each.finished_s for each in ran), default=0.0) - self._starts.began_s[number],
            )
        )

    def _worst(self, number: int) -> int | None:
        if self.resources.worst_case is None:
            return None
        plan = stage_plan(self.plan, self.cascade, number)
        return self.resources.worst_case(plan, self.stages[number - 1].request, self.call.params)

    def finished(self, result: Result, began_s: float) -> Result:
        """Return the result of the stage that answers as that of the whole cascade."""
        return replace(
            result,
            branches=tuple(sorted(result.branches, key=lambda outcome: outcome.index)),
            latency=replace(result.latency, critical_path_s=max(0.0, self._path_s - began_s)),
            stopped=self.stopped,
            stages=tuple(sorted(self.reports, key=lambda report: report.stage)),
            warnings=(*self.warnings, *result.warnings),
        )
