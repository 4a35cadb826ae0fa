"""Packages import only from the layers below them: the contracts in pyproject.toml, and that their checker can fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from source_tree import ROOT

LINT_IMPORTS = str(Path(sys.executable).parent / "lint-imports")

CONTRACT = """
[tool.importlinter]
root_package = "sample"
[[tool.importlinter.contracts]]
name = "layers"
type = "layers"
containers = ["sample"]
exhaustive = true
layers = ["high", "low"]
"""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [LINT_IMPORTS, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=25)


def test_contracts_are_kept() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("low", "extra", "expected"),
    [("", "", 0), ("import sample.high\n", "", 1), ("", "stray.py", 1)],
    ids=["kept", "upwards", "no layer"],
)
def test_the_checker_fails_when_it_should(tmp_path: Path, low: str, extra: str, expected: int) -> None:
    package = tmp_path / "sample"
    package.mkdir()
    (tmp_path / "pyproject.toml").write_text(CONTRACT)
    for name, text in {"__init__.py": "", "high.py": "import sample.low\n", "low.py": low, extra: ""}.items():
        if name:
            (package / name).write_text(text)
    result = lint(tmp_path)
    assert result.returncode == expected, result.stdout + result.stderr
