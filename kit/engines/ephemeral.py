"""Data directories in memory that are gone when their process is."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType

from kit.engines.errors import EngineError
from kit.engines.lock import DataDirectoryLock

_MEMORY = Path("/dev/shm")  # noqa: S108 - the directory below is made by mkdtemp, with a name nobody can guess
_GRACE_SECONDS = 60


class EphemeralDirectory:
    """A new locked directory in memory (or in the system's temporary directory), removed at the end.

    A process that was killed cannot remove its directory: the next one does that for it.
    """

    def __init__(self) -> None:
        parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        prefix = f"piecework-{os.getuid()}-"
        _sweep(parent, prefix)
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self._lock = DataDirectoryLock(self.path)
        self._lock.acquire()

    def remove(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def _sweep(parent: Path, prefix: str) -> None:
    for leftover in parent.glob(f"{prefix}*"):
        try:
            # A young directory may not have its lock yet.
            if leftover.stat().st_uid != os.getuid() or time.time() - leftover.stat().st_mtime < _GRACE_SECONDS:
                continue
            with DataDirectoryLock(leftover):
                shutil.rmtree(leftover, ignore_errors=True)
        except (EngineError, OSError):
            continue  # it is in use, or another process removes it
