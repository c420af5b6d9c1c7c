"""Checks of the machine: Python, memory, disk, clock."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from pathlib import Path

from launch.doctor.finding import Finding, ok, problem, warning

_MIN_PYTHON = (3, 11)
_MB = 1024 * 1024
_LITTLE_DISK_MB, _NO_DISK_MB = 2048, 256
_LITTLE_MEMORY_MB = 512
# No clock that is right shows an earlier time than that in which this was written.
_EARLIEST = 1_760_000_000.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written to


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Check the version of Python."""
    shown = ".".join(map(str, version))
    if version < _MIN_PYTHON:
        return problem("Python", shown, "Install Python 3.11 or later and make the environment again: make install")
    return ok("Python", f"{shown} on {platform.system()} {platform.machine()}")


def disk(data_dir: Path) -> Finding:
    """Check the room where the data goes."""
    place = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    free = shutil.disk_usage(place).free // _MB
    detail = f"{free:,} MB free at {place}"
    if free < _NO_DISK_MB:
        return problem("Disk", detail, "MongoDB cannot work like this: make room, or choose another --data-dir.")
    if free < _LITTLE_DISK_MB:
        return warning("Disk", detail, "Enough to try things; make room before real work.")
    return ok("Disk", detail)


def memory(place: Path = _MEMORY) -> Finding:
    """Check the memory that `--ephemeral` keeps its data in."""
    if not os.access(place, os.W_OK):
        return warning("Memory", f"{place} cannot be written", "up --ephemeral will use the temporary directory.")
    free = shutil.disk_usage(place).free // _MB
    if free < _LITTLE_MEMORY_MB:
        return warning("Memory", f"{free:,} MB free at {place}", "Too little for up --ephemeral; use a data directory.")
    return ok("Memory", f"{free:,} MB free at {place} for up --ephemeral")


def clock(now: float | None = None) -> Finding:
    """Check that the clock is not plainly wrong: leases, sessions and ids depend on it."""
    seconds = time.time() if now is None else now
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    if seconds < _EARLIEST:
        return problem("Clock", shown, "The clock is in the past: set it, or let NTP do it (timedatectl set-ntp true).")
    return ok("Clock", shown)
