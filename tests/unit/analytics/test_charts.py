import random
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest

from quorate.analytics.charts import draw_charts
from quorate.analytics.evaluation import evaluate_consensus
from quorate.providers.recorded import RecordedAnswer, Recording

SVG = "{http://www.w3.org/2000/svg}"


def one(number: int, track: str, texts: Sequence[str], *, simulated: bool) -> Recording:
    answers = tuple(RecordedAnswer(model=f"m{at}", text=text, simulated=simulated) for at, text in enumerate(texts))
    return Recording(track=track, task="", prompt_id=str(number), prompt="How many?", truth="4", answers=answers)


def drawn(*tracks: str, simulated: bool = False, members: int = 5) -> dict[str, ET.Element]:
    rng = random.Random(1)
    recordings = [
        one(number, track, [str(rng.choice((4, 4, 5, 6))) for _ in range(members)], simulated=simulated)
        for track in tracks
        for number in range(20)
    ]
    return {name: ET.fromstring(text) for name, text in draw_charts(evaluate_consensus(recordings)).items()}


def words(picture: ET.Element) -> str:
    return "\n".join(element.text or "" for element in picture.iter(f"{SVG}text"))


@pytest.mark.parametrize("tracks", [("one",), ("one", "two"), tuple("abcdef")])
def test_every_track_has_its_line_and_its_bars_if_they_are_few(tracks: tuple[str, ...]) -> None:
    pictures = drawn(*tracks)
    shown = tracks if 1 < len(tracks) <= 4 else ("all",)
    for name in ("risk-coverage.svg", "accuracy.svg"):
        labels = [line for line in words(pictures[name]).splitlines() if "prompts)" in line]
        assert [label.split(" (")[0] for label in labels] == list(shown)
    assert len(pictures["accuracy.svg"].findall(f"{SVG}rect")) == 1 + 7 * len(shown)


def test_everything_stays_on_the_paper() -> None:
    for picture in drawn("one", "two", members=9).values():
        width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
        for element in picture.iter():
            for name, most in (("x", width), ("y", height), ("cx", width), ("cy", height)):
                assert 0 <= float(element.attrib.get(name, 0)) <= most


def test_names_cannot_break_the_picture_and_invented_models_are_called_so() -> None:
    pictures = drawn("<script>&", "b", simulated=True)
    assert "<script>& (20 prompts)" in words(pictures["accuracy.svg"])
    assert all("SIMULATED" in words(picture) for picture in pictures.values())
