"""Limits of a plan on what its models may write: they hold before the first call, and are told."""

from plans import ask_virtually, models
from quorate.parallel.plan import Member, Params, Select
from quorate.wire.chat import ChatRequest, Message

QUESTION = (Message(role="user", content="Why?"),)


def asking(**fields: int) -> ChatRequest:
    return ChatRequest(messages=QUESTION, **fields)  # pyright: ignore[reportArgumentType] - limits only


def test_a_caller_s_limit_is_lowered_to_the_plan_s_and_that_is_told() -> None:
    named = models(a="Paris", b="Paris")
    result = ask_virtually(named, asking(max_tokens=500), max_tokens=100)
    assert [model.requests[0].max_tokens for model in named.values()] == [100, 100]
    assert "max_tokens was lowered to 100, the plan's limit, for a, b" in result.warnings


def test_without_a_limit_the_plan_s_holds_and_nothing_was_lowered() -> None:
    named = models(a="Paris")
    result = ask_virtually(named, asking(), max_tokens=100)
    assert named["a"].requests[0].max_tokens == 100
    assert not any("lowered" in warning for warning in result.warnings)


def test_a_lower_limit_stays() -> None:
    named = models(a="Paris")
    ask_virtually(named, asking(max_tokens=10), max_tokens=100)
    assert named["a"].requests[0].max_tokens == 10


def test_the_limit_is_lowered_under_the_name_it_came_with() -> None:
    named = models(a="Paris")
    ask_virtually(named, asking(max_completion_tokens=500), max_tokens=100)
    assert (named["a"].requests[0].max_completion_tokens, named["a"].requests[0].max_tokens) == (100, None)


def test_a_member_cannot_go_past_the_plan() -> None:
    named = models(a="Paris")
    result = ask_virtually(named, asking(), members=(Member(model="a", params=Params(max_tokens=900)),), max_tokens=100)
    assert named["a"].requests[0].max_tokens == 100
    assert any("lowered" in warning for warning in result.warnings)


def test_a_judge_and_a_synthesiser_have_a_limit_of_their_own() -> None:
    for select in (Select.PROMPT_SELECTOR, Select.SYNTHESIS):
        named = models(a="Paris", b="London", helper="Paris")
        ask_virtually(
            named,
            asking(max_tokens=50),
            members=(Member(model="a"), Member(model="b")),
            select=select,
            judge="helper",
            synthesiser="helper",
            helper_max_tokens=7,
        )
        assert {request.max_tokens for request in named["helper"].requests} == {7}
        assert named["a"].requests[0].max_tokens == 50
