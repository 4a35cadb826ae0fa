"""What agreement sees of a plan's answers: the functions they call, and the fields that the plan says decide."""

from plans import after, ask_virtually, models
from quorate.consensus import Kind
from quorate.contracts.contract import Contract, OutputType
from quorate.contracts.schema import read_schema
from quorate.parallel.plan import Mode
from quorate.parallel.result import Result
from quorate.testing import ScriptedAnswer
from quorate.wire.chat import FunctionCall, ToolCall

ORDER = '{"id": 7, "note": "seen on Monday"}'


def calling(delay_s: float, arguments: str, name: str = "get_weather", text: str = "") -> ScriptedAnswer:
    function = FunctionCall(name=name, arguments=arguments)
    call = ToolCall(index=0, id=f"call-{delay_s}", type="function", function=function)
    return ScriptedAnswer(text=text, delay_s=delay_s, finish_reason="tool_calls", tool_calls=(call,))


def agreed(result: Result) -> tuple[Kind, float]:
    assert result.agreement is not None
    return result.agreement.kind, result.agreement.score


def test_models_that_call_the_same_function_agree() -> None:
    named = models(
        a=calling(1, '{"city": "Rome", "days": 3}'),
        b=calling(2, '{"days": 3.0, "city": "Rome"}', text="Let me look."),
        c=calling(3, '{"city": "Bari", "days": 3}'),
    )
    result = ask_virtually(named, "What is the weather?")
    assert agreed(result) == (Kind.TOOL_CALL, 2 / 3)
    assert result.completion.response.choices[0].message.tool_calls


def test_a_quorum_of_calls_stops_early() -> None:
    named = models(**{name: calling(at, '{"city": "Rome"}') for at, name in enumerate("abcde", start=1)})
    result = ask_virtually(named, "What is the weather?", mode=Mode.QUORUM, min_models=3)
    assert agreed(result) == (Kind.TOOL_CALL, 1.0)
    assert [branch.ok for branch in result.branches] == [True, True, True, False, False]


def test_a_call_and_a_text_disagree() -> None:
    named = models(a=calling(1, '{"city": "Rome"}'), b=after(2, "It is sunny in Rome."))
    assert agreed(ask_virtually(named, "What is the weather?"))[1] == 0.5


def test_the_plan_s_key_fields_decide_alone() -> None:
    named = models(a=after(1, ORDER), b=after(2, ORDER.replace("Monday", "Friday")))
    assert agreed(ask_virtually(named, "Extract the order.")) == (Kind.JSON, 0.5)
    assert agreed(ask_virtually(named, "Extract the order.", key_fields=("id",))) == (Kind.JSON, 1.0)


def test_a_schema_s_marked_fields_decide_where_the_plan_names_none() -> None:
    properties = {"id": {"type": "integer", "x-key": True}, "note": {"type": "string", "x-key": False}}
    schema = read_schema({"type": "object", "properties": properties}, param="output.schema")
    contract = Contract(type=OutputType.OBJECT, schema=schema)
    named = models(a=after(1, ORDER), b=after(2, ORDER.replace("Monday", "Friday")))
    assert agreed(ask_virtually(named, "Extract the order.", output=contract)) == (Kind.JSON, 1.0)
    by_note = ask_virtually(named, "Extract the order.", output=contract, key_fields=("note",))
    assert agreed(by_note) == (Kind.JSON, 0.5)


def test_marked_fields_are_found_behind_a_reference() -> None:
    marked = {"type": "object", "properties": {"id": {"x-key": True}, "note": {}}}
    schema = read_schema({"$ref": "#/$defs/order", "$defs": {"order": marked}}, param="schema")
    assert schema.key_fields == ("id",)
    assert read_schema({"type": "object"}, param="schema").key_fields == ()
