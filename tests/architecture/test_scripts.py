"""The repository's own scripts find what they are there to find."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from source_tree import ROOT

pytestmark = pytest.mark.subprocess

HOST = "files.python" + "hosted.org"
UNWANTED = {
    "a registry": f"see https://{HOST}/x\n",
    "a home folder": "cd /" + "home/somebody/quorate\n",
    "a private key": "-----BEGIN RSA PRIVATE" + " KEY-----\n",
    "a provider's key": "key = sk-" + "proj-" + "a1B2" * 12 + "\n",
    "a note to self": "# TO" + "DO: finish\n",
    "a merge": "<" * 7 + " HEAD\n",
    "no last line feed": "text",
    "carriage returns": "text\r\n",
}


def start(folder: Path, script: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a copy of scripts/`script` that takes `folder` for the repository."""
    (folder / "scripts").mkdir(exist_ok=True)
    shutil.copy(ROOT / "scripts" / script, folder / "scripts")
    return subprocess.run(
        [*command, str(folder / "scripts" / script)],
        env={"PATH": "/usr/bin:/bin", **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@pytest.mark.parametrize("text", UNWANTED.values(), ids=UNWANTED)
def test_unwanted_text_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/sample.txt").write_bytes(text.encode())
    result = start(tmp_path, "check_text.py", sys.executable)
    assert result.returncode == 1
    assert result.stdout.startswith("src/sample.txt:")
    assert result.stdout.endswith("2 files read, 1 problems\n")


def test_ordinary_text_passes(tmp_path: Path) -> None:
    # \x72 is an r: this file is read by the check as well
    (tmp_path / "README.md").write_text("Use sk-... as the key; see https://example.org/home/ and ./wo\x72k/a.\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\r\n")
    result = start(tmp_path, "check_text.py", sys.executable)
    assert (result.returncode, result.stdout) == (0, "3 files read, 0 problems\n")


GENERATOR = """
import sys
from pathlib import Path
made = Path("made.txt")
if sys.argv[1:] == ["--check"]:
    sys.exit(0 if made.exists() else "made.txt is missing")
made.write_text("made")
"""


def test_generated_files_are_compared_and_written(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/generate_sample.py").write_text(GENERATOR)
    stale = start(tmp_path, "check-generated.sh", "bash")
    assert stale.returncode == 1
    assert "made.txt is missing" in stale.stderr
    assert "make generate" in stale.stderr
    subprocess.run(["bash", "scripts/check-generated.sh", "--write"], cwd=tmp_path, check=True, capture_output=True)
    assert start(tmp_path, "check-generated.sh", "bash").returncode == 0


def test_set_up_says_which_python_is_needed_and_leaves_nothing(tmp_path: Path) -> None:
    result = start(tmp_path, "setup-venv.sh", "bash", PYTHON="/bin/false")
    assert result.returncode == 1
    assert "needs Python 3.11 or newer; tried: /bin/false" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_set_up_says_what_to_install_where_venv_is_missing(tmp_path: Path) -> None:
    python = tmp_path / "bin/python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/bash\n[[ "$*" == *ensurepip* ]] && exit 1\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    # Without apt-get on the path nothing is installed, whoever runs this.
    for name in ("bash", "dirname"):
        (python.parent / name).symlink_to(str(shutil.which(name)))
    result = start(tmp_path, "setup-venv.sh", "bash", PATH=str(python.parent))
    assert result.returncode == 1
    assert "Install your system's package for Python's venv" in result.stderr
    assert not (tmp_path / ".venv").exists()
