"""Shows the results in a terminal and keeps them in bench/results/ as Markdown and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table as RichTable

from bench.outcome import Outcome
from bench.tables import Table, tables
from bench.targets import judge

RESULTS = Path(__file__).with_name("results")
_LEFT = (
    "what",
    "target",
    "queue",
    "measured",
    "what it guarantees here",
    "engine",
    "what it keeps",
    "wanted",
    "result",
    "errors",
)


def show(outcome: Outcome, console: Console) -> None:
    """Print every table."""
    for table in tables(outcome):
        shown = RichTable(title=table.title, title_justify="left", caption=table.note, caption_justify="left")
        for column in table.columns:
            shown.add_column(column, justify="left" if column in _LEFT else "right")
        for row in table.rows:
            shown.add_row(*row, style="bold red" if row[-1] == "NOT MET" else None)
        console.print(shown)
    for reason in outcome.not_measured:
        console.print(f"not measured: {reason}", style="yellow", markup=False)


def write(outcome: Outcome) -> tuple[Path, Path]:
    """Write `bench/results/<date>.md` and `.json` (`<date>-quick` for a quick run) and return their paths."""
    name = outcome.facts["date"].split()[0] + ("" if outcome.mode == "full" else f"-{outcome.mode}")
    RESULTS.mkdir(exist_ok=True)
    markdown, data = RESULTS / f"{name}.md", RESULTS / f"{name}.json"
    markdown.write_text(_markdown(outcome))
    data.write_bytes(msgspec.json.format(msgspec.json.encode(_plain(outcome)), indent=1) + b"\n")
    return markdown, data


def _markdown(outcome: Outcome) -> str:
    facts = outcome.facts
    lines = [f"# Benchmark of {facts['date']} ({outcome.mode} run, {outcome.seconds:.0f} s)", ""]
    lines += [" · ".join(f"{name} {value}" for name, value in facts.items() if name != "date"), ""]
    lines += ["How to read and repeat this: [docs/benchmarks.md](../../docs/benchmarks.md).", ""]
    for table in tables(outcome):
        lines += _markdown_table(table)
    if outcome.not_measured:
        lines += ["## Not measured", "", *(f"- {reason.splitlines()[0]}" for reason in outcome.not_measured), ""]
    return "\n".join(lines)


def _markdown_table(table: Table) -> list[str]:
    rule = ["---" if column in _LEFT else "---:" for column in table.columns]
    rows = [f"| {' | '.join(cells)} |" for cells in (table.columns, rule, *table.rows)]
    return [f"## {table.title}", "", *rows, "", table.note, ""]


def _plain(outcome: Outcome) -> dict[str, Any]:
    rounds = outcome.rounds
    measurements = [
        {
            "name": key.name.strip(),
            "in_flight": key.in_flight,
            "stored": key.stored,
            "per_second": rounds.rate(key),
            "per_second_by_round": list(rounds.rates(key).values()),
            "p50_ms": rounds.percentile_ms(key, 0.50),
            "p99_ms": rounds.percentile_ms(key, 0.99),
            "server_cpu_us": rounds.fact(key, "server_cpu_us"),
            "database_cpu_us": rounds.fact(key, "database_cpu_us"),
            "operations": rounds.operations(key),
            "statuses": rounds.statuses(key),
        }
        for key in rounds
    ]
    return {
        "mode": outcome.mode,
        "seconds": round(outcome.seconds, 1),
        "facts": outcome.facts,
        "targets": judge(outcome),
        "measurements": measurements,
        "tables": {table.title: {"columns": table.columns, "rows": table.rows} for table in tables(outcome)},
        "not_measured": outcome.not_measured,
    }
