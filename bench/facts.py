"""The machine and the versions behind the numbers; no host names, no addresses."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.engines import POSTGRES_BIN
from kit.engines.binaries import find_mongod, find_valkey

_PACKAGES = ("aiohttp", "grpcio", "msgspec", "pymongo", "uvloop", "protobuf")


def gather() -> dict[str, str]:
    """Facts by name, in the order in which they are shown."""
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _first_line(["git", "rev-parse", "--short", "HEAD"]),
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        "mongodb": _first_line([str(find_mongod()), "--version"]).removeprefix("db version v"),
        "valkey": _version_word(_first_line([str(find_valkey()), "--version"])),
        "postgresql": _first_line([str(POSTGRES_BIN / "postgres"), "--version"]).removeprefix("postgres (PostgreSQL) "),
    }
    return facts | {name: version(name) for name in _PACKAGES}


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version_word(text: str) -> str:
    return next((word.removeprefix("v=") for word in text.split() if word.startswith("v=")), text)


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=Path(__file__).parent)
    except OSError:
        return "not installed"
    return done.stdout.splitlines()[0].strip() if done.stdout else "unknown"
