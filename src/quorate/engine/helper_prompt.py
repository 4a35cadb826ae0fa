"""How long the prompts are that a plan makes itself: those of its judges, its synthesiser and its later groups."""

from collections.abc import Sequence

from quorate.consensus import (
    MAX_PARTS,
    Agreement,
    Cluster,
    Kind,
    LabelledAnswer,
    PromptMessage,
    attribution_messages,
    labels,
    pair_judge_messages,
    ranking_messages,
    selection_messages,
    synthesis_messages,
)
from quorate.consensus.judge import adequacy_messages
from quorate.parallel.branch import Branch
from quorate.parallel.plan import Plan
from quorate.providers.estimate import estimate_prompt_tokens
from quorate.templating import Plain, Template
from quorate.wire.chat import ChatRequest, Message, user_request

_NONCE = "0" * 32
#: What a synthesiser is told of each answer besides its text has at most so many characters; an emoji is the dearest.
_DEAREST_SUMMARY = "\U0001f600" * 200
#: Stand-ins for texts of which only the length is known: characters that no template is written with.
_QUESTION = "\U000f0000"
_FIRST_ANSWER = 0xF0001


def judge_tokens(plan: Plan, question_tokens: int, answer_tokens: Sequence[int]) -> int:
    """Return how long the prompt of the plan's judge is at most, with answers of so many tokens."""
    messages = selection_messages("", _blank(len(answer_tokens)), plan.instructions or "", nonce=_NONCE)
    return _tokens(messages) + question_tokens + sum(answer_tokens)


def pair_judge_tokens(question_tokens: int, answer_tokens: Sequence[int]) -> int:
    """Return how long the prompt of a pair judge is with two answers of so many tokens."""
    return _tokens(pair_judge_messages("", "", "", nonce=_NONCE)) + question_tokens + sum(answer_tokens)


def review_tokens(question_tokens: int, answer_tokens: Sequence[int]) -> int:
    """Return how long the prompt of a peer review is at most, with answers of so many tokens."""
    messages = ranking_messages("", _blank(len(answer_tokens)), nonce=_NONCE)
    return _tokens(messages) + question_tokens + sum(answer_tokens)


def sources_tokens(question_tokens: int, answer_tokens: Sequence[int], text_tokens: int) -> int:
    """Return how long the prompt is at most that asks where the parts of a synthesis of `text_tokens` come from."""
    messages = attribution_messages("", _blank(len(answer_tokens)), [""] * MAX_PARTS, nonce=_NONCE)
    return _tokens(messages) + question_tokens + sum(answer_tokens) + text_tokens


def adequacy_tokens(question_tokens: int, answer_tokens: int) -> int:
    """Return how long the prompt is of a judge who is shown one answer of so many tokens."""
    return _tokens(adequacy_messages("", "", nonce=_NONCE)) + question_tokens + answer_tokens


def synthesiser_tokens(plan: Plan, question_tokens: int, answer_tokens: Sequence[int]) -> int:
    """Return how long the prompt of the plan's synthesiser is at most: when none of the answers agree."""
    count = len(answer_tokens)
    answers = _blank(count)
    clusters = tuple(Cluster(members=(i,), share=1 / count, answer=_DEAREST_SUMMARY, medoid=i) for i in range(count))
    apart = Agreement(score=0.0, kind=Kind.PROSE, clusters=clusters, abstentions=(), threshold=1.0, method="")
    messages = synthesis_messages("", answers, apart, method=plan.synthesis.value, nonce=_NONCE)
    return _tokens(messages) + question_tokens + sum(answer_tokens)


def stage_tokens(
    template: Template, question_tokens: int, branches: Sequence[Branch], answer_tokens: Sequence[int]
) -> int:
    """Return how long the prompt of a later group is when every one of the earlier `branches` has answered.

    The template is rendered with stand-ins and each of them counted as what it stands for. Raises `TemplateError` as
    the run would.
    """
    marks = [chr(_FIRST_ANSWER + i) for i in range(len(branches))]
    answers: list[Plain] = []
    groups: dict[int, list[Plain]] = {}
    for mark, branch in zip(marks, branches, strict=True):
        answer: Plain = {"model": branch.member.model, "branch": branch.id, "text": mark, "group": branch.group}
        answers.append(answer)
        groups.setdefault(branch.group, []).append(answer)
    text = template.render({"prompt": _QUESTION, "answers": answers, "groups": groups})
    stood_for = text.count(_QUESTION) * question_tokens
    stood_for += sum(text.count(mark) * tokens for mark, tokens in zip(marks, answer_tokens, strict=True))
    bare = text.translate(dict.fromkeys(map(ord, (_QUESTION, *marks))))
    return estimate_prompt_tokens(user_request(bare)) + stood_for


def _blank(count: int) -> tuple[LabelledAnswer, ...]:
    return tuple(LabelledAnswer(label=label, text="") for label in labels(count))


def _tokens(messages: Sequence[PromptMessage]) -> int:
    asked = ChatRequest(messages=tuple(Message(role=each.role, content=each.content) for each in messages))
    return estimate_prompt_tokens(asked)
