"""Taking possession of the directories of a platform, and giving back what was only lent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kit.engines import DataDirectoryLock, EngineError, EphemeralDirectory
from launch.errors import CommandFailed
from launch.places import DataDirectory
from launch.up.options import UpOptions


@dataclass(frozen=True)
class Premises:
    """The directories of one run.

    Attributes:
        data: where the engines keep their files, and the logs.
        public: where credentials and addresses are written for others to find.
    """

    data: DataDirectory
    public: DataDirectory


@contextmanager
def claim(options: UpOptions) -> Iterator[Premises]:
    """Lock the directories for as long as the platform runs.

    Raises:
        CommandFailed: another platform uses one, or it cannot be used at all.
    """
    with contextlib.ExitStack() as stack:
        try:
            if options.ephemeral:
                yield _lent(stack, options.data_dir)
            else:
                assert options.data_dir is not None
                stack.enter_context(DataDirectoryLock(options.data_dir))
                directory = DataDirectory(options.data_dir)
                stack.callback(directory.platform.unlink, missing_ok=True)
                yield Premises(directory, directory)
        except EngineError as error:
            raise CommandFailed(str(error)) from error


def _lent(stack: contextlib.ExitStack, public: Path | None) -> Premises:
    data = DataDirectory(stack.enter_context(EphemeralDirectory()))
    if public is None:
        return Premises(data, data)
    directory = DataDirectory(public)
    stack.enter_context(DataDirectoryLock(public))
    if directory.credentials.exists() or (public / "mongodb").exists():
        raise CommandFailed(
            f"{public} belongs to a platform that keeps its data",
            "Name another directory, or leave --ephemeral away. What a killed ephemeral one left may be removed.",
        )
    # Only of a directory that is ours: what another platform wrote there is its own.
    stack.callback(_remove, directory)
    return Premises(data, directory)


def _remove(directory: DataDirectory) -> None:
    """Remove what an ephemeral platform wrote for others to find."""
    for file in (directory.credentials, directory.first_start, directory.platform, directory.secrets):
        file.unlink(missing_ok=True)
