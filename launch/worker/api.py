"""The requests of the queue face that a worker makes, one method each; no retries here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec

from kit.ids import is_id
from launch.choices import choices
from launch.reach import why
from launch.worker.errors import NotPiecework, Refused, SignedOut, Unreachable
from launch.worker.task import LeasedTask

_USUAL_SECONDS = 30.0
# What may be different the next time: too early, too many, and whatever is wrong behind the gateway.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_KEY_ADVICE = "Name one with --key or PIECEWORK_KEY; `piecework admin keys create --operator NAME` makes one."
_NAME_ADVICE = "Without a key only its id opens a project; name the key with --key or PIECEWORK_KEY."
_LIST = "`piecework admin projects list` shows them all."
_LIMIT_ADVICE = "; on a platform of your own: piecework up --rate-limits off"


class _Envelope(msgspec.Struct):
    success: bool
    data: Any = None
    error: str = ""
    timestamp: datetime | None = None


class QueueApi:
    """Speaks the queue face. Every method raises `Unreachable`, or `Refused` with what the platform says.

    Args:
        http: a session whose base URL is the gateway.
        key: an operator's key, or empty.
    """

    def __init__(self, http: aiohttp.ClientSession, key: str) -> None:
        self._http = http
        self._key = key

    async def login(self, agent: str, project: str) -> str:
        """Open a session for a worker name in a project, and return its token."""
        headers = {"x-api-key": self._key} if self._key else {}
        body = {"agentName": agent, "projectId": project}
        try:
            envelope = await self._request("POST", "/api/auth/login", headers, body)
        except SignedOut as error:
            reason = "the key is not valid here" if self._key else "a key is needed"
            raise Refused(error.status, reason, _KEY_ADVICE) from error
        except NotPiecework:
            raise
        except Refused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise Refused(error.status, f"there is no project {project}", await self._projects(project)) from error
        return str(envelope.data["token"])

    async def project_id(self, token: str) -> str:
        """Return the id of the session's project."""
        envelope = await self._request("GET", "/api/auth/session", _bearer(token))
        return str(envelope.data["projectId"])

    async def logout(self, token: str) -> None:
        """End the session."""
        await self._request("POST", "/api/auth/logout", _bearer(token))

    async def next_task(self, token: str, agent: str, project_id: str, wait_seconds: int) -> LeasedTask | None:
        """Lease the next task, or get again the one that `agent` holds; None when there was none in time."""
        body = {"projectId": project_id, "waitSeconds": wait_seconds}
        path = f"/api/agents/{agent}/next-task"
        envelope = await self._request("POST", path, _bearer(token), body, wait_seconds + _USUAL_SECONDS)
        document = (envelope.data or {}).get("task")
        return None if document is None else LeasedTask(document, _sent_at(envelope))

    async def held_task(self, token: str, agent: str, project_id: str) -> LeasedTask | None:
        """Return the task that `agent` holds."""
        path = f"/api/projects/{project_id}/tasks?status=running&assignedTo={agent}&limit=1"
        envelope = await self._request("GET", path, _bearer(token))
        return LeasedTask(envelope.data[0], _sent_at(envelope)) if envelope.data else None

    async def task(self, token: str, task_id: str) -> dict[str, Any]:
        """Return a task as it is now."""
        envelope = await self._request("GET", f"/api/tasks/{task_id}", _bearer(token))
        return dict(envelope.data)

    async def complete(self, token: str, agent: str, task: LeasedTask, result: str) -> None:
        """Hand in a result."""
        body = {"agentName": agent, "leaseToken": task.token, "result": result}
        await self._request("POST", f"/api/tasks/{task.id}/complete", _bearer(token), body)

    async def fail(self, token: str, agent: str, task: LeasedTask, error: str, *, can_retry: bool) -> bool:
        """Report a failure; tell whether the task has failed with it, or will be tried again."""
        body = {"agentName": agent, "leaseToken": task.token, "error": error, "canRetry": can_retry}
        envelope = await self._request("POST", f"/api/tasks/{task.id}/fail", _bearer(token), body)
        return bool(envelope.data["status"] == "failed")

    async def extend(self, token: str, agent: str, task: LeasedTask, minutes: int) -> None:
        """Move the end of the lease, and note it in `task`."""
        body = {"agentName": agent, "leaseToken": task.token, "extensionMinutes": minutes}
        envelope = await self._request("POST", f"/api/tasks/{task.id}/extend-lease", _bearer(token), body)
        task.extend(LeasedTask(envelope.data, _sent_at(envelope)).ends_at)

    async def _projects(self, missed: str) -> str:
        """Return what to say to somebody who named a project that is not there."""
        if not self._key:
            return _LIST if is_id(missed) else _NAME_ADVICE
        envelope = await self._request("GET", "/api/projects", {"x-api-key": self._key})
        return choices("Projects", [str(project["name"]) for project in envelope.data], _LIST)

    async def _request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: dict[str, Any] | None = None,
        limit_seconds: float = _USUAL_SECONDS,
    ) -> _Envelope:
        timeout = aiohttp.ClientTimeout(total=limit_seconds, sock_connect=10)
        try:
            async with self._http.request(method, path, json=body, headers=headers, timeout=timeout) as response:
                return _read(response, await response.read())
        except TimeoutError as error:
            raise Unreachable(f"no answer within {limit_seconds:.0f} seconds") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"cannot reach the platform: {why(error)}") from error


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _read(response: aiohttp.ClientResponse, content: bytes) -> _Envelope:
    try:
        envelope = msgspec.json.decode(content, type=_Envelope)
    except msgspec.MsgspecError as error:
        reason = "the answer is not one of Piecework"
        if response.status < 400 or response.status in _PASSING:  # of something in between, that may go away again
            raise Unreachable(f"{reason} (HTTP {response.status})", _retry_after(response)) from error
        raise NotPiecework(response.status, reason, "Is the platform running there? Try piecework doctor.") from error
    if response.status in _PASSING:
        advice = _LIMIT_ADVICE if response.status == HTTPStatus.TOO_MANY_REQUESTS else ""
        raise Unreachable(f"{envelope.error} (HTTP {response.status}{advice})", _retry_after(response))
    if response.status == 401:
        raise SignedOut(response.status, envelope.error)
    if response.status >= 400:
        raise Refused(response.status, envelope.error)
    return envelope


def _sent_at(envelope: _Envelope) -> datetime:
    return envelope.timestamp or datetime.now(UTC)


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Read the header in both of its forms (RFC 9110 section 10.2.3): seconds, or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)) / timedelta(seconds=1), 0.0)
    except (TypeError, ValueError):
        return None
