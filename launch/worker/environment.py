"""What a command gets besides its input: environment variables and a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from launch.worker.task import LeasedTask

KEY_VARIABLE = "PIECEWORK_KEY"
URL_VARIABLE = "PIECEWORK_URL"
_PREFIX = "PIECEWORK_VAR_"


def describe(task: LeasedTask, agent: str, file: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command.

    Each variable of the task is there under its own name and under that name in upper case; where two names differ only
    by case, the exact one wins. Of Piecework's own variables only the gateway's address is passed on: a command may be
    somebody else's and needs no key.
    """
    own = {
        name: value for name, value in inherited.items() if name == URL_VARIABLE or not name.startswith("PIECEWORK_")
    }
    variables = task.fields.variables
    upper = {_PREFIX + name.upper(): value for name, value in sorted(variables.items())}
    exact = {_PREFIX + name: value for name, value in variables.items()}
    about = {
        "PIECEWORK_AGENT": agent,
        "PIECEWORK_TASK": str(file),
        "PIECEWORK_TASK_ID": task.id,
        "PIECEWORK_TASK_TYPE": task.fields.type_name,
    }
    return own | upper | exact | about


def write_task(task: LeasedTask, folder: Path) -> Path:
    """Write the whole task as JSON into `folder`, and return the file's path."""
    file = folder / f"{task.id}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(task.document), indent=2))
    return file
