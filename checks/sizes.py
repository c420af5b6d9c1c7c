"""Small modules, small functions, telling names.

Usage: python -m checks.sizes FOLDER...
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_MODULE_LINES = 300
MAX_MEDIAN_LINES = 100
MAX_FUNCTION_LINES = 40
# Names that say nothing about what is inside.
EMPTY_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "impl", "misc"})


def main(folders: list[str]) -> int:
    """Print what breaks a rule in the Python files of `folders`; return the number of findings, at most 1."""
    modules = sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    findings = [finding for path in modules for finding in check_module(path)]
    median = median_lines(modules)
    if median >= MAX_MEDIAN_LINES:
        findings.append(f"the median module has {median:.0f} lines; it should have fewer than {MAX_MEDIAN_LINES}")
    for finding in findings:
        print(finding, file=sys.stderr)  # noqa: T201 - a program that prints
    print(f"{len(modules)} modules, median {median:.0f} lines, {len(findings)} findings")  # noqa: T201
    return min(len(findings), 1)


def median_lines(modules: list[Path]) -> float:
    """Return the median number of lines of `modules`, without the empty ones that only make a package."""
    return statistics.median([lines for path in modules if (lines := count_lines(path)) > 1] or [0])


def count_lines(path: Path) -> int:
    """Return the number of lines of a file."""
    return len(path.read_text().splitlines())


def check_module(path: Path) -> Iterator[str]:
    """Yield the findings of one module."""
    if EMPTY_NAMES & {path.stem, path.parent.name}:
        yield f"{path}: the name says nothing"
    if (lines := count_lines(path)) > MAX_MODULE_LINES:
        yield f"{path}: {lines} lines, more than {MAX_MODULE_LINES}"
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {lines} lines, more than {MAX_FUNCTION_LINES}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
