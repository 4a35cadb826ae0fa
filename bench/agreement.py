"""What measuring an agreement costs: short replies, long replies, and importing the package that does it."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence

from bench.report import Row, p50
from quorate.consensus import Answer, agreement

ROUNDS = 30
SHORT = ("Paris.", "The capital of France is Paris", "It is Paris", "Paris, France", "Lyon")
#: The standard library and the errors come first: what is timed is the package's own share.
IMPORT = (
    "import re, json, ast, dataclasses, heapq, time, quorate.core.errors\n"
    "started = time.perf_counter()\n"
    "import quorate.consensus\n"
    "print((time.perf_counter() - started) * 1e3)"
)


def run() -> Iterable[Row]:
    short = [_ms("What is the capital of France?", SHORT) for _ in range(ROUNDS)]
    yield Row(name="agreement of 5 short replies, p50", value=p50(short), unit="ms", target=2)
    essays = _essays()
    long = [_ms("Write about the sea", essays) for _ in range(ROUNDS)]
    yield Row(name="agreement of 5 replies of 2,000 words, p50", value=p50(long), unit="ms", target=25)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", IMPORT]
    imports = [
        float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
        for _ in range(ROUNDS // 3)
    ]
    yield Row(name="import quorate.consensus, p50", value=p50(imports), unit="ms", target=15)


def _ms(prompt: str, texts: Sequence[str]) -> float:
    answers = [Answer(text=text) for text in texts]
    began_s = time.perf_counter()
    agreement(prompt, answers)
    return (time.perf_counter() - began_s) * 1000


def _essays() -> list[str]:
    rng = random.Random(5)
    words = ["".join(rng.choice("aeioulnrst") for _ in range(rng.randint(2, 9))) for _ in range(900)]
    return [" ".join(" ".join(rng.choices(words, k=15)).capitalize() + "." for _ in range(134)) for _ in range(5)]
