"""Flows drawn: nothing overlaps, nothing is missing, and no colour is needed to read it."""

import re
from collections.abc import Iterator
from itertools import combinations
from xml.etree import ElementTree as ET  # our own output, no entities

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_compiling import compiled, steps_flow
from quorate.flows.draw_mermaid import draw_mermaid
from quorate.flows.draw_svg import draw_svg
from quorate.flows.graph import graph_of
from quorate.flows.graph_layout import NAME_SIZE, NOTE_SIZE, Box, Picture, laid_out
from quorate.flows.outcome import StepOutcome, StepStatus
from quorate.flows.plan import FlowPlan
from quorate.flows.text_width import text_width

FLOW = compiled("""
name: trial
steps:
  - {name: a, executor: note, on_error: {fallback: f}}
  - {name: f, executor: note}
  - name: each_one
    foreach: {items: [1, 2]}
    steps:
      - {name: b, executor: note, config: {text: "{{ steps.a.text }}"}}
      - {name: c, executor: note, condition: "steps.b.text == '<&\\">'"}
  - name: route
    depends_on: [a]
    switch:
      - {when: "steps.a.pages > 3", steps: [{name: d, executor: note}]}
      - {steps: []}
  - {name: end, executor: note, depends_on: [a, each_one, route]}
finally:
  - {name: clean, executor: note}
""")
OUTCOMES = {
    outcome.path: outcome
    for outcome in (
        StepOutcome(path="a", status=StepStatus.SUCCEEDED, latency_s=1.5, handled_by="fallback"),
        StepOutcome(path="a/f", status=StepStatus.SUCCEEDED, latency_s=0.5),
        StepOutcome(path="each_one[0]/b", status=StepStatus.SUCCEEDED),
        StepOutcome(path="each_one[1]/b", status=StepStatus.FAILED),
        StepOutcome(path="route", status=StepStatus.SKIPPED, reason="false"),
    )
}
ROUNDING = 1e-6
SVG = "{http://www.w3.org/2000/svg}"


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def within(one: Box, other: Box) -> bool:
    return (
        other.x <= one.x + ROUNDING
        and other.y <= one.y + ROUNDING
        and one.x + one.width <= other.x + other.width + ROUNDING
        and one.y + one.height <= other.y + other.height + ROUNDING
    )


def samples(picture: Picture) -> Iterator[tuple[str, str, float, float]]:
    """Yield points of every line, ends excepted; a curve stays between the heights of its ends."""
    for line in picture.lines:
        for (x, y), (next_x, next_y) in zip(line.points, line.points[1:], strict=False):
            for share in (0.25, 0.5, 0.75):
                if x == next_x:
                    yield line.source, line.target, x, y + (next_y - y) * share


def assert_sound(plan: FlowPlan, picture: Picture) -> None:
    for one, other in combinations(picture.boxes, 2):
        assert not overlap(one, other) or within(one, other) or within(other, one), (one.path, other.path)
    for box in picture.boxes:
        assert within(box, Box(path="", kind="", x=0, y=0, width=picture.width, height=picture.height, title=""))
        assert text_width(box.title, NAME_SIZE) <= box.width
        assert all(text_width(note, NOTE_SIZE) <= box.width for note in box.notes)
    boxes = {box.path: box for box in picture.boxes}
    for source, target, x, y in samples(picture):
        for box in picture.boxes:
            inside = box.x < x < box.x + box.width and box.y < y < box.y + box.height
            assert not inside or within(boxes[source], box) or within(boxes[target], box), (source, target, box.path)
    named = {step.name for step in plan.every_step()}
    assert named == {box.title for box in picture.boxes if box.kind in {"execute", "group", "switch"}}


def test_boxes_stand_in_each_other_or_apart() -> None:
    assert_sound(FLOW, laid_out(graph_of(FLOW)))


def test_every_edge_is_drawn_downwards() -> None:
    picture = laid_out(graph_of(FLOW))
    assert {(line.source, line.target, line.is_fallback) for line in picture.lines} == {
        ("a", "f", True),
        ("a", "each_one", False),
        ("each_one/b", "each_one/c", False),
        ("a", "route", False),
        ("a", "end", False),
        ("each_one", "end", False),
        ("route", "end", False),
    }
    assert all(line.points[0][1] < line.points[-1][1] for line in picture.lines)


