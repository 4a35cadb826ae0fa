"""Costs and budgets on the terminal and as plain JSON values."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from quorate.access.budget_standings import BudgetStanding
from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.printable import printable
from quorate.core.units import format_usd
from quorate.storage.ledger_store import Balance, CostRow, Dimension

_NUMBERS = (
    Column(title="attempts", spare=3, right=True),
    Column(title="tokens in", spare=2, right=True),
    Column(title="tokens out", spare=2, right=True),
    Column(title="cost", right=True),
    Column(title="estimated", spare=1, right=True),
)
_BUDGETS = (
    Column(title="budget"),
    Column(title="of", spare=1),
    Column(title="window", spare=3),
    Column(title="limit", right=True),
    Column(title="spent", right=True),
    Column(title="reserved", spare=2, right=True),
    Column(title="over it", spare=5),
    Column(title="resets (UTC)", spare=4),
)


def cost_dict(row: CostRow, by: Sequence[Dimension]) -> dict[str, Any]:
    """Return a row with the names it was grouped by first; a day as ISO 8601."""
    groups = {each.value: getattr(row, each.value) for each in by}
    if row.day is not None:
        groups["day"] = row.day.isoformat()
    return {
        **groups,
        "attempts": row.attempts,
        "unpriced": row.unpriced,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "cost_microusd": row.cost_microusd,
        "estimated_microusd": row.estimated_microusd,
    }


def print_costs(rows: Sequence[CostRow], total: CostRow, by: Sequence[Dimension], *, more: bool, where: str) -> None:
    """Print a table of costs and their sum."""
    console = list_console()
    if rows and by:
        groups = [Column(title=each.value) for each in by]
        print_list(console, [*groups, *_NUMBERS], [_cells(row, by) for row in rows])
        console.print()
    unpriced = f", {total.unpriced} without a known price" if total.unpriced else ""
    estimated = f", of it {format_usd(total.estimated_microusd)} estimated" if total.estimated_microusd else ""
    attempts = "1 attempt" if total.attempts == 1 else f"{total.attempts} attempts"
    tokens = total.prompt_tokens + total.completion_tokens
    summary = f"{attempts} in all, {tokens} tokens, {format_usd(total.cost_microusd)}{estimated}{unpriced}"
    console.print(Text(summary, style="dim"))
    if more:
        console.print(Text("there are more lines: a higher --limit shows them", style="dim"))
    console.print(Text(f"database: {where}", style="dim"), soft_wrap=True)


def _cells(row: CostRow, by: Sequence[Dimension]) -> list[Text]:
    names = [getattr(row, each.value) for each in by]
    return [
        *(Text("" if name is None else printable(str(name))) for name in names),
        Text(str(row.attempts)),
        Text(str(row.prompt_tokens)),
        Text(str(row.completion_tokens)),
        Text(format_usd(row.cost_microusd) + (" + unknown" if row.unpriced else "")),
        Text(format_usd(row.estimated_microusd) if row.estimated_microusd else ""),
    ]


def print_balance(balance: Balance) -> None:
    """Print whether the ledger balances, and what does not."""
    console = list_console()
    console.print(
        Text(
            f"settled {format_usd(balance.settled_microusd)}, branches {format_usd(balance.branches_microusd)}, "
            f"reserved {format_usd(balance.reserved_microusd)}"
        )
    )
    for what, names in (("runs", balance.runs), ("budgets", balance.books)):
        for name in names:
            console.print(Text(f"{what} that do not add up: {printable(name)}", style="red"), soft_wrap=True)
    console.print(Text("the ledger balances" if balance.holds else "the ledger does not balance"))


def budget_dict(each: BudgetStanding) -> dict[str, Any]:
    """Return a budget as plain JSON values; the time as RFC 3339."""
    return {
        "name": each.name,
        "of": each.of.value,
        "subject": each.subject,
        "window": each.window.value,
        "limit_microusd": each.limit_microusd,
        "spent_microusd": each.spent_microusd,
        "reserved_microusd": each.reserved_microusd,
        "refuses": each.refuses,
        "resets_at": None if each.resets_at is None else f"{each.resets_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def print_budgets(found: Sequence[BudgetStanding]) -> None:
    """Print a table of budgets."""
    console = list_console()
    if not found:
        console.print(Text("no budgets; the section `budgets` of the configuration sets them", style="dim"))
        return
    print_list(console, _BUDGETS, [_budget_cells(each) for each in found])


def _budget_cells(each: BudgetStanding) -> list[Text]:
    over = each.spent_microusd + each.reserved_microusd > each.limit_microusd
    return [
        Text(each.name),
        Text(printable(f"{each.of.value} {each.subject}")),
        Text(each.window.value),
        Text(format_usd(each.limit_microusd)),
        Text(format_usd(each.spent_microusd), style="red" if over else ""),
        Text(format_usd(each.reserved_microusd) if each.reserved_microusd else ""),
        Text("refused" if each.refuses else "warned"),
        Text("never" if each.resets_at is None else f"{each.resets_at:%Y-%m-%d %H:%M}"),
    ]
