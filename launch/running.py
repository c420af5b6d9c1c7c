"""Whether a platform runs on a data directory."""

from __future__ import annotations

import os

from launch import places
from launch.places import DataDirectory, RunningPlatform


def find_running(directory: DataDirectory) -> RunningPlatform | None:
    """Return how to reach the platform that runs on a data directory; None when none does.

    Raises:
        CommandFailed: what the directory says about it cannot be read.
    """
    platform = places.read(directory.platform, RunningPlatform)
    # A platform that was killed leaves its file behind.
    return platform if platform is not None and _is_alive(platform.pid) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's, but alive
    return True
