from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pair_judges import ESSAY_QUESTION, essay
from quorate.consensus import Answer, Panel
from quorate.parallel.pair_order import next_pairs


def _panel(count: int, threshold: float = 0.7) -> Panel:
    panel = Panel(ESSAY_QUESTION, threshold=threshold)
    for number in range(count):
        panel.add(number, Answer(text=essay(number)))
    return panel


def _agreed(panel: Panel) -> bool:
    return panel.agreement().agreed


@given(st.lists(st.sampled_from("AAABC"), min_size=2, max_size=6), st.sampled_from([0.61, 0.66, 0.7, 0.75]))
@settings(max_examples=40, deadline=None)
def test_a_consistent_judge_leads_to_agreement_exactly_where_there_is_one(
    meanings: list[str], threshold: float
) -> None:
    panel, asked = _panel(len(meanings), threshold), set[tuple[int, int]]()
    while (proposal := next_pairs(panel, _agreed, without=asked)) is not None:
        assert proposal.now
        assert asked.isdisjoint(proposal.now)
        for first, second in proposal.now:
            panel.judge(first, second, float(meanings[first] == meanings[second]))
        asked.update(proposal.now)
    most = max(Counter(meanings).values())
    assert _agreed(panel) == (most / len(meanings) >= threshold)


def test_medoids_come_first_and_then_all_that_is_needed() -> None:
    panel = _panel(3)
    first = next_pairs(panel, _agreed)
    assert first is not None
    assert len(first.now) == 2
    assert len(first.needed) == 3
    for pair in first.now:
        panel.judge(*pair, 1.0)
    rest = next_pairs(panel, _agreed)
    assert rest is not None
    assert rest.now == rest.needed
    assert len(rest.now) == 1


def test_what_does_not_fit_is_not_added_to() -> None:
    proposal = next_pairs(_panel(6), _agreed, fits=lambda pairs: len(pairs) <= 2)
    assert proposal is not None
    assert len(proposal.needed) == 3


def test_supposing_leaves_the_panel_as_it_is() -> None:
    panel = _panel(2)
    assert _agreed(panel.supposing([(0, 1)]))
    assert not _agreed(panel)
    assert panel.agreement().method == "compared"
