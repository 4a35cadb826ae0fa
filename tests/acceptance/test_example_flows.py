"""The flows in examples/flows/ run, with simulated models that answer what the flows ask for."""

from pathlib import Path

import pages
from flow_house import flow_house
from quorate.flows.outcome import RunStatus

FOLDER = pages.ROOT / "examples/flows"
TEXT = "Painting painting stairs. Stairs stairs!"


async def test_hello(tmp_path: Path) -> None:
    async with flow_house(FOLDER, tmp_path, answers={"Say hello to Ada": "Hello, Ada!"}) as house:
        result = await house.run("hello", {"name": "Ada"})
    assert result.status is RunStatus.SUCCEEDED
    assert result.simulated
    assert (result.steps["greet"].simulated, result.steps["page"].simulated) == (True, False)
    assert result.outputs == {"greeting": "Hello, Ada!", "page": "# A greeting for Ada\n\nHello, Ada!\n"}


async def test_briefing(tmp_path: Path) -> None:
    answers = {
        "Write a briefing": "Here it is:\n```markdown\n# Briefing\n```",
        "List three plays": "```markdown\n# Plays\n```",
        "Extract the number": '{"contracts": 3, "total_usd": 90000}',
        "Make an annex": '```json\n{"sources": [], "open_questions": []}\n```',
    }
    async with flow_house(FOLDER, tmp_path, answers=answers) as house:
        result = await house.run("briefing", {"account": "Example Works", "evidence": "Three contracts."})
    assert (result.status, result.errors) == (RunStatus.SUCCEEDED, ())
    assert result.outputs == {
        "briefing": "# Briefing",
        "plays": "# Plays",
        "procurement": {"contracts": 3, "total_usd": 90000},
        "annex": {"sources": [], "open_questions": []},
    }


async def test_text_insights(tmp_path: Path) -> None:
    answers = {
        "positive, neutral": '"neutral"',
        "List the people": '["Stairs"]',
        "in one word": "painting",
        "into German": "Treppen",
        "into French": "Escaliers",
    }
    async with flow_house(FOLDER, tmp_path, answers=answers) as house:
        result = await house.run("text_insights", {"text": TEXT, "amount": 3})
    assert (result.status, result.errors) == (RunStatus.SUCCEEDED, ())
    assert result.outputs["insights"] == {"sentiment": "neutral", "entities": ["Stairs"], "subject": "painting"}
    assert result.outputs["phrases"] == ["stairs", "painting"]
    assert [each["text"] for each in result.outputs["translations"]] == ["Treppen", "Escaliers"]
    assert result.outputs["headline"] == "- **Subject**: painting\n- **Worth**: $3.00 USD\n"
