"""Flows from outside: who may run which, whose files, odd names, odd forms."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from served_flows import FlowGateway, flow_gateway, write_flows

BOUNDARY = "b0und"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowGateway]:
    with flow_gateway(write_flows(tmp_path_factory.mktemp("flows") / "flows")) as running:
        yield running


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def files_kept(site: FlowGateway) -> set[str]:
    """Everything that lies in the folder of files."""
    root = site.folder.parent / "files"
    return {str(path.relative_to(root)) for path in root.rglob("*")} if root.exists() else set()


def new_tenant(site: FlowGateway) -> str:
    """The id of a new tenant."""
    answer = site.client.post("/api/v1/tenants", json={"name": "another"})
    answer.raise_for_status()
    made = answer.json()
    return str(made.get("id") or made["tenant"]["id"])


@pytest.mark.parametrize(
    ("scopes", "reads", "runs", "asks"),
    [
        (["flows"], 200, 200, 403),
        (["chat"], 403, 403, 200),
        (["runs"], 403, 403, 403),
        (["embeddings"], 403, 403, 403),
        (["flows", "chat"], 200, 200, 200),
        (["admin"], 200, 200, 200),
    ],
)
def test_what_a_scope_permits(site: FlowGateway, scopes: list[str], reads: int, runs: int, asks: int) -> None:
    chat = {"model": "flow/shout", "messages": [{"role": "user", "content": "x"}]}
    with site.as_key(site.new_key(scopes=scopes)) as client:
        for path in ("/api/v1/flows", "/api/v1/flows/shout", "/api/v1/shout/info", "/catalog", "/api/v1/openapi.json"):
            assert client.get(path).status_code == reads, path
        for path in ("/api/v1/flows/shout/run", "/api/v1/shout/execute"):
            assert client.post(path, json={"text": "x"}).status_code == runs, path
        assert client.post("/v1/chat/completions", json=chat).status_code == asks


def test_a_key_runs_and_sees_the_flows_on_its_list_only(site: FlowGateway) -> None:
    with site.as_key(site.new_key(scopes=["flows", "chat"], models=["flow/sh*"])) as client:
        assert client.post("/api/v1/flows/shout/run", json={"text": "x"}).status_code == 200
        assert [each["name"] for each in client.get("/api/v1/flows").json()["data"]] == ["shout"]
        assert [each["id"] for each in client.get("/v1/models").json()["data"]] == ["flow/shout"]
        assert "filed_paper" not in client.get("/api/v1/openapi.json").text
        hidden = client.post("/api/v1/flows/slow/run", json={})
        absent = client.post("/api/v1/flows/nope/run", json={})
        assert (hidden.status_code, absent.status_code) == (404, 404)
        assert hidden.json()["detail"].replace("slow", "X") == absent.json()["detail"].replace("nope", "X")
        assert client.post("/api/v1/flows/slo/run", json={}).json()["detail"].count("slow") == 0
        for path in ("/api/v1/flows/slow", "/api/v1/slow/info", "/api/v1/slow/health", "/api/v1/flows/slow/graph"):
            assert client.get(path).status_code == 404


def test_problems_of_files_are_told_to_the_operator_only(site: FlowGateway) -> None:
    secret = site.new_key(tenant=new_tenant(site), scopes=["flows"])
    (site.folder / "broken.yaml").write_text("name: broken\nsteps: [")
    try:
        for _ in range(100):
            if site.client.get("/api/v1/flows").json()["problems"]:
                break
        with site.as_key(secret) as client:
            assert client.get("/api/v1/flows").json()["problems"] == []
    finally:
        (site.folder / "broken.yaml").unlink()


@pytest.mark.parametrize("path", ["/api/v1/flows/filed_paper/run", "/api/v1/filed-paper/execute"])
def test_a_file_of_another_run_is_nobody_else_s(site: FlowGateway, path: str) -> None:
    first = site.client.post(path, files={"paper": ("a.txt", b"secret text")}).json()
    stolen = {
        "kind": "file",
        "run": first["id"],
        "sha256": first["outputs"]["sum"],
        "name": "a.txt",
        "media_type": "text/plain",
        "size": 11,
    }
    body = {"paper": stolen}
    assert site.client.post(path, json=body).status_code == 400
    form = part("inputs", json.dumps(body).encode()) + END
    assert site.client.post(path, content=form, headers=FORM).status_code == 400
    chat = {"model": "flow/filed_paper", "messages": [{"role": "user", "content": json.dumps(body)}]}
    assert site.client.post("/v1/chat/completions", json=chat).status_code == 400


FILE = part("paper", b"text", "a.txt")
BAD_FORMS: dict[str, tuple[bytes, int]] = {
    "no such file": (part("papers", b"text", "a.txt") + END, 400),
    "no such field": (FILE + part("titel", b"x") + END, 400),
    "twice": (FILE + part("paper", b"other", "b.txt") + END, 400),
    "not a file": (part("paper", b"text") + END, 400),
    "too long a file": (part("paper", b"x" * 2001, "a.txt") + END, 413),
    "another type": (part("paper", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a.pdf") + END, 400),
    "cut": (FILE, 400),
    "empty": (END, 400),
    "no form at all": (b"{}", 400),
    "no number": (FILE + part("pages", b"NaN") + END, 400),
    "bad json": (FILE + part("inputs", b"{") + END, 400),
    "json that is a list": (FILE + part("inputs", b"[]") + END, 400),
    "deep json": (FILE + part("inputs", b"[" * 500 + b"]" * 500) + END, 400),
    "no utf-8": (FILE + part("title", b"\xff\xfe") + END, 400),
    "many parts": (part("title", b"x") * 300 + END, 400),
    "large field": (FILE + part("title", b"x" * 5_000_000) + END, 413),
    "endless": (FILE + part("title", b"x" * 12_000_000) + END, 413),
}


@pytest.mark.parametrize("name", BAD_FORMS)
def test_what_a_bad_form_leaves_is_an_error_and_no_file(site: FlowGateway, name: str) -> None:
    content, status = BAD_FORMS[name]
    before = files_kept(site)
    answer = site.client.post("/api/v1/flows/filed_paper/run", content=content, headers=FORM)
    assert answer.status_code == status, answer.text
    assert answer.json()["code"]
    assert files_kept(site) == before


BAD_BODIES: dict[str, tuple[Any, dict[str, str], int]] = {
    "no type": (b"{}", {}, 415),
    "xml": (b"<a/>", {"content-type": "application/xml"}, 415),
    "list": (b"[]", {"content-type": "application/json"}, 400),
    "text": (b'"text"', {"content-type": "application/json"}, 400),
    "cut": (b'{"text": "x"', {"content-type": "application/json"}, 400),
    "deep": (b'{"text":' + b"[" * 300 + b"]" * 300 + b"}", {"content-type": "application/json"}, 400),
    "unknown": (b'{"text": "x", "__class__": 1}', {"content-type": "application/json"}, 400),
    "too long": (b'{"text": "' + b"x" * 101 + b'"}', {"content-type": "application/json"}, 400),
    "zip": (b"{}", {"content-type": "application/json", "content-encoding": "br"}, 415),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused(site: FlowGateway, name: str) -> None:
    content, headers, status = BAD_BODIES[name]
    answer = site.client.post("/api/v1/flows/shout/run", content=content, headers=headers)
    assert answer.status_code == status, answer.text


ODD_NAMES = [
    "..",
    "../shout",
    "..%2fshout",
    "%2e%2e%2fshout",
    "%2e%2e",
    "shout%00",
    "shout.yaml",
    "flows/shout",
    "SHOUT",
    "shout@9",
    "shout@../../etc/passwd",
    "shout@" + "1" * 500,
    "shout@>=",
    "shout;",
    "x" * 5000,
    "%ff",
    "{name}",
    "flow%2fshout",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_an_odd_name_runs_nothing(site: FlowGateway, name: str) -> None:
    for path in (f"/api/v1/flows/{name}/run", f"/api/v1/{name}/execute"):
        answer = site.client.post(path, json={"text": "x"})
        assert answer.status_code in {400, 404, 405}, (path, answer.text)
        assert len(answer.json()["detail"]) < 6000
    for path in (f"/api/v1/flows/{name}", f"/api/v1/{name}/info", f"/api/v1/flows/{name}/graph"):
        assert site.client.get(path).status_code in {400, 404, 405}, path


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("durability=none", {}),
        ("priority=99999", {}),
        ("priority=high", {}),
        ("nonsense=1", {}),
        ("include=secrets", {}),
        ("priority=1&priority=2", {}),
        ("", {"x-request-timeout-s": "-1"}),
        ("", {"x-request-timeout-s": "nan"}),
        ("", {"idempotency-key": ""}),
        ("", {"idempotency-key": "x" * 300}),
    ],
)
def test_options_that_do_not_fit_are_refused(site: FlowGateway, query: str, headers: dict[str, str]) -> None:
    answer = site.run("shout", {"text": "x"}, params=httpx2.QueryParams(query), headers=headers)
    assert answer.status_code == 400, answer.text


def test_only_the_operator_goes_before_others(site: FlowGateway) -> None:
    run, inputs = "/api/v1/flows/shout/run", {"text": "x"}
    with site.as_key(site.new_key(tenant=new_tenant(site), scopes=["admin"])) as client:
        refused = client.post(run, json=inputs, params={"priority": 1})
        assert (refused.status_code, "may not raise the priority" in refused.text) == (403, True)
        assert client.post(run, json=inputs, params={"priority": 0}).status_code == 200
    assert site.client.post(run, json=inputs, params={"priority": 1}).status_code == 200


@pytest.mark.parametrize("prefer", ["wait=-1", "wait=1e9", "wait=" + "9" * 400, "wait", "wait=a, ;;;", "=", ","])
def test_a_preference_that_is_not_well_said_is_not_followed(site: FlowGateway, prefer: str) -> None:
    answer = site.run("shout", {"text": "x"}, headers={"prefer": prefer})
    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers


def test_another_tenant_gets_no_answer_of_a_repeated_key(site: FlowGateway) -> None:
    headers = {"idempotency-key": "shared"}
    first = site.run("shout", {"text": "mine"}, headers=headers).json()
    with site.as_key(site.new_key(tenant=new_tenant(site), scopes=["flows"])) as client:
        theirs = client.post("/api/v1/flows/shout/run", json={"text": "mine"}, headers=headers).json()
    assert theirs["id"] != first["id"]


def test_pages_of_runs_are_whole_and_name_none_that_a_key_may_not_see(site: FlowGateway) -> None:
    for name in ("shout", "fails", "shout", "fails", "fails"):
        site.run(name, {"text": "x"} if name == "shout" else None, params={"durability": "durable"})
    every = site.client.get("/api/v1/flow-runs", params={"limit": 200, "tenant": "operator"}).json()["data"]
    mine = [run["id"] for run in every if run["flow"] == "shout"]
    with site.as_key(site.new_key(scopes=["flows"], models=["sim-*", "flow/s?out"])) as client:
        listed: list[str] = []
        page: dict[str, Any] = {"next": None, "has_more": True}
        while page["has_more"]:
            asked = {"limit": "1", **({} if page["next"] is None else {"before": page["next"]})}
            page = client.get("/api/v1/flow-runs", params=asked).json()
            assert len(page["data"]) == 1
            assert page["next"] in (None, page["data"][0]["id"])
            listed += [run["id"] for run in page["data"]]
    assert listed == mine
    assert len(mine) >= 2


def test_a_key_goes_on_with_runs_of_the_flows_on_its_list_only(site: FlowGateway) -> None:
    theirs = site.run("shout", {"text": "mine"}, params={"durability": "durable"}).json()["id"]
    failed = site.run("fails").json()["id"]
    assert failed
    with site.as_key(site.new_key(scopes=["flows", "runs"], models=["flow/asks"])) as client:
        for run in (theirs, failed):
            missing = client.get("/api/v1/runs/run_0000/events").json()["detail"].replace("run_0000", run)
            for method, path in (
                ("GET", "events"),
                ("POST", "cancel"),
                ("POST", "resume"),
                ("POST", "fork?from=loud"),
                ("POST", "replay"),
            ):
                answer = client.request(method, f"/api/v1/runs/{run}/{path}")
                assert (answer.status_code, answer.json()["detail"]) == (404, missing), path
            assert "mine" not in client.get(f"/api/v1/runs/{run}").text
        assert client.get("/api/v1/flow-runs").json()["data"] == []
        assert client.get("/api/v1/flow-runs", params={"flow": "shout"}).json()["data"] == []
    with site.as_key(site.new_key(scopes=["flows"], models=["flow/shout"])) as client:
        assert client.post(f"/api/v1/runs/{theirs}/replay").status_code == 200
        assert {run["flow"] for run in client.get("/api/v1/flow-runs").json()["data"]} == {"shout"}
