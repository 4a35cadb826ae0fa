"""Run all benchmarks, or those named: `python -m bench overhead race imports --json`."""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterable

from bench import concurrency, consensus, flow_journal, flows, headline, hedging, imports, losers, overhead, transport
from bench.gateway import guards, soak, users
from bench.gateway import run as gateway
from bench.report import Row, render

BENCHES: dict[str, Callable[[], Iterable[Row]]] = {
    "overhead": overhead.run,
    "losers": losers.run,
    "consensus": consensus.run,
    "flow-journal": flow_journal.run,
    "flows": flows.run,
    "concurrency": concurrency.run,
    "headline": headline.run,
    "hedging": hedging.run,
    "imports": imports.run,
    "transport": transport.run,
    "gateway": gateway.run,
    "guards": guards.run,
    "gateway-users": users.run,
    "gateway-soak": soak.run,
}
#: Too long for a run of everything: they are run when they are named.
LONG = frozenset({"gateway-users", "gateway-soak"})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(BENCHES)}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}")
    rows: list[Row] = []
    for name in arguments.names or [name for name in BENCHES if name not in LONG]:
        print(f"running {name} ...", file=sys.stderr, flush=True)
        rows.extend(BENCHES[name]())
    if arguments.json:
        print(json.dumps([row.to_dict() for row in rows], indent=2))
    else:
        print(f"Python {platform.python_version()}, {platform.machine()}; times of one interleaved run")
        print(render(rows))


main()
