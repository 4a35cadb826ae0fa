"""`quorate prompts`: the saved prompts of the configured folder."""

from pathlib import Path
from typing import Annotated

import typer

from quorate.cli.light_group import LightGroup
from quorate.cli.options import ConfigOption, JsonOption

app = typer.Typer(cls=LightGroup, no_args_is_help=True, help="List, show and ask the saved prompts of the folder.")


def complete_prompts(context: typer.Context, incomplete: str) -> list[str]:
    """Return the saved prompts that continue what was typed."""
    config = context.params.get("config")
    try:
        # slow: pydantic and yaml, needed only when a name is completed
        from quorate.cli.prompts_view import prompts_of  # noqa: PLC0415

        names = prompts_of(Path(str(config)) if config else None).names()
    except Exception:  # noqa: BLE001 - a broken configuration must not break the shell's line
        return []
    return [name for name in names if name.startswith(incomplete)]


PromptArgument = Annotated[
    str, typer.Argument(metavar="PROMPT", autocompletion=complete_prompts, help="The name of a saved prompt.")
]


@app.command("list")
def list_prompts(config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """List the saved prompts; what is wrong in one of them is told with its place."""
    # slow: pydantic and yaml, needed only to read them
    from quorate.cli.prompts_view import print_prompts  # noqa: PLC0415

    print_prompts(config, json_output=json_output)


@app.command("show")
def show_prompt(prompt: PromptArgument, config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """Show what a saved prompt says, what it needs, and whom it asks."""
    # slow: pydantic and yaml, needed only to read them
    from quorate.cli.prompts_view import print_prompt  # noqa: PLC0415

    print_prompt(prompt, config, json_output=json_output)


@app.command("run")
def run_prompt(
    prompt: PromptArgument,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME=VALUE", help="A value; `NAME=@FILE` takes the text of a file."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the answer and nothing else.")] = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Fill a saved prompt with values, ask it, and print the answer."""
    # slow: the engine
    from quorate.cli.prompts_view import ask_prompt  # noqa: PLC0415

    ask_prompt(prompt, inputs or [], config, quiet=quiet, json_output=json_output)
