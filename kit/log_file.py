"""A log file that does not fill the disk."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
KEPT_FILES = 3


class RotatingFile:
    """Appends lines to a file, and begins a new one before it grows too large; only its owner may read it.

    Args:
        path: the file; older ones are called `path.1` to `path.3`, the youngest first.
        max_bytes: the size that no file exceeds, unless a single line does.
        kept_files: how many older files are kept.
    """

    def __init__(self, path: str | Path, *, max_bytes: int = MAX_BYTES, kept_files: int = KEPT_FILES) -> None:
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._kept_files = kept_files
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()
        self._size = self._path.stat().st_size

    def write(self, line: bytes) -> None:
        """Append one line."""
        if self._size and self._size + len(line) > self._max_bytes:
            self._rotate()
        self._file.write(line)
        self._size += len(line)

    def flush(self) -> None:
        """Do nothing: lines are not held back."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> FileIO:
        return FileIO(self._path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600))

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._kept_files, 0, -1):
            older = self._named(number - 1)
            if older.exists():
                older.replace(self._named(number))
        self._file = self._open()
        self._size = 0

    def _named(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
