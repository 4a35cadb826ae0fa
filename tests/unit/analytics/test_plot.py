import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from quorate.analytics.evaluation import evaluate_consensus
from quorate.analytics.plot import plot_consensus
from quorate.analytics.report import ConsensusReport
from quorate.core.errors import InvalidRequest, Misconfigured
from quorate.providers.recorded import RecordedAnswer, Recording


def one(number: int, track: str) -> Recording:
    texts = ("4", "4", str(4 + number % 3))
    answers = tuple(RecordedAnswer(model=f"m{at}", text=text) for at, text in enumerate(texts))
    truth = "4" if number % 4 else "5"
    return Recording(track=track, task="", prompt_id=str(number), prompt="How many?", truth=truth, answers=answers)


@pytest.fixture(scope="module", params=[("sums",), ("sums", "law"), tuple("abcdef")])
def report(request: pytest.FixtureRequest) -> ConsensusReport:
    tracks: tuple[str, ...] = request.param
    return evaluate_consensus((one(number, track) for track in tracks for number in range(12)), panel_size=3)


def test_png(report: ConsensusReport, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra 'plot'")
    plot_consensus(report, tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 20_000


def test_svg_is_well_formed_whatever_the_case_of_the_suffix(report: ConsensusReport, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra 'plot'")
    plot_consensus(report, str(tmp_path / "a.SVG"))
    root = ET.parse(tmp_path / "a.SVG").getroot()
    assert root.tag.endswith("svg")


def test_another_format_is_refused(report: ConsensusReport, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"\.png or \.svg"):
        plot_consensus(report, tmp_path / "a.bmp")


def test_a_folder_that_does_not_exist_is_reported(report: ConsensusReport, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra 'plot'")
    with pytest.raises(InvalidRequest, match="cannot write"):
        plot_consensus(report, tmp_path / "no" / "a.png")


def test_without_matplotlib_it_says_what_to_install(
    report: ConsensusReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # what an absent package looks like to `import`
    with pytest.raises(Misconfigured, match=r"pip install 'quorate\[plot\]'"):
        plot_consensus(report, tmp_path / "a.png")
