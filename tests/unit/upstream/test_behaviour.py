"""Names of models are words that say what they do."""

from itertools import pairwise

import pytest

from quorate.core.errors import NotFound
from quorate.upstream import FAULTS, WORDS, Behaviour, Fault, behaviour_of
from quorate.upstream.fate import HEALTHY, MAX_NAMES, Fates


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.form)
def test_every_form_in_the_table_is_read(word: object) -> None:
    form = getattr(word, "form", "")
    assert (behaviour_of(form) == Behaviour()) is (form == "fast")


def test_words_are_joined_and_a_label_changes_nothing() -> None:
    joined = behaviour_of("first-300ms+tokens-60+tps-200+f07-1.5s#case7")
    assert joined == Behaviour(first_s=0.3, tokens=60, gap_s=0.005, fault=Fault.F07, lasts_s=1.5)
    assert behaviour_of("delay-2s+size-2kb") == Behaviour(delay_s=2.0, size_bytes=2048)
    assert behaviour_of("says-blue_whale").says == "blue whale"


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_is_a_name_and_is_in_the_table(fault: Fault) -> None:
    assert behaviour_of(fault.value).fault is fault
    assert behaviour_of(fault.value).lasts_s == FAULTS[fault].lasts_s


@pytest.mark.parametrize(
    "name", ["", "gpt-5", "f17", "f00", "fast+", "delay-20", "delay-601s", "tokens-0", "size-2mb", "f03-1s", "fail-5"]
)
def test_what_is_not_known_is_named(name: str) -> None:
    with pytest.raises(NotFound, match=r"model|range|longer|time to set"):
        behaviour_of(name)


def test_a_share_of_failures_is_exact_and_evenly_spread() -> None:
    fates, behaviour = Fates(), behaviour_of("fail-5pct")
    failed = [
        number
        for number in range(1, 2001)
        if fates.decide("m", behaviour, now_s=0, prefilled=False).refusal is not None
    ]
    assert len(failed) == 100
    assert {later - earlier for earlier, later in pairwise(failed)} == {20}


@pytest.mark.parametrize("name", ["f01", "f03", "f05"])
def test_what_happens_once_happens_once_to_each_label(name: str) -> None:
    fates, behaviour = Fates(), behaviour_of(name)

    def healthy(label: str) -> bool:
        return fates.decide(label, behaviour, now_s=0, prefilled=False) is HEALTHY

    assert [healthy("a"), healthy("a"), healthy("b"), healthy("a"), healthy("b")] == [False, True, False, True, True]
    fates.forget()
    assert not healthy("a")


def test_a_provider_that_is_down_comes_back() -> None:
    fates, behaviour = Fates(), behaviour_of("f15")
    statuses = [
        (fate.refusal.status if (fate := fates.decide("f15", behaviour, now_s=at_s, prefilled=False)).refusal else 200)
        for at_s in (100.0, 120.0, 159.9, 160.0, 300.0)
    ]
    assert statuses == [503, 503, 503, 200, 200]


def test_a_fallback_that_takes_no_prefill() -> None:
    fates, behaviour = Fates(), behaviour_of("f14-fallback")
    assert fates.decide("m", behaviour, now_s=0, prefilled=False) is HEALTHY
    refusal = fates.decide("m", behaviour, now_s=0, prefilled=True).refusal
    assert refusal is not None
    assert refusal.status == 400


def test_memory_of_names_is_bounded() -> None:
    fates, behaviour = Fates(), behaviour_of("f03")
    for number in range(MAX_NAMES + 1):
        fates.decide(f"f03#{number}", behaviour, now_s=0, prefilled=False)
    assert fates.decide(f"f03#{MAX_NAMES}", behaviour, now_s=0, prefilled=False) is HEALTHY
    assert fates.decide("f03#0", behaviour, now_s=0, prefilled=False) is not HEALTHY  # forgotten, so it fails again
