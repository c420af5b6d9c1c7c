"""What a client asks of a run, wherever its generation of SDK puts that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from piecework.orchestrator.v1 import runs_pb2

from gateway.errors import Detail
from gateway.faces.runs.errors import invalid
from gateway.faces.runs.requests import NewRun
from gateway.shape import shown

_Value = TypeVar("_Value")

# Keys of the client's own at other providers: older SDKs send them. They are not needed, and not kept.
_SECRETS = frozenset({"vercelaikey", "apikey", "key", "token", "secret"})
_LARGEST = 2**31 - 1

# Where the fields of the message stand in the body, for what is said about them.
PLACES: Mapping[str, str] = {
    "options.agentCount": "agent_count",
    "options.budget": "budget_credits",
    "options.role_models": "role_models",
    "options.agents": "agent_ids",
    "options.fileIds": "file_ids",
    "options.quickModeEnabled": "quick",
    "modelId": "model_id",
    **dict.fromkeys(
        (
            "options",
            "camel_model",
            "snake_model",
            "snake_files",
            "camel_files",
            "budget",
            "stream",
            "attachments",
            "attachment_ids",
        ),
        "",
    ),
}


def fill(message: runs_pb2.StartRunRequest, body: NewRun) -> None:
    """Put what the body asks for into `message`, beyond its prompt.

    Raises:
        RunsFailure: 400, an option is of another kind than it has to be.
    """
    if not body.prompt.strip():
        raise invalid([Detail("prompt", "must be a non-empty string", shown(body.prompt))])
    options = _Options(body.options if isinstance(body.options, dict) else {})
    message.model_id = _first(body.camel_model, body.snake_model) or options.text("modelId", "model_id") or ""
    message.agent_count = options.whole("agentCount", "agent_count") or 0
    message.quick = options.flag("quickModeEnabled", "quick_mode_enabled")
    message.mock = options.flag("mock")
    message.silent = options.flag("silent")
    budget = options.whole("budget") if body.budget is msgspec.UNSET else _whole(body.budget)
    if budget is None and body.budget is not msgspec.UNSET:
        raise invalid([Detail("budget", "must be a whole number of credits", shown(body.budget))])
    if budget is not None and budget < 1:
        raise invalid([Detail("options.budget", "must be greater than or equal to 1", budget)])
    message.budget_credits = budget or 0
    roles = body.role_models if isinstance(body.role_models, dict) else options.roles("role_models", "roleModels")
    message.role_models.update(roles or {})
    message.agent_ids.extend(options.agents("agents"))
    message.file_ids.extend(_files(body, options))
    message.options_json = msgspec.json.encode(without_secrets(options.given)).decode()
    _report(options.problems)


def without_secrets(value: Any) -> Any:
    """Return a JSON value without what looks like a secret."""
    if isinstance(value, dict):
        return {name: without_secrets(item) for name, item in value.items() if not _is_secret(name)}
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


def _is_secret(name: str) -> bool:
    return name.lower().replace("_", "").replace("-", "") in _SECRETS


def _files(body: NewRun, options: _Options) -> list[str]:
    for given in (body.snake_files, body.camel_files):
        if isinstance(given, list):
            return list(dict.fromkeys(given))
    return list(dict.fromkeys(options.texts("fileIds", "file_ids")))


def _first(*values: Any) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value != int(value):
        return None
    return max(-_LARGEST, min(int(value), 10**12))


def _report(problems: list[Detail]) -> None:
    if problems:
        raise invalid(problems)


class _Options:
    """The object `options`, read leniently: names of several generations, `null` for nothing.

    Args:
        given: the object.

    Attributes:
        problems: what was of the wrong kind.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.problems: list[Detail] = []

    def text(self, *names: str) -> str | None:
        return self._read(names, "must be a string", lambda value: value if isinstance(value, str) else None)

    def flag(self, *names: str) -> bool:
        return bool(self._read(names, "must be a boolean", lambda value: value if isinstance(value, bool) else None))

    def whole(self, *names: str) -> int | None:
        number = self._read(names, "must be a whole number", _whole)
        return None if number is None else max(-_LARGEST, min(number, _LARGEST))

    def texts(self, *names: str) -> list[str]:
        return self._read(names, "must be an array of strings", _text_list) or []

    def roles(self, *names: str) -> dict[str, str]:
        return self._read(names, "must be an object of strings", _text_map) or {}

    def agents(self, name: str) -> list[int]:
        # Clients of the first generation name a number of agents here, which the real service ignores.
        if not isinstance(self.given.get(name), list):
            return []
        return self._read((name,), "must be an array of ids of agents", _id_list) or []

    def _read(self, names: tuple[str, ...], rule: str, read: Callable[[Any], _Value | None]) -> _Value | None:
        for name in names:
            value = self.given.get(name)
            if value is None:
                continue
            found = read(value)
            if found is None:
                self.problems.append(Detail(f"options.{name}", rule, shown(value)))
            return found
        return None


def _text_list(value: Any) -> list[str] | None:
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def _text_map(value: Any) -> dict[str, str] | None:
    return value if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()) else None


def _id_list(value: Any) -> list[int] | None:
    found = [_whole(item) for item in value]
    return None if None in found else [item for item in found if item is not None]
