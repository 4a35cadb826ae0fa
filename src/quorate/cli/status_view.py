"""The status of a gateway on the terminal."""

import msgspec
from rich.text import Text

from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.printable import printable
from quorate.core.errors import QuorateError
from quorate.resilience.breaker import Circuit
from quorate.server.status_api import ModelStatus, StatusPage

_COLUMNS = (
    Column(title="provider"),
    Column(title="model"),
    Column(title="state"),
    Column(title="failures", right=True),
    Column(title="next probe", right=True, spare=2),
    Column(title="opened", right=True, spare=3),
    Column(title="limit", right=True, spare=1),
    Column(title="in use", right=True, spare=1),
    Column(title="waiting", right=True, spare=1),
)
_STYLES = {Circuit.CLOSED: "green", Circuit.OPEN: "red", Circuit.HALF_OPEN: "yellow"}


def read_status(body: bytes, url: str) -> StatusPage:
    """Return what a gateway says; raises `QuorateError` if that is something else."""
    try:
        return msgspec.json.decode(body, type=StatusPage)
    except msgspec.DecodeError as error:
        raise QuorateError(f"{url} is no gateway of this version: {error}") from None


def print_status(page: StatusPage) -> None:
    """Print a table, or that there is nothing to show."""
    console = list_console()
    if page.data:
        print_list(console, _COLUMNS, [_row(model) for model in page.data])
    else:
        console.print(Text("no provider has been asked yet", style="dim"))
    console.print(Text(f"{page.in_flight} calls under way", style="dim"))


def _row(model: ModelStatus) -> tuple[Text, ...]:
    state = Text("no breaker", style="dim") if model.state is None else _state(model.state)
    probe = "" if model.next_probe_s is None else f"{model.next_probe_s:.1f} s"
    numbers = (model.limit, model.in_use, model.waiting)
    return (
        Text(printable(model.provider)),
        Text(printable(model.model), style="bold"),
        state,
        Text(str(model.failures)),
        Text(probe),
        Text(str(model.opened)),
        *(Text("" if number is None else str(number)) for number in numbers),
    )


def _state(state: Circuit) -> Text:
    return Text(state.value.replace("_", "-"), style=_STYLES[state])
