"""What tracked files must not say: where packages come from on one machine, and environment variables in odd places.

Usage: python -m checks.contents
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Written as patterns, so that this file does not contain what it looks for.
_REGISTRIES = re.compile(
    r"py[p]i\.org|python[h]osted\.org|registry\.npm[j]s|registry\.yarn[p]kg|gh[c]r\.io|docker[.]io|qu[a]y\.io|g[c]r\.io"
    r"|crat[e]s\.io|proxy\.gol[a]ng|repo\.mav[e]n|index[-]url|find[-]links"
)
_VENDORED = ("third_party/", "gen/")
# The only places that read the environment: everything else gets its settings handed in.
_ENVIRONMENT_READERS = ("launch/", "kit/settings.py", "tests/", "bench/", "checks/", "docs/", "deploy/")


def main() -> int:
    """Print the findings; return the number of findings, at most 1."""
    listing = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True)  # noqa: S607
    paths = [Path(name) for name in listing.stdout.split("\0") if name and not name.startswith(_VENDORED)]
    findings = [finding for path in paths if path.is_file() for finding in check_file(path)]
    for finding in findings:
        print(finding, file=sys.stderr)  # noqa: T201 - a program that prints
    print(f"{len(paths)} files, {len(findings)} findings")  # noqa: T201
    return min(len(findings), 1)


def check_file(path: Path) -> Iterator[str]:
    """Yield the findings of one file; files that are not text have none."""
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return
    if path.name not in ("Makefile", "contents.py"):
        for number, line in enumerate(text.splitlines(), 1):
            if _REGISTRIES.search(line):
                yield f"{path}:{number}: names a package registry"
    if path.suffix == ".py" and not str(path).startswith(_ENVIRONMENT_READERS):
        yield from environment_reads(path, ast.parse(text))


def environment_reads(path: Path, tree: ast.AST) -> Iterator[str]:
    """Yield the places where a module reads environment variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            yield f"{path}:{node.lineno}: reads the environment; only launch and kit/settings.py may"


if __name__ == "__main__":
    sys.exit(main())