@st.composite
def flows(draw: st.DrawFn) -> FlowPlan:
    names: list[str] = []
    steps = ""
    for index in range(draw(st.integers(1, 10))):
        name = f"{draw(st.sampled_from(['s', 'WIDE_', 'quite_a_long_name_']))}{index}"
        wanted = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
        inside = draw(st.sampled_from(["executor: note", f"steps: [{{name: in_{index}, executor: note}}]"]))
        steps += f"  - {{name: {name}, {inside}, depends_on: [{', '.join(wanted)}]}}\n"
        names.append(name)
    return compiled(steps_flow(steps))


@settings(max_examples=25)
@given(flows())
def test_no_flow_is_drawn_with_boxes_that_overlap_or_lines_through_others(plan: FlowPlan) -> None:
    picture = laid_out(graph_of(plan))
    assert_sound(plan, picture)
    assert {(line.source, line.target) for line in picture.lines} == {
        (need, step.name) for step in plan.steps for need in step.needs
    }


def test_the_picture_is_well_formed_has_a_title_and_says_all_in_words() -> None:
    root = ET.fromstring(draw_svg(FLOW))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert title.text == "trial 1.0.0"
    assert "f (note) if a fails" in str(description.text)
    assert "end (note) after a, each_one, route" in str(description.text)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "flow-title flow-desc"


def test_text_of_users_is_text_in_the_picture() -> None:
    texts = [each.text for each in ET.fromstring(draw_svg(FLOW)).iter(f"{SVG}text")]
    assert "if steps.b.text == '<&\">'" in texts


def test_how_steps_ended_is_said_in_words() -> None:
    texts = [each.text for each in ET.fromstring(draw_svg(FLOW, OUTCOMES)).iter(f"{SVG}text")]
    assert "\u2713 succeeded (fallback), 1.50 s" in texts
    assert "\u2713 succeeded, 0.50 s" in texts
    assert "\u2717 1 failed, \u2713 1 succeeded" in texts
    assert "\u2013 skipped" in texts
    assert texts.count("not ended") == 5


@pytest.mark.parametrize("draw", [draw_svg, draw_mermaid])
def test_the_same_flow_is_drawn_the_same(draw: object) -> None:
    assert callable(draw)
    assert draw(FLOW, OUTCOMES) == draw(FLOW, OUTCOMES)


def test_the_picture_asks_for_nothing_from_outside() -> None:
    text = draw_svg(FLOW, OUTCOMES)
    assert "<script" not in text
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_mermaid_has_every_step_and_every_edge() -> None:
    text = draw_mermaid(FLOW)
    assert text.startswith("flowchart TD\n")
    ids = dict(re.findall(r'(s\d+)[\[{]?"?\[?"([a-z_]+)<br/>', text))
    ids |= dict(re.findall(r'subgraph (s\d+)\["([a-z_]+)<br/>', text))
    arrows = {(ids[one], ids[other]) for one, other in re.findall(r"(s\d+) --> (s\d+)", text)}
    assert set(ids.values()) == {step.name for step in FLOW.every_step()}
    assert arrows == {
        ("a", "each_one"),
        ("b", "c"),
        ("a", "route"),
        ("a", "end"),
        ("each_one", "end"),
        ("route", "end"),
    }
    assert re.search(r's0 -\. "if it fails" \.-> s1', text)
    assert text.count("subgraph") == len(re.findall(r"^ +end$", text, re.MULTILINE))


def test_mermaid_writes_what_is_not_plain_by_its_number() -> None:
    plan = compiled(steps_flow("""  - {name: a, executor: note, condition: 'inputs.get("x") == "];<b>"'}\n"""))
    assert "if inputs.get(#34;x#34;) == #34;#93;#59;#60;b#62;#34;" in draw_mermaid(plan)


def test_mermaid_marks_how_steps_ended() -> None:
    text = draw_mermaid(FLOW, OUTCOMES)
    assert re.search(r"class s\d+,s\d+ succeeded", text)
    assert re.search(r"class s\d+ failed", text)
    assert re.search(r"class s\d+ skipped", text)
