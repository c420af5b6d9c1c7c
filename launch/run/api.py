"""The requests of the runs face that a terminal makes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from launch.choices import choices
from launch.errors import CommandFailed
from launch.reach import why
from launch.run.options import RunOptions

_BASE = "/api/v1/developer"
_MODELS = "/api/v1/models"
# Named, so that every status is told as it is; see the page of the face about generations of clients.
_HEADERS = {"X-SDK-Language": "piecework"}
_SECONDS = 60.0
_SILENCE_SECONDS = 60.0
_STRANGE = "the answer is not one of Piecework"
_KEY_ADVICE = "Name one with --key or PIECEWORK_KEY; `piecework admin keys create --operator NAME` makes one."
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class Interrupted(Exception):
    """The conversation ended early; it may be taken up again."""


class Refused(CommandFailed):
    """The platform said no.

    Args:
        message: why.
        advice: what to do about it.
        code: why, for programs.
    """

    def __init__(self, message: str, advice: str = "", code: str = "") -> None:
        super().__init__(message, advice)
        self.code = code


class RunsApi:
    """Speaks the runs face.

    Args:
        http: a session whose base URL is the gateway.
        key: an operator's or an agent's key.
    """

    def __init__(self, http: aiohttp.ClientSession, key: str) -> None:
        self._http = http
        self._headers = {**_HEADERS, **({"Authorization": f"Bearer {key}"} if key else {})}

    async def upload(self, path: Path) -> str:
        """Store a file, and return its id.

        Raises:
            CommandFailed: it cannot be read, or is refused.
        """
        try:
            content = path.open("rb")
        except OSError as error:
            raise CommandFailed(f"{path} cannot be read: {error.strerror}") from error
        with content:
            form = aiohttp.FormData()
            form.add_field("purpose", "assistants")
            form.add_field("file", content, filename=path.name)
            try:
                return _named(await self._ask("POST", f"{_BASE}/files", data=form), "id")
            except Refused as refusal:
                if not refusal.code.startswith("FILE_"):
                    raise
                raise Refused(f"{path}: {refusal.message}", refusal.advice, refusal.code) from refusal

    async def start(self, options: RunOptions, file_ids: list[str]) -> str:
        """Begin a run, and return its id.

        Raises:
            CommandFailed: it is refused.
        """
        wanted: dict[str, Any] = {"agentCount": options.agents, "fileIds": file_ids or None}
        # The mock costs nothing, and answers instead of any model.
        wanted |= {"mock": True} if options.mock else {"budget": options.budget}
        given = {name: value for name, value in wanted.items() if value is not None}
        body = {"prompt": options.prompt, "modelId": options.model, "options": given}
        try:
            return _named(await self._ask("POST", f"{_BASE}/run", json=body), "taskId")
        except Refused as refusal:
            if refusal.code != "MODEL_UNKNOWN":
                raise
            raise CommandFailed(refusal.message, await self._models()) from refusal

    async def status(self, task_id: str) -> dict[str, Any]:
        """Return how a run stands.

        Raises:
            Interrupted: the platform cannot be reached now.
            CommandFailed: it refuses.
        """
        return await self._send("GET", f"{_BASE}/status/{task_id}")

    async def cancel(self, task_id: str) -> dict[str, Any]:
        """End a run.

        Raises:
            CommandFailed: the platform refuses, or cannot be reached.
        """
        return await self._ask("POST", f"/api/v1/tasks/{task_id}/cancel")

    async def events(self, task_id: str, after: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield the id and the data of each event after `after`, until the stream ends.

        Raises:
            Interrupted: the stream broke off, or cannot be had now.
            CommandFailed: it is refused.
        """
        headers = {**self._headers, "Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_SILENCE_SECONDS)
        try:
            async with self._http.get(f"/api/v1/stream/{task_id}", headers=headers, timeout=timeout) as response:
                if response.status != 200:
                    _read(response.status, await response.read())
                number = ""
                async for raw in response.content:
                    name, _, value = raw.decode().rstrip("\r\n").partition(": ")
                    if name == "id":
                        number = value
                    elif name == "data":
                        yield number, msgspec.json.decode(value)
                    elif not name:
                        number = ""
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
            raise Interrupted(why(error)) from error

    async def _models(self) -> str:
        options = (await self._ask("GET", _MODELS))["options"]
        return choices("Models", [str(model["id"]) for model in options], f"GET {_MODELS} shows them all.")

    async def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            return await self._send(method, path, **more)
        except Interrupted as error:
            advice = "Is it running? Try piecework doctor."
            raise CommandFailed(f"cannot reach the platform: {error}", advice) from error

    async def _send(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=_SECONDS, sock_connect=10)
        try:
            async with self._http.request(method, path, headers=self._headers, timeout=timeout, **more) as response:
                return _read(response.status, await response.read())
        except TimeoutError as error:
            raise Interrupted(f"no answer within {_SECONDS:.0f} seconds") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Interrupted(why(error)) from error


def _read(status: int, content: bytes) -> dict[str, Any]:
    """Return what was answered.

    Raises:
        Interrupted: the platform cannot answer now.
        CommandFailed: it refuses, or is not there.
    """
    try:
        answer = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        answer = {}
    if answer and status < 400:
        return answer
    raise _refused(status, answer)


def _named(answer: Mapping[str, Any], name: str) -> str:
    """Return a field of the first answer that there is: it shows who answers."""
    if name not in answer:
        raise _refused(HTTPStatus.OK, {})
    return str(answer[name])


def _refused(status: int, answer: Mapping[str, Any]) -> Exception:
    message = str(answer.get("error", _STRANGE))
    if status in _PASSING and status != 429:
        return Interrupted(f"{message} (HTTP {status:d})")
    if message == _STRANGE:
        return CommandFailed(f"{message} (HTTP {status:d})", "Is the platform running there? Try piecework doctor.")
    # A command that helps stands on a line of its own, to be copied.
    message, _, command = message.partition(": piecework ")
    advice = _KEY_ADVICE if status == 401 else f"piecework {command}" if command else ""
    return Refused(f"{message} (HTTP {status:d})", advice, str(answer.get("code", "")))
