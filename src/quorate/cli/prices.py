"""`quorate prices`: what models cost, component by component, and where the figures come from."""

from typing import Annotated

import typer

from quorate.cli.options import ConfigOption, JsonOption, complete_models

app = typer.Typer(no_args_is_help=True, help="Show what models cost: configured ones and those of the price list.")


@app.command("show")
def show(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            autocompletion=complete_models,
            help="A configured name, `provider:model-id`, or a provider's model id.",
        ),
    ],
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show every component of a model's price, its source and its day."""
    # slow: pydantic and yaml, needed only to read the configuration
    from quorate.cli.price_work import show_price  # noqa: PLC0415

    show_price(model, config=config, json_output=json_output)


@app.command("list")
def list_prices(
    search: Annotated[
        list[str] | None, typer.Argument(metavar="WORD", help="Only models with all these words in their names.")
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """List the price list: every model at each of its providers; configured models come first."""
    # slow: pydantic and yaml, needed only to read the configuration
    from quorate.cli.price_work import list_all  # noqa: PLC0415

    list_all(search or [], config=config, json_output=json_output)
