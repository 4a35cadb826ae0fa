"""Flows from Python: by name, from a file, with files, durable, without await."""

from pathlib import Path

import pytest

from quorate import Quorate, SyncQuorate
from quorate.core.errors import InvalidRequest, Misconfigured, NotFound
from quorate.model import Event

ASK = """
name: greet
inputs: {name: {type: string, required: true}, letter: {type: file}}
outputs: {said: "{{ steps.greet.text }}", letter: "{{ inputs.letter.name if inputs.letter else none }}"}
steps: [{name: greet, executor: llm, config: {model: sim-atlas, prompt: "Hello {{ inputs.name }}"}}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/greet.yaml").write_text(ASK)
    (tmp_path / "quorate.yaml").write_text(
        "version: 1\nmodels: {sim-atlas: {type: simulated, time_scale: 0}}\nflows: {journal: 'sqlite:///runs.db'}\n"
    )
    return tmp_path


async def test_a_flow_of_the_folder_runs_by_name(folder: Path) -> None:
    events: list[Event] = []
    async with Quorate.from_file(folder / "quorate.yaml") as q:
        assert await q.flows() == ("greet",)
        result = await q.flow("greet", name="Ada", on_event=events.append)
    assert result.status == "succeeded"
    assert "Ada" in result.outputs["said"]
    assert [event.__struct_config__.tag for event in events][:2] == ["flow.started", "step.started"]


async def test_a_flow_in_a_file_runs_with_the_models_there_are(folder: Path) -> None:
    (folder / "letter.txt").write_text("Dear neighbours")
    async with Quorate.simulated(time_scale=0) as q:
        result = await q.flow(folder / "flows/greet.yaml", {"name": "Ada"}, letter=folder / "letter.txt")
    assert result.outputs["letter"] == "letter.txt"
    assert list((folder / "home").rglob("flow-files/*")) == []


async def test_a_changed_file_counts_from_the_next_run_on(folder: Path) -> None:
    file = folder / "flows/greet.yaml"
    async with Quorate.from_file(folder / "quorate.yaml") as q:
        await q.flow("greet", name="Ada")
        file.write_text(ASK.replace("Hello", "Welcome dear friend"))
        assert "Welcome" in (await q.flow("greet", name="Ada")).outputs["said"]


async def test_a_durable_run_is_kept(folder: Path) -> None:
    async with Quorate.from_file(folder / "quorate.yaml") as q:
        await q.flow("greet", name="Ada", durable=True)
    assert (folder / "runs.db").is_file()


async def test_what_cannot_be_run_is_told(folder: Path) -> None:
    (folder / "flows/bad.yaml").write_text("steps: 3")
    async with Quorate.from_file(folder / "quorate.yaml") as q:
        with pytest.raises(NotFound, match="did you mean 'greet'"):
            await q.flow("gret", name="Ada")
        with pytest.raises(Misconfigured, match=r"bad\.yaml:1:8"):
            await q.flow("bad")
        with pytest.raises(InvalidRequest, match="is missing"):
            await q.flow("greet")
        with pytest.raises(InvalidRequest, match="cannot be read"):
            await q.flow("greet", name="Ada", letter="gone.txt")


async def test_there_are_no_flows(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text("version: 1\nmodels: {a: {type: simulated}}\n")
    async with Quorate.from_file(tmp_path / "quorate.yaml") as q:
        assert await q.flows() == ()
        with pytest.raises(Misconfigured, match="no folder"):
            await q.flow("greet")


def test_without_await(folder: Path) -> None:
    with SyncQuorate.from_file(folder / "quorate.yaml") as q:
        assert q.flows() == ("greet",)
        assert q.flow("greet", name="Ada").status == "succeeded"
