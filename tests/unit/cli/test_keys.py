"""`quorate keys` and `quorate tenants`, on a database of their own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from quorate.access.key_ring import KeyRing
from quorate.cli import keys, tenants
from quorate.cli.exit_code import ExitCode
from quorate.cli.main import ReportingGroup
from quorate.core.clock import SystemClock
from quorate.core.errors import Unauthenticated
from quorate.storage.database import Database

Run = Callable[..., Result]


@pytest.fixture
def manage() -> Run:
    """Runs the commands of this page alone."""
    app = typer.Typer(cls=ReportingGroup)
    app.add_typer(keys.app, name="keys")
    app.add_typer(tenants.app, name="tenants")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.fixture
def ring(machine: Path) -> KeyRing:
    """What a gateway on the same database knows of keys, when it looks again."""
    file = machine / "home" / ".local" / "share" / "quorate" / "quorate.db"
    return KeyRing(Database.open(f"sqlite:///{file}", clock=SystemClock()).keys, SystemClock())


def gets_in(ring: KeyRing, secret: str) -> bool:
    ring.refresh()
    try:
        ring.authenticate(f"Bearer {secret}".encode(), "192.0.2.1")
    except Unauthenticated:
        return False
    return True


def test_the_secret_is_alone_on_stdout_and_works(manage: Run, ring: KeyRing) -> None:
    done = manage("keys", "create", "build server", "--model", "gpt-*", "--expires", "30d")
    assert done.exit_code == 0, done.output
    secret = done.stdout.strip()
    assert secret.startswith("qk_")
    assert "\n" not in secret
    assert "'build server' (chat), shown this once" in done.stderr
    assert secret not in done.stderr
    assert gets_in(ring, secret)
    assert secret not in manage("keys", "list", "--json").output


def test_json_holds_the_key_and_its_secret_and_no_digest(manage: Run) -> None:
    made = json.loads(manage("keys", "create", "n", "--scope", "runs", "--requests-per-minute", "5", "--json").stdout)
    assert made["secret"].startswith(made["key"]["prefix"])
    assert made["key"]["scopes"] == ["runs"]
    assert made["key"]["allowance"]["requests_per_minute"] == 5
    listed = json.loads(manage("keys", "list", "--json").stdout)
    assert listed["data"] == [made["key"]]
    assert "digest" not in manage("keys", "list", "--json").stdout


def test_a_revoked_key_is_refused(manage: Run, ring: KeyRing) -> None:
    made = json.loads(manage("keys", "create", "n", "--json").stdout)
    assert gets_in(ring, made["secret"])
    done = manage("keys", "revoke", made["key"]["id"])
    assert done.exit_code == 0
    assert "revoked" in done.stderr
    assert not gets_in(ring, made["secret"])
    assert "revoked" in manage("keys", "list").stdout


def test_rotation_overlaps(manage: Run, ring: KeyRing) -> None:
    made = json.loads(manage("keys", "create", "n", "--model", "a", "--json").stdout)
    done = manage("keys", "rotate", made["key"]["id"], "--overlap", "1h", "--json")
    new = json.loads(done.stdout)
    assert new["key"]["models"] == ["a"]
    assert gets_in(ring, made["secret"])
    assert gets_in(ring, new["secret"])
    again = manage("keys", "rotate", made["key"]["id"])
    assert again.exit_code == ExitCode.FAILED
    assert "rotate the newest one" in again.stderr
    assert manage("keys", "rotate", new["key"]["id"], "--overlap", "0s").exit_code == 0
    assert not gets_in(ring, new["secret"])


def test_pages_go_on(manage: Run) -> None:
    for number in range(3):
        manage("keys", "create", f"key {number}")
    first = json.loads(manage("keys", "list", "-n", "2", "--json").stdout)
    second = json.loads(manage("keys", "list", "-n", "2", "--after", first["next"], "--json").stdout)
    assert [row["name"] for row in (*first["data"], *second["data"])] == ["key 2", "key 1", "key 0"]
    assert second["next"] is None
    assert json.loads(manage("keys", "list", "-n", "3", "--json").stdout)["next"] is None
    tenant = json.loads(manage("tenants", "list", "--json").stdout)
    assert json.loads(manage("tenants", "list", "-n", str(len(tenant["data"])), "--json").stdout)["next"] is None


def test_keys_of_a_tenant(manage: Run) -> None:
    tenant = manage("tenants", "create", "Acme", "--tokens-per-minute", "1000").stdout.strip()
    made = json.loads(manage("keys", "create", "n", "--tenant", tenant, "--json").stdout)
    assert made["key"]["tenant"] == tenant
    manage("keys", "create", "mine")
    assert [row["name"] for row in json.loads(manage("keys", "list", "--tenant", tenant, "--json").stdout)["data"]] == [
        "n"
    ]
    listed = json.loads(manage("tenants", "list", "--json").stdout)["data"]
    assert {(row["id"], row["name"]) for row in listed} == {(tenant, "Acme"), ("operator", "operator")}
    assert "1,000 tokens/min" in " ".join(manage("tenants", "list").stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keys", "create", "n", "--model", "[ab]"), "no model name or pattern"),
        (("keys", "create", "n", "--expires", "soon"), "no length of time"),
        (("keys", "create", "n", "--expires", "99999w"), "up to a century"),
        (("keys", "create", "n", "--expires", "0s"), "has passed"),
        (("keys", "create", "n", "--tenant", "nobody"), "no tenant 'nobody'"),
        (("keys", "create", "n", "--tenant", "nobody", "--scope", "metrics"), "for keys of the operator alone"),
        (("keys", "create", ""), "use 1 to 200"),
        (("keys", "revoke", "key_unknown"), "no key 'key_unknown'"),
        (("keys", "rotate", "key_unknown"), "no key 'key_unknown'"),
        (("keys", "list", "--after", "x"), "not a cursor"),
        (("tenants", "create", "x" * 201), "use 1 to 200"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(manage: Run, arguments: tuple[str, ...], said: str) -> None:
    done = manage(*arguments)
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr
    assert done.stdout == ""
