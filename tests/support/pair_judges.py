"""Pair judges that do what a test tells them, and answers whose texts leave it open whether they agree."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from quorate.model import Call, Charge, Completion, Delta, Usage, opens_reply
from quorate.providers.price import Price
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, Message

ESSAY_QUESTION = "Why do cities plant trees along their streets? Explain in detail."
_LABELLED = re.compile(
    r'<answer-(?P<nonce>[\w-]+) label="(?P<label>[A-Z]+)">\n(?P<text>.*?)\n</answer-(?P=nonce)>', re.DOTALL
)
_SENTENCES = (
    "Trees along a street give shade to people who walk there and to houses that stand beside the pavement.",
    "Leaves take dust and soot from the air, so that residents breathe air that is cleaner than before.",
    "Roots drink rain that would otherwise run over asphalt and flood cellars after a heavy storm.",
    "Birds and insects find food and shelter in crowns, which keeps gardens nearby alive.",
    "Shops under trees sell more because customers stay longer where it is pleasant to walk.",
    "Drivers slow down when trunks frame the road, so fewer accidents happen near schools.",
    "Heat in summer falls by several degrees where crowns close above the street.",
    "Neighbours who care for a tree together begin to know each other and look after the block.",
)


def essay(number: int, claim: str = "The gain is greater than the cost of care.") -> str:
    """Return one of several essays of 120 words and more that say the same in another order, then `claim`."""
    turned = _SENTENCES[number % len(_SENTENCES) :] + _SENTENCES[: number % len(_SENTENCES)]
    return " ".join((*turned, claim))


def agree(a_implies_b: bool, b_implies_a: bool | None = None, reason: str = "it says so") -> str:
    """Return a verdict as a judge writes it."""
    other = a_implies_b if b_implies_a is None else b_implies_a
    return json.dumps({"a_implies_b": a_implies_b, "b_implies_a": other, "reason": reason})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a pair judge was asked: the answers under A and B, the whole prompt, and when."""

    a: str
    b: str
    prompt: str
    at_s: float


class PairJudgeModel:
    """Answers with what `decide` makes of the answers under A and B, after `delay_s`; keeps what it was `asked`."""

    def __init__(
        self, decide: Callable[[str, str], str], *, name: str = "judge", delay_s: float = 1.0, cost_microusd: int = 5
    ) -> None:
        self.name = name
        self._decide = decide
        self._delay_s = delay_s
        self._cost_microusd = cost_microusd
        self.asked: list[Asked] = []
        self.cancelled = 0

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Judge."""
        prompt = request.messages[-1].text
        a, b = (found["text"] for found in _LABELLED.finditer(prompt))
        self.asked.append(Asked(a=a, b=b, prompt=prompt, at_s=call.at_s))
        try:
            await asyncio.sleep(self._delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        call.budget.charge(
            Charge(usage=Usage(prompt_tokens=9, completion_tokens=1), cost_microusd=self._cost_microusd), by=self.name
        )
        message = Message(content=self._decide(a, b))
        yield Completion(
            response=ChatResponse(choices=(Choice(message=message, finish_reason="stop"),)), model=self.name
        )


def yes(a: str, b: str) -> str:
    """Find that any two answers mean the same."""
    del a, b
    return agree(True)


def by_claim(a: str, b: str) -> str:
    """Find that two essays mean the same if their last sentences do."""
    return agree(a.rstrip(".").rpartition(". ")[2] == b.rstrip(".").rpartition(". ")[2])


class ChoiceJudgeModel:
    """Chooses by what `decide` makes of the answers, in the order shown; keeps how often it was `asked`."""

    def __init__(self, name: str, decide: Callable[[Sequence[str]], int], *, price: Price | None = None) -> None:
        self.name = name
        self.price = price
        self._decide = decide
        self.asked = 0

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Choose."""
        self.asked += 1
        shown = [(found["label"], found["text"]) for found in _LABELLED.finditer(request.messages[-1].text)]
        label = shown[self._decide([text for _, text in shown])][0]
        call.budget.charge(Charge(usage=Usage(prompt_tokens=9, completion_tokens=1), cost_microusd=5), by=self.name)
        message = Message(content=json.dumps({"best": label, "reason": "it is the best"}))
        yield Completion(
            response=ChatResponse(choices=(Choice(message=message, finish_reason="stop"),)), model=self.name
        )
