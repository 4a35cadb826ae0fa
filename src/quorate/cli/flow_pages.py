"""What can be said of a flow without running it: its analysis, its picture, its page."""

from pathlib import Path

import typer

from quorate.cli.printable import printable
from quorate.config import configure
from quorate.config.flow_target import open_flow
from quorate.flows.analyse import analyse
from quorate.flows.analysis import Analysis
from quorate.flows.asking_cost import Costing
from quorate.flows.draw_mermaid import draw_mermaid
from quorate.flows.draw_svg import draw_svg
from quorate.flows.flow_page import flow_page
from quorate.prompts.book import NoPrompts


def analysis_of(flow: str, config: Path | None, *, key: str | None = None) -> Analysis:
    """Return what can be said of a flow, in the version that runs with a key get; prices are the configured ones."""
    shelf, plan = open_flow(flow, config, key=key)
    built = configure(config, probe=False)
    costing = Costing(
        catalog=built.catalog,
        plan=built.defaults.plan,
        models=built.defaults.models,
        prompts=built.prompts or NoPrompts(),
        plans=shelf.book.possible,
    )
    return analyse(plan, executors=shelf.executors, costing=costing)


def drawn(flow: str, config: Path | None, *, as_svg: bool) -> str:
    """Return the picture of a flow as SVG, or as text for Mermaid."""
    plan = open_flow(flow, config)[1]
    return draw_svg(plan) if as_svg else draw_mermaid(plan)


def page_of(flow: str, config: Path | None) -> str:
    """Return the page of a flow in Markdown."""
    shelf, plan = open_flow(flow, config)
    return flow_page(plan, shelf.executors)


def write_page(text: str, output: Path | None) -> None:
    """Write a text to a file, or to stdout; without what would command a terminal."""
    text = printable(text)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(f"{text}\n", encoding="utf-8")
        typer.echo(f"wrote {output}", err=True)
