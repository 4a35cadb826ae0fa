"""From starting the process to its first authenticated answer, with compiled bytecode and a database that exists."""

import time
from collections.abc import Iterable

from bench.gateway.process import GATEWAY_CORE, running
from bench.gateway.targets import (
    Bench,
    Prepared,
    await_answer,
    first_start,
    prepare_quorate,
    quorate_target,
    serve_command,
)
from bench.report import Row, p50


def measure(bench: Bench, *, starts: int) -> Iterable[Row]:
    prepared = first_start(bench, prepare_quorate(bench))
    times = [_quorate_s(bench, prepared) for _ in range(starts)]
    yield Row(name="quorate: cold start to the first answer", value=p50(times), unit="s", target=0.8)


def _quorate_s(bench: Bench, prepared: Prepared) -> float:
    began_s = time.perf_counter()
    with running(serve_command(prepared), core=GATEWAY_CORE, log=bench.log) as process:
        await_answer(quorate_target(prepared, process.pid))
        return time.perf_counter() - began_s
