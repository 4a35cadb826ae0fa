"""`quorate models`: what can be asked."""

import json
from typing import TYPE_CHECKING, Any

import typer

from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.price_view import in_and_out, price_dict

if TYPE_CHECKING:
    from quorate.engine import ModelCard


def models(config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """List the models that can be asked, with their prices."""
    # slow: pydantic and yaml, needed only to read the configuration
    from quorate.config import configure  # noqa: PLC0415

    built = configure(config)
    cards = built.catalog.cards()
    if json_output:
        typer.echo(json.dumps([card_dict(card, built.defaults.models) for card in cards], indent=2))
        return
    _show(cards, built.defaults.models, built.settings.found)


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
