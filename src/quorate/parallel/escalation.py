"""When a cascade goes on to its next stage, as written in a configuration or by a caller."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, assert_never

from quorate.consensus.escalation import EscalationRule

if TYPE_CHECKING:
    from quorate.parallel.plan import Mode

#: Agreement that is enough where nothing else is said: two answers that say the same have it, two that differ do not.
USUAL_BELOW = 0.7
#: Fewer answers than this agree with nobody.
COMPARABLE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """Go on when the answers of the stage agree to less than `share`, in (0, 1], or when fewer than two came in."""

    share: float = USUAL_BELOW


@dataclass(frozen=True, slots=True, kw_only=True)
class ByRule:
    """Go on when the fitted rule says that the strong model is likelier to be right."""

    rule: EscalationRule


@dataclass(frozen=True, slots=True, kw_only=True)
class ByJudge:
    """Go on unless the model `judge` (a catalog name) says that the answer is good enough."""

    judge: str


Escalation: TypeAlias = Below | ByRule | ByJudge


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRules:
    """What is different for a stage: when the cascade goes on after it, and what its plan says instead of the whole's.

    `escalate` of the last stage is not read: its answer always counts.
    """

    escalate: Escalation = Below()
    mode: "Mode | None" = None
    threshold: float | None = None
    min_models: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """The stages of a plan: its members of group 1, then those of group 2, and so on.

    `speculate_after_s`: the next stage starts that many seconds after the current one (0: with it) and is cancelled if
    it is not needed; what it cost until then is paid. `max_cost_microusd`: a stage whose worst case does not fit into
    what is left of it is not started.
    """

    stages: tuple[StageRules, ...]
    speculate_after_s: float | None = None
    max_cost_microusd: int | None = None

    @property
    def judges(self) -> tuple[str, ...]:
        """The models that judge, one for each stage that has one."""
        rules = (stage.escalate for stage in self.stages[:-1])
        return tuple(rule.judge for rule in rules if isinstance(rule, ByJudge))

    def reached(self, stage: int) -> float:
        """Return the share of questions that reach a stage (from 1), as far as rules tell: each other escalates all."""
        share = 1.0
        for rules in self.stages[: stage - 1]:
            share *= rules.escalate.rule.share if isinstance(rules.escalate, ByRule) else 1.0
        return share


def misfit(escalate: Escalation, answers: int) -> str | None:
    """Return why a stage that gives `answers` answers would never or always escalate; `None` if it may do either."""
    match escalate:
        case Below(share=share):
            if answers < COMPARABLE:
                return (
                    "one answer agrees with nobody, so this stage would always escalate; add a member, or escalate by "
                    "a `rule` or a `judge`"
                )
            if share <= 1 / answers:
                return (
                    f"{answers} answers that all differ still have an agreement of {1 / answers:.2g}, so this stage "
                    f"would never escalate below {share:g}; use more than that"
                )
            return None if share <= 1 else f"no agreement reaches {share:g}, so this stage would always escalate"
        case ByRule(rule=rule):
            if rule.answers != answers:
                return f"the rule reads {rule.answers} answers and this stage gives {answers}; fit one for this stage"
            return None
        case ByJudge():
            return None
        case _:
            assert_never(escalate)
