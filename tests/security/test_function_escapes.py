"""Functions that users wrote are hostile: nothing of the host is reachable, every bound holds, the next call works."""

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from quorate.templating import TemplateError
from quorate.templating.environment import Environment
from quorate.templating.function_check import check_functions
from quorate.templating.functions import FunctionPool

ATTACKS = {
    "endless": "def f():\n    while True:\n        pass",
    "stubborn": "def f():\n    while True:\n        try:\n            [0] * 100\n        except:\n            pass",
    "long list": "def f():\n    return [0] * (1 << 34)",
    "growing list": "def f():\n    x = []\n    while True:\n        x.append('y' * 1000)",
    "doubling": "def f():\n    x = 'a'\n    while True:\n        x = x + x",
    "repetition": "def f():\n    return 'x' * 10**10",
    "power": "def f():\n    return 10**10**8",
    "huge integer": "def f():\n    return 2**200000",
    "sum": "def f():\n    return sum(range(10**12))",
    "recursion": "def f():\n    return f()",
    "caught recursion": "def f():\n    try:\n        return f()\n    except RecursionError:\n        return f()",
    "open": "def f():\n    return open('/etc/passwd').read()",
    "write": "def f():\n    open('/tmp/quorate-escape', 'w').write('x')",
    "pathlib": "import pathlib\ndef f():\n    return pathlib.Path('/etc/passwd').read_text()",
    "list directory": "import os\ndef f():\n    return os.listdir('/')",
    "system": "import os\ndef f():\n    return os.system('id')",
    "environment": "import os\ndef f():\n    return dict(os.environ)['PATH']",
    "getenv": "import os\ndef f():\n    return os.getenv('PATH').upper()",
    "import by name": "def f():\n    return __import__('os').system('id')",
    "eval": 'def f():\n    return eval(\'__import__("os").system("id")\')',
    "exec": "def f():\n    exec('import subprocess')\n    return 1",
    "class": "def f():\n    return ().__class__.__mro__[1].__subclasses__()",
    "globals": "def f():\n    return f.__globals__['__builtins__']",
    "code": "def f():\n    return f.__code__.co_code",
    "getattr": "def f():\n    return getattr((), '__class__').__base__",
    "frame": "import sys\ndef f():\n    return sys._getframe(0).f_back",
    "modules": "import sys\ndef f():\n    return sys.modules['os'].system('id')",
    "evil message": "def f():\n    raise ValueError('\\x1b[31m\\n<script>' + 'x' * 10000)",
    "system exit": "def f():\n    raise SystemExit(1)",
    "base exception": "def f():\n    raise BaseException('x')",
    "long output": "def f():\n    return ['x' * 1000000] * 1000",
    "output of 5 MB": "def f():\n    return 'x' * 5000000",
    "many items": "def f():\n    return [1] * 300000",
    "printing": "def f():\n    while True:\n        print('y' * 1000)",
    "cycle": "def f():\n    a = []\n    a.append(a)\n    return a",
    "deep": "def f():\n    a = []\n    for _ in range(100000):\n        a = [a]\n    return a",
    "100 deep": "def f():\n    a = []\n    for _ in range(100):\n        a = [a]\n    return a",
    "set": "def f():\n    return {1, 2}",
    "bytes": "def f():\n    return b'x'",
    "function": "def f():\n    return f",
    "object": "class A:\n    pass\ndef f():\n    return A()",
    "nan": "def f():\n    return float('nan')",
    "infinity": "def f():\n    return [1e308 * 10]",
    "not text": "def f():\n    return {(1, 2): 3}",
    "regular expression": "import re\ndef f():\n    return re.match('(a|a)*b' * 50, 'a' * 100000).x",
    "sorting": "def f():\n    while True:\n        sorted(range(100000))",
    "own dumps": "import json\ndef f():\n    json.dumps = lambda *a, **k: ['x'] * 10\n    return 1",
    "own loads at the end": "quorate_json = 5\ndef f():\n    return quorate_json.nothing",
    "global": "def f():\n    global quorate_json\n    quorate_json = None\n    return {1}",
    "sleep and loop": "import time\ndef f():\n    time.sleep(1000)\n    while True:\n        pass",
    "await": "import asyncio\ndef f():\n    asyncio.run(asyncio.sleep(1000))\n    return {1}",
}
REFUSED = {
    "yield": ("def f():\n    yield 1", 2, "not supported by the sandbox: yield"),
    "delete": ("def f():\n    del x", 2, "not supported by the sandbox: del"),
    "async": ("async def f():\n    return 1", 1, "it is async"),
    "inheritance": ("class A(dict):\n    pass\ndef f(): return 1", 1, "classes that inherit"),
    "threads": ("import threading\ndef f(): return 1", 1, "the sandbox has no module 'threading'"),
    "processes": ("def f():\n    import subprocess", 2, "the sandbox has no module 'subprocess'"),
    "native code": ("from ctypes import cdll\ndef f(): return 1", 1, "the sandbox has no module 'ctypes'"),
    "star": ("from json import *\ndef f(): return 1", 1, "not supported by the sandbox: import *"),
    "syntax": ("def f(:\n    pass", 1, "this is not Python"),
    "another name": ("def g(): return 1", 1, "it defines no 'def f(...)'; did you mean"),
    "nothing": ("", 1, "it defines no 'def f(...)'"),
    "zero byte": ("def f(): return 1\0", 1, "this is not Python"),
    "brackets": ("def f(): return " + "(" * 30_000, 1, "this is not Python"),
    "attributes": ("def f(): return x" + ".a" * 30_000, 1, "this is not Python"),
    "length": ("def f(): return 1\n" * 5_000, 1, "the source has"),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[FunctionPool]:
    pool = FunctionPool(workers=2, time_limit_s=0.3)
    yield pool
    pool.close()


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_function_escapes_and_the_next_call_works(pool: FunctionPool, attack: str) -> None:
    started = monotonic()
    with pytest.raises(TemplateError) as caught:
        pool.call({"f": ATTACKS[attack]}, "f")
    message = str(caught.value)
    assert monotonic() - started < 30
    assert "'f'" in message
    assert message.isprintable()
    assert len(message) < 500
    assert "root:" not in message
    assert pool.call({"g": "def g(x): return x + 1"}, "g", [1]) == 2


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_sandbox_cannot_run_is_refused_before_it_runs(case: str) -> None:
    source, line, message = REFUSED[case]
    problem = check_functions({"f": source})[0]
    assert message.split("; did you mean", maxsplit=1)[0] in problem.message
    assert (problem.function, problem.line) == ("f", line)
    with pytest.raises(TemplateError, match=r"functions\.f:"):
        Environment(functions={"f": source})


@pytest.mark.parametrize("name", ["_f", "quorate_x", "a b", "class", "f()", "range", "upper", ""])
def test_a_name_that_a_function_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(TemplateError):
        Environment(functions={name: f"def {name}(): return 1"})


def test_a_rendering_has_a_limited_number_of_calls(pool: FunctionPool) -> None:
    environment = Environment(functions={"f": "def f(x): return x"}, pool=pool)
    value = environment.value("{% for i in range(1000) %}{{ f(i) }}{% endfor %}", name="config")
    with pytest.raises(TemplateError, match=r"more than 100 times|more than 2 s"):
        value.render({})
    slow = Environment(functions={"f": "def f(x):\n    for i in range(10**5): pass\n    return x"}, pool=pool)
    started = monotonic()
    with pytest.raises(TemplateError):
        slow.value("{% for i in range(1000) %}{{ f(i) }}{% endfor %}", name="config").render({})
    assert monotonic() - started < 30


def test_arguments_have_bounds_too(pool: FunctionPool) -> None:
    with pytest.raises(TemplateError, match="too large"):
        pool.call({"f": "def f(x): return 1"}, "f", ["x" * 5_000_000])
    with pytest.raises(TemplateError, match="only plain data"):
        pool.call({"f": "def f(x): return 1"}, "f", [object()])


def test_a_call_leaves_nothing_behind(pool: FunctionPool) -> None:
    functions = {"f": "seen = []\ndef f(x, kept=[]):\n    seen.append(x)\n    kept.append(x)\n    return seen + kept"}
    assert [pool.call(functions, "f", [n]) for n in (1, 2)] == [[1, 1], [2, 2]]


def test_time_stands_still_and_chance_comes_from_the_seed(pool: FunctionPool) -> None:
    functions = {"f": "import random, datetime\ndef f(): return [random.random(), str(datetime.datetime.now())]"}
    first = pool.call(functions, "f", seed=1)
    assert pool.call(functions, "f", seed=1) == first
    assert pool.call(functions, "f", seed=2)[0] != first[0]
    assert first[1].startswith("1970-01-01")


def test_many_threads_call_at_once(pool: FunctionPool) -> None:
    found: list[int] = []

    def go(number: int) -> None:
        found.extend(pool.call({"f": "def f(x): return x * 2"}, "f", [number]) for _ in range(5))
        with pytest.raises(TemplateError):
            pool.call({"f": ATTACKS["endless"]}, "f")

    threads = [threading.Thread(target=go, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == sorted(number * 2 for number in range(6) for _ in range(5))


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="only Linux has these")
def test_a_worker_has_limits_of_the_operating_system(pool: FunctionPool) -> None:
    assert pool.call({"f": "def f(): return 1"}, "f") == 1
    running = [folder for pid in pool.processes if (folder := Path(f"/proc/{pid}")).exists()]
    assert running
    for folder in running:
        lines = (folder / "limits").read_text().splitlines()[1:]
        found = {line[:26].strip(): line[26:].split()[1] for line in lines}
        assert found["Max processes"] == found["Max file size"] == found["Max core file size"] == "0"
        assert int(found["Max address space"]) < 1 << 30
