"""`python -m bench`: measure, show, keep. Run from the root of the repository, or with `make bench`."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from bench import report, run
from bench.plan import FULL, QUICK
from bench.product import ROOT

KEPT = ("market", "runs")


def main() -> int:
    """Run the benchmark; 0 when everything could be measured, however slow it was, else 1."""
    parser = argparse.ArgumentParser(prog="bench", description="Piecework beside an echo, a floor and its peers.")
    parser.add_argument("--quick", action="store_true", help="small counts, one round: under six minutes")
    parser.add_argument("--only", choices=run.PARTS, help="leave the others out; of them only market and runs are kept")
    arguments = parser.parse_args()
    console = Console(width=max(Console().width, 150))
    parts = (arguments.only,) if arguments.only else run.PARTS
    plan, mode = (QUICK, "quick") if arguments.quick else (FULL, "full")
    if arguments.only in KEPT:
        mode = f"{arguments.only}-quick" if arguments.quick else arguments.only
    outcome = run.run(plan, mode, parts, lambda line: console.print(line, style="dim", markup=False, highlight=False))
    report.show(outcome, console)
    if arguments.only in (None, *KEPT):
        for path in report.write(outcome):
            console.print(f"written: {path.relative_to(ROOT)}", markup=False)
    return 1 if outcome.not_measured else 0


if __name__ == "__main__":
    sys.exit(main())
