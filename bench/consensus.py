"""What measuring an agreement costs in CPU time, beside a plain reference in the same run, and what importing it costs.

The reference is `difflib.SequenceMatcher` over the words of the same pairs of answers: the ratio of the two holds on
any machine, the milliseconds are those of this one. Times are CPU time of this process: neighbours do not count.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import combinations

from bench.report import Row, p50
from quorate.consensus import Answer, ToolCallText, agreement

ROUNDS = 40
SHORT = ("Paris.", "The capital of France is Paris", "It is Paris", "Paris, France", "Lyon")
DATES = ("2024-03-05", "March 5, 2024", "It was on the 5th of March 2024.", "5 March 2024", "in March 2024")
LISTS = ("red, blue, green", "- Red\n- Blue\n- Green", "The colours are red, blue and green.", "red, blue", "blue")
CALL = ToolCallText("get_weather", '{"city": "Rome", "days": 3}')
#: The standard library and the errors come first: what is timed is the package's own share.
IMPORT = (
    "import re, json, ast, dataclasses, datetime, heapq, time, quorate.core.errors\n"
    "started = time.perf_counter()\n"
    "import quorate.consensus\n"
    "print((time.perf_counter() - started) * 1e3)"
)


def run() -> Iterable[Row]:
    panels = _panels()
    times: dict[str, list[float]] = {name: [] for name in panels}
    reference: dict[str, list[float]] = {"short": [], "long": []}
    for _ in range(ROUNDS):
        for name, (prompt, answers) in panels.items():
            times[name].append(_cpu_ms(lambda prompt=prompt, answers=answers: agreement(prompt, answers)))
            if name in reference:
                reference[name].append(_cpu_ms(lambda answers=answers: _alike(answers)))
    targets = {"short": 2, "long": 25}
    for name, spent in times.items():
        said = f"consensus: 5 {name} answers, CPU p50"
        yield Row(name=said, value=p50(spent), unit="ms", target=targets.get(name))
    for name, spent in reference.items():
        note = f"difflib over the same pairs takes {p50(spent):.1f} ms"
        yield Row(name=f"consensus: 5 {name} answers, ratio", value=p50(times[name]) / p50(spent), unit="x", note=note)
    yield Row(name="import quorate.consensus, p50", value=p50(_imports()), unit="ms", target=15)


def _panels() -> Mapping[str, tuple[str, Sequence[Answer]]]:
    return {
        "short": ("What is the capital of France?", _answers(SHORT)),
        "date": ("When was it signed?", _answers(DATES)),
        "list": ("List the colours.", _answers(LISTS)),
        "tool call": ("What is the weather?", [Answer(text="", tool_calls=(CALL,))] * 5),
        "long": ("Write about the sea", _answers(_essays())),
    }


def _answers(texts: Sequence[str]) -> list[Answer]:
    return [Answer(text=text) for text in texts]


def _cpu_ms(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) * 1000


def _alike(answers: Sequence[Answer]) -> float:
    pairs = combinations([answer.text.split() for answer in answers], 2)
    return sum(SequenceMatcher(None, one, other).ratio() for one, other in pairs)


def _imports() -> list[float]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", IMPORT]
    return [
        float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
        for _ in range(ROUNDS // 4)
    ]


def _essays() -> list[str]:
    """Return five texts of 2,000 words of a language of nobody."""
    rng = random.Random(5)
    words = ["".join(rng.choice("aeioulnrst") for _ in range(rng.randint(2, 9))) for _ in range(900)]
    return [" ".join(" ".join(rng.choices(words, k=15)).capitalize() + "." for _ in range(134)) for _ in range(5)]
