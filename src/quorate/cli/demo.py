"""`quorate demo`: what it does, shown on simulated models; no key, no network."""

from typing import Annotated

import typer

from quorate.cli.options import JsonOption

QUESTIONS = 12


def demo(
    questions: Annotated[int, typer.Option(min=1, max=QUESTIONS, help="How many questions are asked.")] = QUESTIONS,
    seed: Annotated[int, typer.Option(help="Other seeds give other answers.")] = 7,
    json_output: JsonOption = False,
) -> None:
    """Ask a dozen questions of five simulated models in all three modes: no key, no network, about 20 seconds."""
    # slow: the library, needed only here
    from quorate.cli.demonstration import run_demo  # noqa: PLC0415

    run_demo(questions=questions, seed=seed, json_output=json_output)
