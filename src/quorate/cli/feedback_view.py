"""Labels and track records on the terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from quorate.analytics.wilson import wilson
from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.printable import printable
from quorate.engine.learned_trust import ModelRecord
from quorate.model.feedback import Feedback

_LABELS = (
    Column(title="run", copied=True),
    Column(title="branch", spare=2),
    Column(title="said"),
    Column(title="by", spare=3),
    Column(title="when", spare=4),
    Column(title="note", spare=1),
)
_RECORDS = (
    Column(title="model"),
    Column(title="kind"),
    Column(title="right", right=True),
    Column(title="of", right=True),
    Column(title="accuracy", right=True),
    Column(title="95 %", right=True, spare=1),
    Column(title="used"),
)


def print_label(label: Feedback) -> None:
    """Print what was kept."""
    what = f"{printable(label.run_id)} {printable(label.branch)}".rstrip()
    list_console().print(Text.assemble("noted: ", what, " was ", _said(label)))


def print_labels(labels: Sequence[Feedback], *, following: str | None, where: str) -> None:
    """Print a table, and how to see the next page."""
    console = list_console()
    if labels:
        print_list(console, _LABELS, [_label_row(label) for label in labels])
    else:
        console.print(Text(f"no labels in {where}", style="dim"))
    if following is not None:
        console.print(Text(f"more: --after {following}", style="dim"))


def print_records(records: Sequence[ModelRecord], *, where: str) -> None:
    """Print how often models were right."""
    console = list_console()
    if not records:
        console.print(Text(f"nothing is known yet: no labels in {where}, no calibration", style="dim"))
        return
    print_list(console, _RECORDS, [_record_row(record) for record in records])
    if not all(record.used for record in records):
        console.print(Text("used from 100 checked answers on", style="dim"))


def _said(label: Feedback) -> Text:
    return Text("right", style="green") if label.correct else Text("wrong", style="red")


def _label_row(label: Feedback) -> tuple[Text, ...]:
    return (
        Text(printable(label.run_id)),
        Text(printable(label.branch)),
        _said(label),
        Text(printable(label.principal), style="dim"),
        Text(f"{datetime.fromtimestamp(label.at_s, UTC):%Y-%m-%d %H:%M}"),
        Text(printable(label.note or "")),
    )


def _record_row(record: ModelRecord) -> tuple[Text, ...]:
    count = max(round(record.total), 1)
    rate = wilson(count * record.right / record.total, count)
    return (
        Text(printable(record.model), style="bold"),
        Text(record.kind),
        Text(f"{record.right:g}"),
        Text(f"{record.total:g}"),
        Text(f"{rate.value:.0%}"),
        Text(f"{rate.low:.0%} to {rate.high:.0%}"),
        Text("yes", style="green") if record.used else Text("not yet", style="dim"),
    )
