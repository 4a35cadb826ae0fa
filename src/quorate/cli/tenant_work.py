"""What `quorate tenants` does; imported by its commands, since it needs the database."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from quorate.cli.administration import checked_name, open_database, shown_allowance, shown_time
from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.paging import cursor_behind
from quorate.cli.printable import printable
from quorate.core.clock import SystemClock
from quorate.core.ids import TenantId, new_id
from quorate.model.allowance import Allowance
from quorate.storage.rows import TenantRow

_COLUMNS = (
    Column(title="id", copied=True),
    Column(title="name"),
    Column(title="limits", spare=1),
    Column(title="created", spare=2),
    Column(title="state"),
)


def create(name: str, *, allowance: Allowance, config: Path | None, json_output: bool) -> None:
    """Make a tenant and print its id."""
    clock = SystemClock()
    row = TenantRow(
        id=TenantId(new_id("tenant", clock)),
        name=checked_name(name),
        created_at=clock.now(),
        allowance=allowance,
    )
    with open_database(config) as database:
        database.tenants.add(row)
    typer.echo(json.dumps(tenant_dict(row), indent=2) if json_output else row.id)


def show_page(*, limit: int, after: str | None, config: Path | None, json_output: bool) -> None:
    """Print a page of tenants."""
    with open_database(config) as database:
        tenants = database.tenants
        found = tenants.page(limit, after)
        following = cursor_behind(found, limit, tenants.cursor, tenants.page)
    if json_output:
        typer.echo(json.dumps({"data": [tenant_dict(row) for row in found], "next": following}, indent=2))
        return
    print_list(list_console(), _COLUMNS, map(_cells, found))
    if following is not None:
        typer.echo(f"more: quorate tenants list --after {following}", err=True)


def _cells(row: TenantRow) -> tuple[Text, ...]:
    cells = (
        row.id,
        row.name,
        shown_allowance(row.allowance),
        shown_time(row.created_at),
        "good" if row.disabled_at is None else "disabled",
    )
    return tuple(Text(printable(cell)) for cell in cells)


def tenant_dict(row: TenantRow) -> dict[str, Any]:
    """Return a tenant as plain JSON values."""
    return {
        "id": row.id,
        "name": row.name,
        "allowance": {name: getattr(row.allowance, name) for name in Allowance.__slots__},
        "created_at": row.created_at.isoformat(),
        "disabled_at": None if row.disabled_at is None else row.disabled_at.isoformat(),
    }
