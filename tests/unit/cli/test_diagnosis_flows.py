from pathlib import Path

import pytest

from quorate.cli.diagnosis_flows import flow_checks
from quorate.cli.health import Health
from quorate.config import Built, configure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "quorate.yaml").write_text("version: 1\nmodels: {alpha: {type: simulated}}\n")
    return tmp_path


def built(folder: Path) -> Built:
    return configure(folder / "quorate.yaml", environ={"HOME": str(folder)})


def test_without_flows_nothing_is_said(folder: Path) -> None:
    assert flow_checks(built(folder)) == []


def test_flows_are_counted_and_their_mistakes_told(folder: Path) -> None:
    (folder / "flows").mkdir()
    (folder / "flows/good.yaml").write_text("name: good\nsteps: [{name: a, executor: wait, config: {seconds: 1}}]\n")
    assert {check.name for check in flow_checks(built(folder))} == {"flows", "functions", "documents", "tesseract"}
    (folder / "flows/bad.yaml").write_text("name: bad\nsteps: [{name: a, executor: wiat}]\n")
    good, bad = (check for check in flow_checks(built(folder)) if check.name == "flows")
    assert (good.health, bad.health) == (Health.OK, Health.BAD)
    assert good.detail.startswith("1 in ")
    assert "bad.yaml:2:29: steps[0].executor: no executor 'wiat'; did you mean 'wait'?" in bad.detail


def test_a_configured_folder_that_is_not_there_is_told(folder: Path) -> None:
    (folder / "quorate.yaml").write_text("version: 1\nflows: {folder: nowhere}\n")
    (first, *_) = flow_checks(built(folder))
    assert (first.name, first.health) == ("flows", Health.BAD)
    assert "quorate.yaml:2:" in first.detail
