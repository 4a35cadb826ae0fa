"""The command `quorate`. Heavy modules are imported by the commands that need them: `--help` is instant."""

import io
import sys
from itertools import takewhile
from typing import Annotated, Any, cast

import typer

from quorate.cli import (
    ask,
    budgets,
    calibrate,
    config_command,
    costs,
    demo,
    doctor,
    evaluate,
    feedback,
    flow,
    keys,
    models,
    prices,
    prompts,
    runs,
    serve,
    status,
    tenants,
    upstream,
)
from quorate.cli.exit_code import EXIT_CODES
from quorate.cli.failure import report, report_bug, session_of
from quorate.cli.light_group import LightGroup
from quorate.cli.missing_package import not_installed
from quorate.cli.version import installed_version
from quorate.core.errors import InvalidRequest, QuorateError


class ReportingGroup(LightGroup):
    """Turns every error into plain lines and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments."""
        # An error while the arguments are read comes before the callback of `--json`.
        session_of(ctx).json = "--json" in takewhile(lambda arg: arg != "--", args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except QuorateError as error:
            if (session := session_of(ctx)).debug:
                raise
            raise typer.Exit(report(error, session)) from None
        except (OSError, EOFError) as error:
            if isinstance(error, BrokenPipeError | EOFError):  # whoever read along has had enough
                raise
            if (session := session_of(ctx)).debug:
                raise
            told = QuorateError(f"the system refused: {error}")  # a full disk, a folder that is gone: nobody's bug
            raise typer.Exit(report(told, session)) from None
        except ModuleNotFoundError as error:
            session, told = session_of(ctx), not_installed(error)
            if session.debug:
                raise
            raise typer.Exit(report_bug(error, session) if told is None else report(told, session)) from None
        except Exception as error:
            if type(error).__module__.startswith("typer"):  # typer's own: usage errors, exits
                # Typer gives the class of usage errors no public name but as the base of this one.
                if isinstance(error, typer.BadParameter.__bases__) and session_of(ctx).json:
                    raise typer.Exit(
                        report(InvalidRequest(cast("Any", error).format_message()), session_of(ctx))
                    ) from None
                raise
            raise typer.Exit(report_bug(error, session_of(ctx))) from None


app = typer.Typer(
    name="quorate",
    cls=ReportingGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: " + " · ".join(f"{code.value} {meaning}" for code, meaning in EXIT_CODES.items()),
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"quorate {installed_version()}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a stack trace when something fails.")] = False,
) -> None:
    """Ask many models at once and get one answer with a measured agreement.

    Try [bold]quorate demo[/bold]: it needs no key and no network.
    """
    session_of(context).debug = debug


app.command("ask")(ask.ask)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("status")(status.status)
app.command("models")(models.models)
app.add_typer(prices.app, name="prices")
app.add_typer(keys.app, name="keys")
app.add_typer(tenants.app, name="tenants")
app.add_typer(runs.app, name="runs")
app.add_typer(flow.app, name="flow")
app.add_typer(feedback.app, name="feedback")
app.add_typer(prompts.app, name="prompts")
app.command("costs")(costs.costs)
app.command("budgets")(budgets.budgets)
app.command("upstream")(upstream.upstream)
app.add_typer(config_command.app, name="config")
app.add_typer(evaluate.app, name="eval")
app.add_typer(calibrate.app, name="calibrate")
app.command("doctor")(doctor.doctor)


@app.command("version")
def version_command() -> None:
    """Show the version."""
    typer.echo(f"quorate {installed_version()}")


def run() -> None:
    """Run the command with the arguments of this process; what the installed script calls."""
    for stream in (sys.stdout, sys.stderr):
        # An old locale cannot write every character of an answer or a bar: a "?" is better than no answer.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    app(prog_name="quorate")
