"""What `quorate keys` does; imported by its commands, since it needs the database."""

import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from quorate.access.delegation import Rights, delegate
from quorate.access.mint import Minted, mint
from quorate.access.permission import Scope
from quorate.access.principal import OPERATOR, Principal
from quorate.cli.administration import (
    checked_name,
    open_database,
    shown_allowance,
    shown_time,
    span_of,
)
from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.paging import cursor_behind
from quorate.cli.printable import printable
from quorate.core.clock import SystemClock
from quorate.core.errors import Conflict
from quorate.core.ids import KeyId, TenantId
from quorate.model.allowance import Allowance
from quorate.storage.rows import KeyRow
from quorate.storage.scope import ALL_TENANTS
from quorate.storage.scope import Scope as TenantScope

#: Whoever can open the database can do anything with it: the command line is the operator's.
_COMMAND_LINE = Principal(tenant=OPERATOR, scopes=frozenset(Scope))
_COLUMNS = (
    Column(title="id", copied=True),
    Column(title="tenant", spare=4),
    Column(title="name"),
    Column(title="prefix", spare=6, copied=True),
    Column(title="scopes", spare=2),
    Column(title="models", spare=5),
    Column(title="limits", spare=3),
    Column(title="expires", spare=1),
    Column(title="state"),
)


def create(
    name: str,
    *,
    scopes: list[Scope],
    models: list[str],
    expires: str | None,
    allowance: Allowance,
    tenant: str | None,
    config: Path | None,
    json_output: bool,
) -> None:
    """Make a key and print it."""
    clock = SystemClock()
    asked = Rights(
        tenant=OPERATOR if tenant is None else TenantId(tenant),
        scopes=frozenset(scopes),
        models=tuple(models) or None,
        allowance=allowance,
        expires_at=None if expires is None else clock.now() + span_of(expires, "expires"),
    )
    minted = _mint(clock, delegate(_COMMAND_LINE, asked, now=clock.now()), checked_name(name))
    with open_database(config) as database:
        database.keys.add(minted.row)
    _show_made(minted, json_output=json_output)


def _cells(row: KeyRow, now: datetime) -> tuple[Text, ...]:
    cells = (
        row.id,
        row.tenant,
        row.name,
        row.prefix,
        ", ".join(row.scopes),
        "all" if row.models is None else ", ".join(row.models),
        shown_allowance(row.allowance),
        shown_time(row.expires_at),
        state_of(row, now),
    )
    return tuple(Text(printable(cell)) for cell in cells)


def show_page(*, limit: int, after: str | None, tenant: str | None, config: Path | None, json_output: bool) -> None:
    """Print a page of keys."""
    scope: TenantScope = ALL_TENANTS if tenant is None else TenantId(tenant)
    with open_database(config) as database:
        keys = database.keys
        found = keys.page(scope, limit, after)
        following = cursor_behind(found, limit, keys.cursor, partial(keys.page, scope))
    if json_output:
        typer.echo(json.dumps({"data": [key_dict(row) for row in found], "next": following}, indent=2))
        return
    now = SystemClock().now()
    print_list(list_console(), _COLUMNS, (_cells(row, now) for row in found))
    if following is not None:
        typer.echo(f"more: quorate keys list --after {following}", err=True)


def revoke(key: str, *, config: Path | None, json_output: bool) -> None:
    """Revoke a key."""
    with open_database(config) as database:
        row = database.keys.revoke(ALL_TENANTS, KeyId(key), SystemClock().now())
    if json_output:
        typer.echo(json.dumps(key_dict(row), indent=2))
        return
    typer.echo(f"revoked {row.id} ({row.name}, {row.prefix}...)", err=True)


def rotate(key: str, *, overlap: str, config: Path | None, json_output: bool) -> None:
    """Replace a key and print the new one."""
    clock = SystemClock()
    good_until = clock.now() + span_of(overlap, "overlap")
    with open_database(config) as database:
        old = database.keys.get(ALL_TENANTS, KeyId(key))
        if old.expires_at is not None and old.expires_at <= clock.now():
            raise Conflict(f"the key {key!r} has expired; make a new one")
        minted = _mint(clock, _rights_of(old), old.name)
        old = database.keys.replace(ALL_TENANTS, old.id, minted.row, good_until)
    _show_made(minted, json_output=json_output)
    typer.echo(f"{old.id} stays good until {shown_time(old.expires_at)} UTC", err=True)


def key_dict(row: KeyRow) -> dict[str, Any]:
    """Return a key as plain JSON values, without its digest."""
    return {
        "id": row.id,
        "tenant": row.tenant,
        "name": row.name,
        "prefix": row.prefix,
        "scopes": list(row.scopes),
        "models": None if row.models is None else list(row.models),
        "allowance": {name: getattr(row.allowance, name) for name in Allowance.__slots__},
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        "expires_at": None if row.expires_at is None else row.expires_at.isoformat(),
        "revoked_at": None if row.revoked_at is None else row.revoked_at.isoformat(),
        "replaced_by": row.replaced_by,
    }


def state_of(row: KeyRow, now: datetime) -> str:
    """Return in a word or two whether a key is good."""
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and row.expires_at <= now:
        return "expired"
    return "good" if row.replaced_by is None else "replaced"


def _rights_of(row: KeyRow) -> Rights:
    return Rights(
        tenant=row.tenant,
        scopes=frozenset(scope for scope in Scope if scope.value in row.scopes),
        models=row.models,
        allowance=row.allowance,
        expires_at=row.expires_at,
    )


def _mint(clock: SystemClock, rights: Rights, name: str) -> Minted:
    return mint(
        clock,
        tenant=rights.tenant,
        name=name,
        scopes=rights.scopes,
        models=rights.models,
        allowance=rights.allowance,
        expires_at=rights.expires_at,
    )


def _show_made(minted: Minted, *, json_output: bool) -> None:
    row, secret = minted.row, minted.secret.reveal()
    if json_output:
        typer.echo(json.dumps({"key": key_dict(row), "secret": secret}, indent=2))
        return
    typer.echo(f"{row.id} for {row.name!r} ({', '.join(row.scopes)}), shown this once:", err=True)
    typer.echo(secret)  # alone on stdout, so that it can be piped to where it belongs
