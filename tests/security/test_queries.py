"""Texts from outside never become SQL: statements are constants, and filters compare values."""

import ast
import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from quorate.server.routes import all_routes
from quorate.storage.scope import ALL_TENANTS
from run_records import run_record
from source_tree import Source, dotted, package_sources, parse
from stored_gateway import StoredGateway

#: Makes its statements of the columns of tables, once, before there are rows.
_MADE_OF_COLUMNS = "storage/bulk.py"
_TAKES_SQL = frozenset({"exec_driver_sql", "text", "literal_column", "executescript"})


def statements_that_are_put_together(source: Source) -> Iterable[ast.Call]:
    """Calls that take SQL whose SQL is no constant (or a choice of two)."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        if dotted(node.func).rpartition(".")[2] in _TAKES_SQL and not _constant(node.args[0]):
            yield node


def _constant(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _constant(node.body) and _constant(node.orelse)
    return isinstance(node, ast.Constant)


def test_every_statement_is_a_constant() -> None:
    found = [
        source.at(call)
        for source in package_sources()
        if source.folder == "storage"
        and "/migrations/" not in source.name
        and not source.name.endswith(_MADE_OF_COLUMNS)
        for call in statements_that_are_put_together(source)
    ]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "sqlalchemy.text(f'SELECT {name}')",
        "text('SELECT ' + name)",
        "connection.exec_driver_sql(sql % name)",
        "connection.exec_driver_sql(sql)",
        "text('a' if odd else sql)",
    ],
)
def test_a_statement_that_is_put_together_is_found(line: str) -> None:
    assert list(statements_that_are_put_together(parse("src/quorate/storage/a.py", line)))


LISTS = [route for route in all_routes() if route.path in {"/api/v1/keys", "/api/v1/runs", "/api/v1/tenants"}]
FILTERS = sorted(
    {(route.path, name) for route in LISTS if route.method == "GET" for name in route.query.__struct_fields__}
    | {(route.path, name) for route in LISTS for name in ("order", "sort", "id", "where")}
)
ODD = [
    "'",
    "' OR '1'='1",
    "x' OR 1=1 --",
    "') OR ('1'='1",
    '" OR ""="',
    "1; DROP TABLE keys; --",
    "' UNION SELECT digest, 1, 1 FROM keys --",
    "%",
    "_" * 20,
    "\\",
    "\0",
    "*",
    "id",
    "1 OR 1",
]


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredGateway]:
    gateway = StoredGateway(tmp_path)
    yield gateway
    gateway.close()


@pytest.mark.parametrize("who", ["acme", "operator"])
@pytest.mark.parametrize(("path", "name"), FILTERS, ids=lambda value: value)
async def test_a_filter_is_a_value(stored: StoredGateway, who: str, path: str, name: str) -> None:
    """Odd ones find nothing or are refused, show nothing of anybody's, and leave everything where it is."""
    key, theirs = await stored.key(who), await stored.key("other")
    await asyncio.to_thread(stored.database.runs.insert, [run_record("m", id=f"run_{who}", tenant=who)])
    keys = await asyncio.to_thread(stored.database.keys.count)
    for odd in ODD:
        answer = await stored.ask("GET", f"{path}?{name}={quote(odd)}", key)
        assert answer.status in {200, 400, 403, 404}, (odd, answer)
        if answer.status == 200:
            assert answer.json["data"] == [], odd
    assert await asyncio.to_thread(stored.database.keys.count) == keys
    assert [run.id for run in await asyncio.to_thread(stored.database.runs.page, ALL_TENANTS, 9)] == [f"run_{who}"]
    assert (await stored.ask("GET", "/api/v1/me", theirs)).status == 200
