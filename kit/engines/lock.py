"""One process per data directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE
from types import TracebackType

from kit.engines.errors import DirectoryLocked, EngineError
from kit.engines.secret import private_directory

_NAME = "lock"


class DataDirectoryLock:
    """Keeps a second process off a data directory.

    The kernel drops the lock when the process ends, however it ends, so a lock is never stale. Use as a context
    manager, or call `acquire` and `release`. A directory into which nothing was put meanwhile is given back as it was
    found: one that did not exist is gone again.

    Args:
        data_dir: the directory; made when missing.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / _NAME
        self._descriptor: int | None = None
        self._before = _Before((), None, frozenset())

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            DirectoryLocked: another process holds it; the message names that process.
            EngineError: the directory cannot be used.
        """
        while self._descriptor is None:
            try:
                before = _look(self._data_dir)
                private_directory(self._data_dir)
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:
                raise EngineError(f"the data directory {self._data_dir} cannot be used: {error}") from error
            self._lock(descriptor)
            if _is_file(descriptor, self._path):
                self._descriptor, self._before = descriptor, before
            else:  # the one who held it took the file away just now
                os.close(descriptor)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # somebody else put something there, or took it away
                self._tidy_up()
            os.close(self._descriptor)
            self._descriptor = None

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DirectoryLocked(
                f"the data directory {self._data_dir} is in use by another piecework (process {holder}); "
                "stop that one or choose another directory with --data-dir"
            ) from error

    def _tidy_up(self) -> None:
        """Give a directory back as it was found when nothing but the lock came into it."""
        before = self._before
        if _NAME in before.names or _names(self._data_dir) != before.names | {_NAME}:
            return
        self._path.unlink()
        if before.mode is not None:
            self._data_dir.chmod(before.mode)
        for folder in before.missing:
            folder.rmdir()

    def __enter__(self) -> DataDirectoryLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@dataclass(frozen=True)
class _Before:
    """A directory before it was locked: which of it and its parents were missing, its mode, and what was in it."""

    missing: tuple[Path, ...]
    mode: int | None
    names: frozenset[str]


def _look(directory: Path) -> _Before:
    if directory.exists():
        return _Before((), S_IMODE(directory.stat().st_mode), _names(directory))
    return _Before(tuple(path for path in (directory, *directory.parents) if not path.exists()), None, frozenset())


def _names(directory: Path) -> frozenset[str]:
    return frozenset(path.name for path in directory.iterdir())


def _is_file(descriptor: int, path: Path) -> bool:
    """Tell whether what was opened is still what the path leads to."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
