"""The plan behind what is asked: models by name and the keys of a plan, or one ensemble as it is configured."""

from collections.abc import Sequence

from quorate.engine.catalog import Catalog
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Plan
from quorate.parallel.plan_section import MemberSection, PlanSection


def asked_plan(section: PlanSection, members: Sequence[MemberSection], defaults: Plan, catalog: Catalog) -> Plan:
    """Return the plan for these members; `defaults` say what the section leaves open.

    An ensemble alone, of which nothing more is said, runs by its own plan. Raises `NotFound` for it.
    """
    alone = len(members) == 1 and members[0] == MemberSection(model=members[0].model)
    if alone and not section.model_fields_set & PlanSection.model_fields.keys():
        model = catalog.resolve(members[0].model)
        if isinstance(model, Ensemble):
            return model.plan
    return section.plan_for(members, defaults)
