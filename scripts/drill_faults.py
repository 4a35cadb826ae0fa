"""Drill all faults of providers with the times of the catalogue and write the scorecard: `make faults`.

Takes about four minutes. `--short` goes through them twenty times as fast and writes nothing.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from fault_drill import DRILLED, FULL, MODES, SHORT, Site, Verdict, drill, drill_panel, site  # noqa: E402
from quorate.upstream.fault import FAULTS, Fault  # noqa: E402

SCORECARD = ROOT / "docs" / "reference" / "faults.md"
HEAD = """# Faults of providers: the scorecard

Written by `make faults`: a gateway in front of a simulated provider with each of the sixteen faults, asked for a
streamed answer of 60 tokens over HTTP. Two retries, one fallback, 30 s until the headers, 10 s until the first token,
20 s between tokens, `on_cut: restart`. A pass: the caller gets the complete answer (for F13 the provider's own refusal)
and the provider is treated well: waits are kept, a silent route is not asked twice, one that is down is probed now and
then. "In plans": the faulty model without a fallback beside two healthy ones, in `all`, `race` and `quorum`. The times
are those of one run on one machine; [what each kind of failure leads to](errors.md#failures-of-providers) is a table.
"""
TABLE = ("| | The provider | Verdict | Attempts | Answer after | In plans |", "|---|---|---|---|---|---|")


def main() -> int:
    """Run the drills; return 1 if one fails."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--short", action="store_true", help="twenty times as fast, without writing the scorecard")
    profile = SHORT if arguments.parse_args().short else FULL
    rows: list[str] = []
    failed = 0
    with site(profile) as opened:
        for fault in DRILLED:
            alone, plans = drill(opened, fault), _plans(opened, fault)
            wrong = [*alone.wrong, *(f"in {mode}: {text}" for mode, each in plans.items() for text in each.wrong)]
            failed += bool(wrong)
            print(f"{fault.value} {'FAILED' if wrong else 'pass'} {alone.seconds:.1f} s {'; '.join(wrong)}", flush=True)
            rows.append(_row(fault, alone, plans))
    passes = len(DRILLED) - failed
    print(f"{passes} of {len(DRILLED)} passed ({profile.name} profile)")
    if profile is FULL:
        table = [
            "| | The provider | Verdict | Attempts | Answer after | In plans |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
        SCORECARD.write_text(f"{HEAD}\n**{passes} of {len(DRILLED)} passed.**\n\n" + "\n".join(table) + "\n")
    return 1 if failed else 0


def _plans(opened: Site, fault: Fault) -> dict[str, Verdict]:
    return {mode: drill_panel(opened, fault, mode) for mode in MODES}


def _row(fault: Fault, alone: Verdict, plans: dict[str, Verdict]) -> str:
    verdict = "pass" if alone.passed else "FAIL"
    in_plans = ", ".join(
        f"{mode} {each.seconds:.1f} s" if each.passed else f"{mode} FAIL" for mode, each in plans.items()
    )
    meaning = FAULTS[fault].meaning
    return f"| F{fault.value[1:]} | {meaning} | {verdict} | {alone.attempts} | {alone.seconds:.1f} s | {in_plans} |"


if __name__ == "__main__":
    sys.exit(main())
