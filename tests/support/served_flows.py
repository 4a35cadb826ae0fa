"""A gateway on a real port that has a folder of flows, and keys for it."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from quorate.testing.local_gateway import LocalGateway

SHOUT = """
name: shout
version: {version}
description: Says a text loudly.
inputs:
  text: {{type: string, required: true, max_length: 100}}
  times: {{type: integer, default: 1, minimum: 1, maximum: 5}}
outputs:
  answer: "{{{{ steps.loud.output }}}}"
steps:
  - name: loud
    executor: transform
    config: {{value: "{{{{ (inputs.text | upper) * inputs.times }}}}{mark}"}}
tests:
  - {{name: it shouts, inputs: {{text: hey, times: 2}}, expect: {{outputs.answer: "HEYHEY{mark}"}}}}
"""
SLOW = """
name: slow
inputs:
  seconds: {type: number, default: 0.3}
outputs: {done: "{{ steps.after.output }}"}
steps:
  - {name: rest, executor: wait, config: {seconds: "{{ inputs.seconds }}"}}
  - {name: after, executor: transform, depends_on: [rest], config: {value: yes it is}}
"""
FILED = """
name: filed_paper
inputs:
  paper: {type: file, required: true, accept: [text/plain, .txt], max_bytes: 2000}
  title: {type: string, default: untitled}
  pages: {type: integer, default: 1}
outputs:
  name: "{{ inputs.paper.name }}"
  size: "{{ inputs.paper.size }}"
  sum: "{{ inputs.paper.sha256 }}"
  title: "{{ inputs.title }}"
  pages: "{{ inputs.pages + 1 }}"
steps:
  - {name: note, executor: transform, config: {value: noted}}
"""
ASKS = """
name: asks
inputs: {question: {type: string, required: true}}
outputs: {answer: "{{ steps.ask.text }}"}
config: {execution: {durability: fast}}
steps:
  - {name: ask, executor: llm, config: {model: sim-birch, prompt: "{{ inputs.question }}"}}
"""
FAILS = """
name: fails
inputs: {number: {type: integer, default: 0}}
outputs: {half: "{{ steps.check.valid }}"}
steps:
  - name: check
    executor: validate
    config: {data: "{{ inputs.number }}", schema: {type: string}}
"""
FLOWS = {
    "shout": SHOUT.format(version="1.0.0", mark=""),
    "slow": SLOW,
    "filed_paper": FILED,
    "asks": ASKS,
    "fails": FAILS,
}


def write_flows(folder: Path, flows: Mapping[str, str] = FLOWS) -> Path:
    """Write flows, a file each; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in flows.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowGateway:
    """A gateway and a client of it with an admin's key, if it asks for keys; `folder` has the flows."""

    gateway: LocalGateway
    client: httpx2.Client
    folder: Path

    def run(self, name: str, inputs: object = None, **more: Any) -> httpx2.Response:
        """The answer to a request to run a flow."""
        given = {} if inputs is None else {"json": inputs}
        return self.client.post(f"/api/v1/flows/{name}/run", **given, **more)

    def as_key(self, secret: str) -> httpx2.Client:
        """A client with another key."""
        return httpx2.Client(
            base_url=self.gateway.url, headers={"authorization": f"Bearer {secret}"}, timeout=30, trust_env=False
        )

    def new_key(self, **fields: object) -> str:
        """The text of a new key: `scopes`, `models`, `tenant`."""
        answer = self.client.post("/api/v1/keys", json={"name": "for a test", **fields})
        answer.raise_for_status()
        return str(answer.json()["secret"])


@contextmanager
def flow_gateway(folder: Path, config: str | None = None, **overrides: object) -> Generator[FlowGateway]:
    """Serve the flows of a folder until the context ends."""
    given = {
        "flows.folder": str(folder),
        "flows.files": str(folder.parent / "files"),
        "flows.journal": f"sqlite:///{folder.parent / 'flows.db'}",
        "flows.reload_s": 0.05,
        **overrides,
    }
    with LocalGateway(config, overrides=given) as gateway:
        headers = {"authorization": f"Bearer {gateway.key}"} if gateway.key else {}
        with httpx2.Client(base_url=gateway.url, headers=headers, timeout=30, trust_env=False) as client:
            yield FlowGateway(gateway=gateway, client=client, folder=folder)
