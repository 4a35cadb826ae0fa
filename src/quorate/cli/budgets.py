"""`quorate budgets`: what may be spent, what is spent, what is reserved."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from quorate.cli.options import ConfigOption, JsonOption
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from quorate.access.budget_standings import BudgetStanding
    from quorate.access.budgets import Budgets


def budgets(
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="ID", help="Of this tenant and its keys.")] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show the configured budgets and how they stand in their present windows."""
    import asyncio  # noqa: PLC0415 - slow: 15 ms that other commands do not need

    # slow: pydantic, yaml and SQLAlchemy, needed by the commands that read the database
    from quorate.cli.costs_view import budget_dict, print_budgets  # noqa: PLC0415
    from quorate.config import load_settings  # noqa: PLC0415
    from quorate.config.data_folder import database_url  # noqa: PLC0415
    from quorate.config.storage_section import BudgetsKept  # noqa: PLC0415
    from quorate.server.compose import open_budgets  # noqa: PLC0415
    from quorate.storage.database import Database  # noqa: PLC0415

    settings = load_settings(config, probe=False)
    if settings.config.budgets and settings.config.storage.budgets is BudgetsKept.MEMORY:
        raise InvalidRequest(
            "storage.budgets is `memory`: only the gateway itself knows how its budgets stand; ask it, at "
            "/api/v1/budgets",
            param="storage.budgets",
        )
    clock = SystemClock()
    with Database.open(database_url(settings), clock=clock) as database:
        found = asyncio.run(_read(lambda: open_budgets(settings, database, clock), clock))
    found = [each for each in found if tenant is None or each.tenant == tenant]
    if json_output:
        typer.echo(json.dumps([budget_dict(each) for each in found], indent=2))
    else:
        print_budgets(found)


async def _read(opening: "Callable[[], Budgets | None]", clock: SystemClock) -> "list[BudgetStanding]":
    from quorate.access.budget_standings import standings  # noqa: PLC0415 - loaded by now

    opened = opening()  # a client of Redis belongs to the event loop that it is made in
    if opened is None:
        return []
    try:
        return await standings(opened, clock.now())
    finally:
        await opened.close()
