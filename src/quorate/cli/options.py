"""Flags that several commands share, and completion of model names."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from quorate.cli.failure import note_json

ModeName = Literal["all", "race", "quorum"]
SelectName = Literal[
    "first",
    "random",
    "best",
    "prompt_selector",
    "consensus",
    "majority",
    "medoid",
    "field_vote",
    "synthesis",
    "auto",
]
SynthesisName = Literal["weighted_merge", "best_parts", "rank_then_fuse"]
KindName = Literal["choice", "number", "boolean", "date", "list", "tool_call", "json", "code", "short", "prose"]

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="The configuration to use instead of looking for one."),
]
JsonOption = Annotated[bool, typer.Option("--json", callback=note_json, help="Print JSON, errors included.")]


def complete_models(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the configured models that continue what was typed, the last of a comma-separated list."""
    head, comma, begun = incomplete.rpartition(",")
    try:
        # slow: pydantic and yaml, needed only when a name is completed
        from quorate.config import configure  # noqa: PLC0415

        cards = configure(context.params.get("config"), probe=False).catalog.cards()
    except Exception:  # noqa: BLE001 - a broken configuration must not break the shell's line
        return []
    return [
        (f"{head}{comma}{card.name}", card.description or card.provider)
        for card in cards
        if card.name.startswith(begun)
    ]
