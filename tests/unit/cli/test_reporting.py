"""Whatever a command raises, the user sees plain lines and an exit code."""

import io

import pytest
import typer
from typer.testing import CliRunner

from quorate.cli import prompt_source
from quorate.cli.exit_code import ExitCode
from quorate.cli.failure import session_of
from quorate.cli.main import ReportingGroup
from quorate.cli.printable import printable
from quorate.cli.prompt_source import read_prompt
from quorate.core.errors import DeadlineExceeded, InvalidRequest, Misconfigured

ERRORS: dict[str, tuple[Exception, ExitCode, str]] = {
    "late": (DeadlineExceeded("too late"), ExitCode.FAILED, "error: too late"),
    "config": (Misconfigured("odd", where="f:1:2"), ExitCode.MISCONFIGURED, "error: f:1:2: odd"),
    "bug": (ValueError("odd"), ExitCode.FAILED, "error: unexpected ValueError: odd"),
    "disk": (OSError(28, "No space left"), ExitCode.FAILED, "error: the system refused: [Errno 28] No space left\n"),
    "extra": (
        ModuleNotFoundError("No module named 'sqlalchemy.exc'", name="sqlalchemy.exc"),
        ExitCode.MISCONFIGURED,
        "error: the package sqlalchemy is not installed; install it with: pip install 'quorate[server]'\n",
    ),
    "import": (ModuleNotFoundError("No module named 'odd'", name="odd"), ExitCode.FAILED, "This is a bug in quorate"),
    "usage": (typer.BadParameter("odd"), ExitCode.USAGE, "odd"),
}

app = typer.Typer(cls=ReportingGroup, pretty_exceptions_enable=False)


@app.callback()
def main(context: typer.Context, debug: bool = False) -> None:
    session_of(context).debug = debug


@app.command()
def fail(name: str) -> None:
    raise ERRORS[name][0]


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_told(name: str) -> None:
    _, code, said = ERRORS[name]
    done = CliRunner().invoke(app, ["fail", name])
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_reader_that_left_is_no_bug() -> None:
    @app.command()
    def leave() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    done = CliRunner().invoke(app, ["leave"])
    assert done.exit_code == ExitCode.FAILED
    assert "bug" not in done.output


def test_debug_shows_the_trace_of_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app(["--debug", "fail", "bug"])
    assert "ValueError: odd" in capsys.readouterr().err


def test_a_prompt_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_source, "_MAX_BYTES", 10)
    assert read_prompt([], None, io.StringIO("short")) == "short"
    with pytest.raises(InvalidRequest, match="standard input is longer than 10 characters"):
        read_prompt(["-"], None, io.StringIO("x" * 11))
    with pytest.raises(InvalidRequest, match="nothing to ask"):
        read_prompt([], None, io.StringIO(" \n"))


def test_what_the_locale_could_not_read_is_utf8_or_refused() -> None:
    assert read_prompt(["hei\udcc3\udc9ft"], None, io.StringIO()) == "hei\u00dft"
    with pytest.raises(InvalidRequest, match="the question is not UTF-8 text"):
        read_prompt(["\udcff"], None, io.StringIO())
    with pytest.raises(InvalidRequest, match="standard input is not UTF-8 text"):
        read_prompt(["-"], None, io.StringIO("\ud800"))
    with pytest.raises(InvalidRequest, match="standard input is not utf-8 text: invalid start byte"):
        read_prompt(["-"], None, io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), encoding="utf-8"))


def test_a_terminal_is_told_nothing_but_text() -> None:
    assert printable("a\x1b]0;title\x07b\x9b2Jc\r") == "a\ufffd]0;title\ufffdb\ufffd2Jc\ufffd"
    assert printable("one\r\n\ttwo \u00e9 \U0001f600") == "one\n\ttwo \u00e9 \U0001f600"
