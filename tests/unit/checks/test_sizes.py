from __future__ import annotations

from pathlib import Path

import pytest

from checks import contents, sizes


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("long.py", "x = 1\n" * 301, "301 lines"),
        ("deep.py", "def f():\n" + "    x = 1\n" * 40, "f has 41 lines"),
        ("utils.py", "x = 1\n", "says nothing"),
    ],
)
def test_what_is_too_large_or_badly_named_is_found(tmp_path: Path, name: str, text: str, finding: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert any(finding in found for found in sizes.check_module(file))


def test_what_is_small_passes(tmp_path: Path) -> None:
    file = tmp_path / "lease.py"
    file.write_text("async def f():\n" + "    x = 1\n" * 39)
    assert list(sizes.check_module(file)) == []


def test_registries_and_reads_of_the_environment_are_found(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("import os\n# https://" + "pypi" + ".org/simple\nos.environ['X']\n")
    findings = list(contents.check_file(file))
    assert len(findings) == 2
