"""One process per data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from kit.engines.errors import DirectoryLocked, EngineError
from kit.engines.secret import private_directory

_NAME = "lock"


class DataDirectoryLock:
    """Keeps a second process off a data directory.

    The kernel drops the lock when the process ends, however it ends, so a lock is never stale. Use as a context
    manager, or call `acquire` and `release`.

    Args:
        data_dir: the directory; made when missing.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            DirectoryLocked: another process holds it; the message names that process.
            EngineError: the directory cannot be used.
        """
        path = self._data_dir / _NAME
        try:
            private_directory(self._data_dir)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EngineError(f"the data directory {self._data_dir} cannot be used: {error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DirectoryLocked(
                f"the data directory {self._data_dir} is in use by another piecework (process {holder}); "
                "stop that one or choose another directory with --data-dir"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DataDirectoryLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
