"""All sixteen faults of providers, over HTTP through a running gateway: alone with a fallback, and in a plan of three.

Here twenty times as fast as in the catalogue; `make faults` takes the catalogue's times and writes the scorecard.
"""

from collections.abc import Generator

import pytest

from fault_drill import DRILLED, MODES, SHORT, Site, Verdict, drill, drill_panel, site
from quorate.upstream.fault import Fault


@pytest.fixture(scope="module")
def drills() -> Generator[Site]:
    with site(SHORT) as opened:
        yield opened


@pytest.mark.parametrize("fault", DRILLED)
def test_the_caller_gets_the_whole_answer_and_the_provider_is_treated_well(drills: Site, fault: Fault) -> None:
    verdict = drill(drills, fault)
    assert verdict.passed, verdict.wrong


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", DRILLED)
def test_one_faulty_member_never_spoils_a_plan(drills: Site, fault: Fault, mode: str) -> None:
    verdict = drill_panel(drills, fault, mode)
    assert verdict.passed, verdict.wrong


def test_an_answer_that_is_late_beyond_what_the_load_explains_is_told() -> None:
    verdict = Verdict(fault=Fault.F06)
    verdict.expect_within("an answer", SHORT.slack_s, 0.15, SHORT)
    assert verdict.passed
    verdict.expect_within("an answer", 1000.0, 0.15, SHORT)
    assert not verdict.passed
