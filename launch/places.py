"""The files of a data directory, and what `up` writes for other programs to find."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from launch.errors import CommandFailed

DEFAULT = Path(".data")
VARIABLE = "PIECEWORK_DATA_DIR"

_Value = TypeVar("_Value")


class RunningPlatform(msgspec.Struct, frozen=True):
    """How to reach a running platform.

    Attributes:
        gateway: address of the HTTP gateway, for example `http://127.0.0.1:8080`.
        grpc: host and port of the gRPC server.
        pid: the process.
    """

    gateway: str
    grpc: str
    pid: int


class PlatformSecrets(msgspec.Struct, frozen=True):
    """What the processes of one installation share.

    Attributes:
        caller_key: signs and verifies callers.
        encryption_keys: of the secrets that are kept for others, as `PIECEWORK_ENCRYPTION_KEYS` has them; empty in a
            directory of before there were any.
    """

    caller_key: str
    encryption_keys: str = ""


class DataDirectory:
    """Names the files of a data directory.

    Args:
        path: the directory; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.credentials = path / "credentials.json"
        self.first_start = path / "credentials.json.draft"
        self.lock = path / "lock"
        self.platform = path / "platform.json"
        self.secrets = path / "secrets.json"
        self.logs = path / "logs"
        self.log_file = self.logs / "piecework.log"


def choose(given: Path | None) -> Path:
    """Return the data directory: the given one, else that of the environment, else `./.data`; absolute."""
    return Path(given or os.environ.get(VARIABLE) or DEFAULT).expanduser().absolute()


def read(path: Path, kind: type[_Value]) -> _Value | None:
    """Return what a JSON file holds; None when there is no such file.

    Raises:
        CommandFailed: the file cannot be read, or holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise CommandFailed(f"{path.parent} is not a directory", "Name another one with --data-dir.") from error
    except (OSError, msgspec.MsgspecError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandFailed(f"{path} cannot be read: {reason}", "Restore it, or move it away.") from error


def write(path: Path, value: msgspec.Struct) -> None:
    """Write a value as JSON, mode 0600; a reader finds the old content or the new, never a part."""
    # Imported late: the package of the engines brings the drivers of the databases, and few commands write.
    from kit.engines.secret import write_private

    write_private(path, msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
