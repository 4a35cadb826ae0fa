"""How errors are told: a plain line or two, or a JSON problem; never a stack trace unless asked for."""

import json
import sys
from dataclasses import dataclass

import typer

from quorate.cli.exit_code import ExitCode
from quorate.cli.printable import printable, printable_json
from quorate.core.errors import AllFailed, InvalidRequest, Misconfigured, NotFound, QuorateError


@dataclass(slots=True, kw_only=True)
class Session:
    """What the flags of one run of the command say about errors; a live object that option callbacks fill in."""

    json: bool = False
    debug: bool = False


def session_of(context: typer.Context) -> Session:
    """Return the session of this run."""
    return context.find_root().ensure_object(Session)


def note_json(context: typer.Context, value: bool) -> bool:
    """Remember that output is JSON, so that errors are as well; the callback of every `--json`."""
    session_of(context).json = value
    return value


def exit_code_of(error: QuorateError) -> ExitCode:
    """Return the exit code for an error that ended a command."""
    if isinstance(error, Misconfigured):
        return ExitCode.MISCONFIGURED
    return ExitCode.USAGE if isinstance(error, InvalidRequest | NotFound) else ExitCode.FAILED


def report(error: QuorateError, session: Session) -> ExitCode:
    """Tell the error on stderr and return the exit code."""
    if session.json:
        from quorate.wire.problem import problem_body  # noqa: PLC0415 - only for --json

        typer.echo(printable_json(json.dumps(problem_body(error), ensure_ascii=False)), err=True)
    else:
        typer.echo(printable(describe(error)), err=True)
    return exit_code_of(error)


def describe(error: QuorateError) -> str:
    """Return what went wrong in plain lines."""
    lines = [f"error: {error.message}" if not isinstance(error, Misconfigured) else _misconfigured(error)]
    if isinstance(error, AllFailed):
        lines += [f"  {branch}: {each.message}" for branch, each in error.errors if each.message not in error.message]
    return "\n".join(lines)


def _misconfigured(error: Misconfigured) -> str:
    count = error.message.count("\n") + 1
    return f"error: {error.message}" if count == 1 else f"error: {count} problems in the configuration\n{error.message}"


def report_bug(error: Exception, session: Session) -> ExitCode:
    """Tell about an error that nobody foresaw."""
    if session.debug:
        sys.excepthook(type(error), error, error.__traceback__)
    elif session.json:
        report(QuorateError(f"unexpected {type(error).__name__}: {error}; this is a bug in quorate"), session)
    else:
        message = f"error: unexpected {type(error).__name__}: {error}"
        typer.echo(f"{message}\nThis is a bug in quorate; `quorate --debug ...` shows where.", err=True)
    return ExitCode.FAILED
