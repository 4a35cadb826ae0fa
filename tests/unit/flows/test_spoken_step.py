"""Which step's text is the answer of a flow while it is being said."""

import pytest

from quorate.flows.executors.standard import standard_executors
from quorate.flows.flow_compiler import FlowCompiler
from quorate.flows.language.read import read_flow_text
from quorate.flows.plan import FlowPlan
from quorate.flows.spoken_step import spoken_step

ASKS = """
name: asks
{limits}
steps:
  - name: reply
    executor: llm
    config: {{model: m, prompt: hello, stream: true}}
    {step}
outputs: {{answer: "{answer}"}}
"""


def plan(*, limits: str = "", step: str = "", answer: str = "{{ steps.reply.text }}") -> FlowPlan:
    text = ASKS.format(limits=limits, step=step, answer=answer)
    return FlowCompiler(standard_executors(), None).compile(read_flow_text(text, "asks.yaml"))


def test_an_answer_that_is_the_text_of_a_step_is_said_by_it() -> None:
    asks = plan()
    assert spoken_step(asks, asks.outputs[0]) == "reply"


@pytest.mark.parametrize(
    "asks",
    [
        plan(answer="{{ steps.reply.text | upper }}"),
        plan(answer="{{ steps.reply.text }}!"),
        plan(answer="{{ steps.reply.text | replace('ACME', '***') }}"),
        plan(answer="{{ 'no' if 'ACME' in steps.reply.text else steps.reply.text }}"),
        plan(answer="{{ steps.reply.model }}"),
        plan(step="retry: {max_attempts: 2}"),
        plan(step="on_error: {value: {text: sorry}}"),
        plan(step="on_error: continue"),
        plan(limits="limits: {max_retries: 1}"),
    ],
    ids=[
        *("changed", "with more", "redacted", "refused", "no text"),
        *("done again", "stood in for", "left out", "its run done again"),
    ],
)
def test_what_may_not_stay_as_it_was_said_is_said_at_the_end(asks: FlowPlan) -> None:
    assert spoken_step(asks, asks.outputs[0]) is None
