"""Processor time and memory of processes, from outside: a cost that moves less with other load than a rate does."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def used_seconds(pids: Iterable[int]) -> float:
    """User and system time that `pids` have used since they began; 0 where the kernel does not tell (not Linux)."""
    return sum(_ticks(pid) for pid in pids) / _TICKS_PER_SECOND


def _ticks(pid: int) -> int:
    try:
        # The second field is the name in parentheses, which may hold spaces; fields 14 and 15 are the times.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM; 0 where the kernel does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
