from pathlib import Path

import pytest

from quorate.analytics.questions import read_questions
from quorate.consensus import Kind
from quorate.core.errors import InvalidRequest


def test_questions_and_their_defaults(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(
        '{"prompt": "One?", "truth": 7}\n\n'
        '{"prompt": "Two?", "truth": "yes", "kind": "boolean", "track": "t", "task": "k", "prompt_id": 5}\n'
        '{"prompt": "Three?", "truth": 0.5}\n'
    )
    one, two, three = read_questions(file)
    assert (one.prompt, one.truth, one.kind, one.prompt_id) == ("One?", "7", None, "1")
    assert (two.truth, two.kind, two.track, two.task, two.prompt_id) == ("yes", Kind.BOOLEAN, "t", "k", "5")
    assert (three.truth, three.prompt_id) == ("0.5", "4")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "q.jsonl:2: "),
        ('{"truth": "x"}', "missing required field `prompt`"),
        ('{"prompt": " "}', "q.jsonl:2: the prompt is empty"),
        ('{"prompt": "x", "kind": "poem"}', "Invalid enum value 'poem'"),
        ('{"prompt": "x", "answer": "y"}', "unknown field `answer`"),
        ('{"prompt": "x", "prompt_id": "1"}', "the prompt_id '1' is that of line 1"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text('{"prompt": "fine"}\n' + line + "\n")
    with pytest.raises(InvalidRequest) as caught:
        read_questions(file)
    assert "q.jsonl:2: " in caught.value.message
    assert told in caught.value.message


def test_no_question_and_no_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InvalidRequest, match="there is no question in it"):
        read_questions(tmp_path / "empty.jsonl")
    with pytest.raises(InvalidRequest, match="cannot read the questions"):
        read_questions(tmp_path / "gone.jsonl")
