"""`quorate runs`: what was asked, what it took and what it cost."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.paging import cursor_behind
from quorate.cli.printable import printable_json
from quorate.cli.span import span
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest
from quorate.core.ids import RunId, TenantId

if TYPE_CHECKING:
    from pathlib import Path

    from quorate.model.run import RunRecord
    from quorate.storage.database import Database
    from quorate.storage.scope import Scope

StateName = Literal["pending", "running", "finished", "failed", "cancelled"]

app = typer.Typer(no_args_is_help=True, help="Look at the records of calls in the configured database.")

TenantOption = Annotated[str | None, typer.Option("--tenant", metavar="ID", help="Of this tenant only.")]


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on after that page.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="NAME", help="That asked this model.")] = None,
    state: Annotated[StateName | None, typer.Option("--state", help="That ended like this.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Started since: `2h` (s, m, h, d, w), or ISO 8601.")
    ] = None,
    tenant: TenantOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """List runs, the latest first."""
    # slow: SQLAlchemy and msgspec, needed by the commands that read the database
    from quorate.cli.runs_view import print_runs, run_dict  # noqa: PLC0415
    from quorate.model import State  # noqa: PLC0415

    ended = None if state is None else State(state)
    start = None if since is None else moment_of(since, SystemClock().now())
    scope = scope_of(tenant)
    with open_database(config) as database:
        runs = database.runs

        def page(most: int, behind: str | None) -> "list[RunRecord]":
            return runs.page(scope, most, behind, model=model, state=ended, since=start)

        found = page(limit, after)
        following = cursor_behind(found, limit, runs.cursor, page)
        totals = None if json_output else runs.totals(scope, start)  # reads every run of the time span
    if totals is None:
        typer.echo(json.dumps({"data": [run_dict(run) for run in found], "next": following}, indent=2))
        return
    print_runs(found, totals, following=following, where=database.url_for_display)


@app.command("show")
def show_run(
    run: Annotated[str, typer.Argument(metavar="ID", help="As `quorate runs list` shows it.")],
    tenant: TenantOption = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show a run with its branches."""
    # slow: SQLAlchemy, needed by the commands that read the database
    from quorate.cli.runs_view import print_run, stored_dict  # noqa: PLC0415

    with open_database(config) as database:
        stored = database.runs.get(scope_of(tenant), RunId(run))
    if json_output:
        typer.echo(printable_json(json.dumps(stored_dict(stored), indent=2, ensure_ascii=False)))
        return
    print_run(stored)


def moment_of(text: str, now: datetime) -> datetime:
    """Return the time that `text` means: so long before `now` (`90s`, `2h`, `7d`) or an ISO 8601 time, UTC if unsaid.

    Raises `InvalidRequest`.
    """
    if (ago := span(text)) is not None:
        try:
            return now - ago
        except OverflowError:
            pass
    else:
        try:
            at = datetime.fromisoformat(text.strip())
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        except ValueError:
            pass
    raise InvalidRequest(f"{text!r} is no time; write `90s`, `30m`, `2h`, `7d`, or `2026-05-01T12:00`", param="since")


def scope_of(tenant: str | None) -> "Scope":
    """Return the scope of a command: a tenant's, or that of all of them."""
    from quorate.storage.scope import ALL_TENANTS  # noqa: PLC0415 - slow: SQLAlchemy

    # Whoever can open the database file can read all of it: the command line is the operator's.
    return ALL_TENANTS if tenant is None else TenantId(tenant)


def open_database(config: "Path | None") -> "Database":
    """Return the configured database. Blocking; to be closed."""
    # slow: pydantic, yaml and SQLAlchemy, needed by the commands that read the database
    from quorate.config import load_settings  # noqa: PLC0415
    from quorate.config.data_folder import database_url  # noqa: PLC0415
    from quorate.storage.database import Database  # noqa: PLC0415

    return Database.open(database_url(load_settings(config, probe=False)), clock=SystemClock())
