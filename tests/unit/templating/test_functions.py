"""Functions that users write: called from values, checked beforehand, explained when they fail."""

from collections.abc import Iterator, Mapping

import pytest

from quorate.templating import TemplateError
from quorate.templating.environment import Environment
from quorate.templating.function_check import check_functions
from quorate.templating.functions import FunctionPool

FUNCTIONS = {
    "shout": "def shout(text, times=1):\n    return mark(text.upper(), times)",
    "mark": "import math\n\ndef mark(text, times):\n    return text + '!' * math.floor(times)",
    "broken": "def broken(rows):\n    for row in rows:\n        row['nope']\n",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[FunctionPool]:
    pool = FunctionPool(workers=1, time_limit_s=2.0)
    yield pool
    pool.close()


def test_functions_call_each_other_and_are_filters_too(pool: FunctionPool) -> None:
    environment = Environment(functions=FUNCTIONS, pool=pool)
    value = environment.value("{{ inputs.text | shout(times=2) ~ shout('x') }}", name="config")
    assert value.render({"inputs": {"text": "hi"}}) == "HI!!X!"
    assert value.slow
    assert [found.names for found in value.references] == [("inputs", "text")]


def test_only_what_waits_for_another_process_is_slow() -> None:
    environment = Environment(
        functions={"f": "def f(): return 1"}, macros={"m": "{% macro m() %}{{ f() }}{% endmacro %}"}
    )
    for written, slow in (
        ("{{ f() }}", True),
        ("{{ m() }}", True),
        ({"a": ["x {{ f() }}"]}, True),
        ("{{ 'a' | regex_match('a') }}", True),
        ("{{ inputs.f }}", False),
        ("f()", False),
    ):
        assert environment.value(written, name="config").slow is slow
    assert environment.condition("f() > 1", name="condition").slow


def test_an_error_names_the_function_its_line_and_the_place_of_the_call(pool: FunctionPool) -> None:
    value = Environment(functions=FUNCTIONS, pool=pool).value("x\n{{ broken([{}]) }}", name="config")
    with pytest.raises(TemplateError, match=r"config:2:4: the function 'broken', line 3: KeyError: nope"):
        value.render({})
    with pytest.raises(TemplateError, match=r"the function 'shout', line 4 of 'mark': TypeError"):
        Environment(functions=FUNCTIONS, pool=pool).value("{{ shout('a', 'b') }}", name="config").render({})


def test_arguments_that_do_not_fit_are_an_error(pool: FunctionPool) -> None:
    with pytest.raises(TemplateError, match=r"the function 'shout', line 1: TypeError: .* 3 were given"):
        pool.call(FUNCTIONS, "shout", ["a", 1, 2])


def test_plain_data_goes_in_and_comes_out(pool: FunctionPool) -> None:
    data: dict[str, object] = {"a": [1, 2.5, None, True, "é\n\u2028"], "b": {"c": {}}}
    assert pool.call({"same": "def same(x): return x"}, "same", [data]) == data
    assert pool.call({"pair": "def pair(): return (1, {2: 3})"}, "pair") == [1, {"2": 3}]


def test_chance_comes_from_the_seed_of_the_run(pool: FunctionPool) -> None:
    environment = Environment(functions={"draw": "import random\ndef draw(): return random.random()"}, pool=pool)
    value = environment.value("{{ draw() }}", name="config")
    runs: list[Mapping[str, object]] = [{"run": {"seed": 1}}, {"run": {"seed": 1}}, {"run": {"seed": 2}}, {}]
    first, again, other, none = (value.render(scope) for scope in runs)
    assert first == again
    assert len({first, other, none}) == 3


def test_a_closed_pool_starts_again(pool: FunctionPool) -> None:
    pool.close()
    pool.close()
    assert pool.call({"f": "def f(): return 1"}, "f") == 1


def test_every_problem_of_every_function_is_found() -> None:
    problems = check_functions(
        {"a": "def a():\n    yield 1\n    del x", "b": "def c(): return 1", "ok": "def ok(): return 1"}
    )
    assert [str(problem).split(";")[0] for problem in problems] == [
        "functions.a:3: not supported by the sandbox: del",
        "functions.a:2: not supported by the sandbox: yield",
        "functions.b:1: it defines no 'def b(...)'",
    ]
