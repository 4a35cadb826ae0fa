"""A cascade behind the gateway: one name for every OpenAI client."""

from typing import Any

from asgi import RunList, ask, chat_body, runs_of, services_of
from cascades import as_model, stages
from quorate.model import Model, Usage
from quorate.parallel.plan import Plan
from quorate.providers.price import Price
from quorate.server.app import Gateway
from quorate.server.fan_out import fan_out
from quorate.server.held import worst_case
from quorate.server.services import Services
from quorate.testing import ScriptedAnswer, ScriptedModel, run_virtual

CHAT = "/v1/chat/completions"
PAIR = stages(["a", "b"], "strong")


class Priced(ScriptedModel):
    price = Price(input_microusd_per_mtok=0, output_microusd_per_mtok=0, request_microusd=100)


def serving(plan: Plan = PAIR, **texts: str) -> tuple[Services, dict[str, Priced]]:
    usage = Usage(prompt_tokens=3, completion_tokens=2)
    members = {
        name: Priced(name, ScriptedAnswer(text=text, usage=usage, cost_microusd=10)) for name, text in texts.items()
    }
    models: dict[str, Model] = dict(members)
    return services_of({**models, "thrifty": as_model("thrifty", plan, models)}, writer=RunList()), members


def asked(services: Services, **body: Any) -> Any:
    return run_virtual(ask(Gateway(services), "POST", CHAT, chat_body(model="thrifty", **body)))


def test_a_client_names_it_like_a_model() -> None:
    services, members = serving(a="Paris", b="Paris", strong="Lyon")
    body = asked(services).json
    assert (body["model"], body["choices"][0]["message"]["content"]) == ("thrifty", "Paris")
    assert [stage["escalated"] for stage in body["quorate"]["stages"]] == [False]
    assert members["strong"].opens == 0


def test_the_record_has_the_stages_as_groups() -> None:
    services, _ = serving(a="Lyon", b="Rome", strong="Paris")
    assert asked(services).status == 200
    (run,) = runs_of(services)
    assert (run.mode, run.cost_microusd) == ("cascade", 30)
    assert [(each.branch, each.group, each.selected) for each in run.branches] == [
        ("a", 1, False),
        ("b", 1, False),
        ("strong", 2, True),
    ]


def test_it_streams() -> None:
    services, _ = serving(a="Lyon", b="Rome", strong="Paris")
    answer = asked(services, stream=True)
    assert '"content":"Paris"' in answer.body.decode()
    assert answer.body.decode().rstrip().endswith("data: [DONE]")


def test_a_parallel_field_with_models_of_its_own_is_no_cascade() -> None:
    services, members = serving(a="Lyon", b="Rome", strong="Paris")
    body = asked(services, parallel={"models": ["a", "strong"]}).json
    assert len(body["responses"]) == 2
    assert members["b"].opens == 0


def test_a_parallel_field_may_change_how_it_runs() -> None:
    services, _ = serving(a="Paris", b="Paris", strong="Paris")
    body = asked(services, parallel={"retries": 0}).json
    assert body["stopped"] == "content"
    refused = asked(services, parallel={"select": "synthesis", "synthesiser": "a"})
    assert refused.status == 400


def test_a_budget_holds_all_stages_and_all_judges() -> None:
    plan = stages("a", "b", "strong", judge="judge")
    services, members = serving(plan, a="x", b="y", strong="z", judge="{}")
    resolve = {**members, "thrifty": as_model("thrifty", plan, {**members})}
    held = worst_case(
        resolve["thrifty"],
        "thrifty",
        resolve=resolve.__getitem__,
        prompt_tokens=10,
        max_output_tokens=10,
        attempts=1,
    )
    assert held.by_model == {"a": 100, "b": 100, "strong": 100, "judge": 200}
    assert held.total_microusd == 500
    assert fan_out(plan, resolve.__getitem__) == 3
    assert asked(services).status == 200
