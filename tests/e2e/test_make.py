"""The environment that `make` builds, where the first try goes wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SECONDS = 60


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Return a directory in which nothing was made yet, and nothing has to be fetched."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").write_text("broken")
    return tmp_path


def _install(directory: Path, python: str) -> str:
    command = ["make", "install", f"PYTHON={python}"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode
    return done.stderr


def test_a_python_that_is_too_old_or_absent_is_named_before_anything_is_made(fresh: Path) -> None:
    old = fresh / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python in (str(old), "/nowhere/python3", ""):
        assert "Piecework needs Python 3.11 or later" in _install(fresh, python)
        assert not (fresh / ".venv").exists()


def test_an_environment_that_was_begun_is_made_anew(fresh: Path) -> None:
    """As after Ctrl-C in the middle, or with an older Python."""
    python = fresh / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    _install(fresh, sys.executable)
    subprocess.run([python, "-m", "pip", "--version"], check=True, timeout=_SECONDS)
