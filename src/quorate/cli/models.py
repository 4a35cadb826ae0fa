"""`quorate models`: what can be asked."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.price_view import in_and_out, price_dict

if TYPE_CHECKING:
    from pathlib import Path

    from quorate.engine import ModelCard


def models(
    records: Annotated[
        bool, typer.Option("--records", help="Show instead how often each was right, as learned from labels.")
    ] = False,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="ID", help="With --records: for this tenant; not given: `local`.")
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """List the models that can be asked, with their prices."""
    if records:
        _records(tenant, config, json_output=json_output)
        return
    # slow: pydantic and yaml, needed only to read the configuration
    from quorate.config import configure  # noqa: PLC0415

    built = configure(config)
    cards = built.catalog.cards()
    if json_output:
        typer.echo(json.dumps([card_dict(card, built.defaults.models) for card in cards], indent=2))
        return
    _show(cards, built.defaults.models, built.settings.found)


def _records(tenant: str | None, config: "Path | None", *, json_output: bool) -> None:
    # slow: pydantic, yaml and SQLAlchemy, needed by the commands that read the database
    from quorate.cli.feedback_view import print_records  # noqa: PLC0415
    from quorate.cli.runs import open_database  # noqa: PLC0415
    from quorate.config import configure  # noqa: PLC0415
    from quorate.engine.label_follower import LabelFollower  # noqa: PLC0415
    from quorate.model.call import LOCAL  # noqa: PLC0415

    trust = configure(config, probe=False).trust
    with open_database(config) as database:
        LabelFollower(trust, database.feedback).look()
        where = database.url_for_display
    found = trust.records(tenant or LOCAL)
    if json_output:
        typer.echo(json.dumps([asdict(record) for record in found], indent=2))
        return
    print_records(found, where=where)


def card_dict(card: "ModelCard", defaults: tuple[str, ...]) -> dict[str, Any]:
    """Return a card as plain JSON values; prices in micro-USD per million tokens."""
    price = card.price
    return {
        "name": card.name,
        "kind": card.kind.value,
        "provider": card.provider,
        "model": card.model_id or None,
        "default": card.name in defaults,
        "simulated": card.simulated,
        "description": card.description,
        "vendor": card.vendor or None,
        "context_window": card.context_window,
        "members": list(card.members),
        "price": None if price is None else price_dict(price),
    }


def _show(cards: "tuple[ModelCard, ...]", defaults: tuple[str, ...], found: tuple[str, ...]) -> None:
    # slow: 35 ms, needed only to draw
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("model", "kind", "provider"):
        table.add_column(title, no_wrap=True)
    table.add_column("$ in / out per million", justify="right", no_wrap=True)
    table.add_column("description")
    for card in cards:
        name = Text(card.name, style="bold") + Text(" *" if card.name in defaults else "", style="green")
        about = card.description or (", ".join(card.members) if card.members else card.model_id)
        table.add_row(
            name,
            card.kind.value,
            card.provider,
            "" if card.price is None else in_and_out(card.price),
            Text(about, style="dim"),
        )
    console = Console()
    console.print(table)
    console.print()
    console.print(Text("* asked when none are named", style="dim"))
    for line in found:
        console.print(Text(f"found: {line}", style="dim"))
