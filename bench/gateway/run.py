"""All but the long ones, in three minutes: direct, Quorate and LiteLLM in turn, medians of the rounds."""

from collections.abc import Iterable

from bench.gateway import cold_start, cpu, fanout, latency, memory, streams
from bench.gateway.process import GATEWAY_CORE, awake
from bench.gateway.targets import bench, litellm, quorate
from bench.machine import for_this_machine
from bench.report import Row

ROUNDS = 3
_MEMORY_REQUESTS = 100_000


def run() -> Iterable[Row]:
    return for_this_machine(_measured)


def _measured() -> Iterable[Row]:
    with bench() as setting:
        direct = setting.direct
        with quorate(setting) as ours:
            with litellm(setting) as theirs:
                compared = [direct, ours] + ([] if theirs is None else [theirs])
                yield from cpu.measure(compared, rounds=ROUNDS, seconds=1.5)
                yield from streams.measure(compared, rounds=ROUNDS, seconds=1.2)
                if theirs is not None:
                    yield Row(name="litellm: cold start to the first answer", value=theirs.start_s, unit="s")
            with awake(GATEWAY_CORE):
                yield from latency.measure([direct, ours], rounds=ROUNDS, seconds=4.0)
                yield from fanout.measure(direct, ours, rounds=ROUNDS, seconds=1.5)
        with quorate(setting) as ours:
            yield from memory.measure(ours, requests=_MEMORY_REQUESTS)
        yield from cold_start.measure(setting, starts=5)
