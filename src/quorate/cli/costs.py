"""`quorate costs`: what was spent, by day, model, key, tenant or run."""

import csv
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.runs import TenantOption, moment_of, open_database, scope_of
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from quorate.storage.ledger_store import CostRow, Dimension

_MOST_ROWS = 100_000


def costs(
    by: Annotated[
        str, typer.Option("--by", metavar="LIST", help="Add up by these: day, model, key, tenant, run.")
    ] = "day,model",
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Spent since: `7d` (s, m, h, d, w), or ISO 8601.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Spent before.")] = None,
    tenant: TenantOption = None,
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="NAME", help="Answered by this model.")] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="ID", help="Asked with this key.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=_MOST_ROWS, help="How many lines.")] = 1000,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Check that the ledger balances, and nothing else.")] = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Add up what was spent, from the ledger of the configured database."""
    if csv_output and json_output:
        raise InvalidRequest("--csv and --json exclude each other; give one of them", param="csv")
    if check:
        _check(config, json_output=json_output)
        return
    # slow: SQLAlchemy, needed by the commands that read the database
    from quorate.cli.costs_view import cost_dict, print_costs  # noqa: PLC0415
    from quorate.storage.ledger_store import dimensions  # noqa: PLC0415

    groups = dimensions(by)
    now = SystemClock().now()
    start = None if since is None else moment_of(since, now)
    end = None if until is None else moment_of(until, now)
    scope = scope_of(tenant)
    with open_database(config) as database:

        def read(of: "tuple[Dimension, ...]", most: int) -> "list[CostRow]":
            return database.ledger.costs(scope, of, most, since=start, until=end, model=model, key_id=key)

        rows, total = read(groups, limit + 1), read((), 1)[0]
    more, rows = len(rows) > limit, rows[:limit]
    if json_output:
        data = [cost_dict(row, groups) for row in rows]
        typer.echo(json.dumps({"data": data, "has_more": more, "total": cost_dict(total, ())}, indent=2))
    elif csv_output:
        _print_csv([cost_dict(row, groups) for row in rows], cost_dict(total, groups))
    else:
        print_costs(rows, total, groups, more=more, where=database.url_for_display)


def _print_csv(rows: "Sequence[dict[str, object]]", names: "dict[str, object]") -> None:
    writer = csv.DictWriter(sys.stdout, list(names), lineterminator="\n")
    writer.writeheader()
    # A text that begins like a formula would be one in a spreadsheet.
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _check(config: "Path | None", *, json_output: bool) -> None:
    with open_database(config) as database:
        balance = database.ledger.balance()
    if json_output:
        found = {
            "balances": balance.holds,
            "settled_microusd": balance.settled_microusd,
            "branches_microusd": balance.branches_microusd,
            "reserved_microusd": balance.reserved_microusd,
            "runs": list(balance.runs),
            "books": list(balance.books),
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        # slow: rich, needed for tables and texts
        from quorate.cli.costs_view import print_balance  # noqa: PLC0415

        print_balance(balance)
    if not balance.holds:
        raise typer.Exit(1)
