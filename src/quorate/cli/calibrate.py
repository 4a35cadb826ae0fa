"""`quorate calibrate`: learn from recorded answers."""

import typer

from quorate.cli import calibrate_cascade

app = typer.Typer(no_args_is_help=True, help="Learn from recorded answers; no model is asked.")


@app.callback()
def group() -> None:
    """Keep `cascade` a command of its own, so that others can stand beside it."""


app.command("cascade")(calibrate_cascade.calibrate_cascade)
