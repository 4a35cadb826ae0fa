import gzip
import itertools
import json
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from quorate.consensus import Kind
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import (
    RecordedAnswer,
    RecordedFailure,
    Recording,
    encode_recording,
    read_recordings,
)

CANONICAL = {
    "track": "exams",
    "task": "law",
    "prompt_id": "17",
    "prompt": "Which?",
    "truth": "B",
    "extra": [1],
    "answers": [
        {"model": "m1", "text": "B", "key": "B", "correct": 1, "latency_s": 0.5, "cost_microusd": 95},
        {"model": "m2", "text": "A", "correct": 0, "prompt_tokens": 3, "completion_tokens": 1},
    ],
}
COMPACT = {"q": "How many?", "gt": "18", "answers": {"m1": "18", "m2": "It is 17"}, "split": "dev"}
EXPECTED = Recording(
    track="exams",
    task="law",
    prompt_id="17",
    prompt="Which?",
    truth="B",
    answers=(
        RecordedAnswer(model="m1", text="B", key="B", correct=True, latency_s=0.5, cost_microusd=95),
        RecordedAnswer(model="m2", text="A", correct=False, prompt_tokens=3, completion_tokens=1),
    ),
)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    if name.endswith(".gz"):
        data = gzip.compress(data)
    elif name.endswith(".zst"):
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


def lines(*values: object) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_reads_both_forms_from_every_container(tmp_path: Path, name: str) -> None:
    found = list(read_recordings(written(tmp_path, name, lines(CANONICAL) + b"\n" + lines(COMPACT))))
    assert found[0] == EXPECTED
    assert found[1].track == "a"
    assert found[1].prompt_id == "3"
    assert [(answer.model, answer.text, answer.correct) for answer in found[1].answers] == [
        ("m1", "18", None),
        ("m2", "It is 17", None),
    ]


def test_reads_a_file_of_several_zstandard_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.compress(lines(CANONICAL)) + zstandard.compress(lines(COMPACT)))
    assert len(list(read_recordings(path))) == 2


@pytest.mark.parametrize(("gt", "truth"), [(18, "18"), (1.5, "1.5"), (None, ""), ("x", "x")])
def test_a_truth_may_be_a_number(tmp_path: Path, gt: object, truth: str) -> None:
    assert next(read_recordings(written(tmp_path, "a.jsonl", lines(COMPACT | {"gt": gt})))).truth == truth


def test_it_streams(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", lines(*itertools.repeat(CANONICAL, 3)) + b"broken\n")
    reader = read_recordings(path)
    assert [next(reader) for _ in range(3)] == [EXPECTED] * 3
    with pytest.raises(InvalidRequest, match=r"a\.jsonl:4: "):
        next(reader)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "malformed"),
        (b"[1]", "Expected `object`"),
        (b"{}", "prompt"),
        (lines({"prompt": "x", "answers": []}), "'answers' is empty"),
        (lines({"prompt": "x", "answers": [{"model": "m"}]}), "text"),
        (lines({"q": "x", "gt": "1", "answers": {"m": 3}}), "Expected `str`"),
        (lines({"q": "x", "answers": {"m": "3"}}), "gt"),
        (b'{"prompt": "\xff"}', "utf-8"),
        (b'{"a":' * 5_000, "recursion|truncated|malformed"),
    ],
)
def test_a_bad_line_names_file_line_fault_and_form(tmp_path: Path, line: bytes, reason: str) -> None:
    path = written(tmp_path, "a.jsonl", lines(CANONICAL) + line)
    with pytest.raises(InvalidRequest, match=reason) as caught:
        list(read_recordings(path))
    assert f"{path}:2: " in caught.value.message
    assert "expected" in caught.value.message


def test_a_cut_or_foreign_container_is_reported(tmp_path: Path) -> None:
    whole = gzip.compress(lines(*itertools.repeat(CANONICAL, 50)))
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[:-20])
    (tmp_path / "foreign.jsonl.gz").write_bytes(b"plain")
    (tmp_path / "foreign.jsonl.zst").write_bytes(b"plain")
    for name in ("cut.jsonl.gz", "foreign.jsonl.gz", "foreign.jsonl.zst", "missing.jsonl"):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            list(read_recordings(tmp_path / name))


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"\.jsonl\.zst"):
        list(read_recordings(tmp_path / "a.csv"))


@given(prompt=st.text(), answers=st.dictionaries(st.text(), st.text(), min_size=1, max_size=4))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, prompt: str, answers: dict[str, str]
) -> None:
    path = written(tmp_path_factory.mktemp("r"), "a.jsonl.zst", lines({"q": prompt, "gt": "", "answers": answers}))
    (found,) = read_recordings(path)
    assert found.prompt == prompt
    assert {answer.model: answer.text for answer in found.answers} == answers


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    recording = Recording(
        track="t",
        task="",
        prompt_id="7",
        prompt="Is it\nso?",
        truth="yes",
        kind=Kind.BOOLEAN,
        repeat=2,
        answers=(RecordedAnswer(model="a", text="Yes.", latency_s=0.5, cost_microusd=0, simulated=True),),
        failures=(RecordedFailure(model="b", code="deadline_exceeded", message="too late", cost_microusd=3),),
    )
    file = tmp_path / "r.jsonl"
    file.write_bytes(encode_recording(recording) + b"\n" + encode_recording(recording) + b"\n")
    assert list(read_recordings(file)) == [recording, recording]


def test_a_kind_that_does_not_exist_is_told(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text('{"prompt": "x", "kind": "poem", "answers": [{"model": "a", "text": "y"}]}\n')
    with pytest.raises(InvalidRequest, match=r"r\.jsonl:1: Invalid enum value 'poem'"):
        list(read_recordings(file))
