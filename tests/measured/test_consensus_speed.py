"""Speed of consensus; the best of several runs, because the machine is shared."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quorate.consensus import Answer, agreement

pytestmark = pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer (coverage, debugger) distorts the time")


def best_ms(prompt: str, texts: list[str]) -> float:
    answers = [Answer(text=text) for text in texts]
    spent: list[float] = []
    for _ in range(15):
        started = time.perf_counter()
        agreement(prompt, answers)
        spent.append((time.perf_counter() - started) * 1e3)
    return min(spent)


def test_five_short_replies() -> None:
    texts = ["Paris.", "The capital of France is Paris", "It is Paris", "Paris, France", "Lyon"]
    assert best_ms("What is the capital of France?", texts) < 2.0


def test_five_replies_of_2000_words() -> None:
    rng = random.Random(5)
    words = ["".join(rng.choice("aeioulnrst") for _ in range(rng.randint(2, 9))) for _ in range(900)]
    essays = [" ".join(" ".join(rng.choices(words, k=15)).capitalize() + "." for _ in range(134)) for _ in range(5)]
    assert best_ms("Write about the sea", essays) < 25.0


@pytest.mark.subprocess
def test_import(tmp_path: Path) -> None:
    # Standard library and errors first: what is timed is this package's own share, from compiled files.
    code = (
        "import re, json, ast, dataclasses, heapq, time, quorate.core.errors\n"
        "started = time.perf_counter()\n"
        "import quorate.consensus\n"
        "print((time.perf_counter() - started) * 1e3)"
    )
    compiled = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    command = [sys.executable, "-c", code]
    runs = (subprocess.run(command, capture_output=True, text=True, check=True, env=compiled) for _ in range(5))
    assert min(float(run.stdout) for run in runs) < 15.0
