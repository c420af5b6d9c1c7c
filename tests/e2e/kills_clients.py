"""Clients as a sensible agent would write them: they try again, with idempotency keys and with lease tokens."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp

from tests.e2e.kills_record import Pulse, Record

# How long a request may be tried again. A creating call that died in mid-work keeps its key busy for ten seconds.
_PATIENCE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.5
_TRANSPORT = (aiohttp.ClientError, ConnectionError, TimeoutError)


@dataclass(frozen=True)
class Reply:
    """The answer that was accepted in the end."""

    status: int
    data: Any
    error: str
    replayed: bool
    tries: int


class _Again(NamedTuple):
    """Why a request has to be sent again, and how long the platform says to wait, if it does."""

    reason: str
    seconds: float = 0.0


class Client:
    """Sends requests until they are answered.

    Args:
        http: a session with the gateway's address.
        token: an operator's key or a session's token.
        record: where statuses are counted.
        pulse: is told of every request that goes out and every answer that comes.
    """

    def __init__(self, http: aiohttp.ClientSession, token: str | None, record: Record, pulse: Pulse) -> None:
        self._http = http
        self._token = token
        self._record = record
        self._pulse = pulse

    async def send(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Reply:
        """Send a request, again and again while the connection breaks or the platform says that it cannot now."""
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        deadline, pause, tries = time.monotonic() + _PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS, 0
        while True:
            tries += 1
            answer = await self._once(method, path, body, headers, tries)
            if isinstance(answer, Reply):
                return answer
            assert time.monotonic() < deadline, f"{method} {path} was not answered; the last was {answer.reason}"
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            # Jitter, so that the crowd does not come back at once.
            await asyncio.sleep(answer.seconds or pause * random.uniform(0.5, 1.0))

    async def _once(self, method: str, path: str, body: Any, headers: dict[str, str], tries: int) -> Reply | _Again:
        """Return the answer, or why the request has to be sent again."""
        self._pulse.beat("sent")
        if "Idempotency-Key" in headers:
            self._pulse.beat("create")
        try:
            async with self._http.request(method, path, json=body, headers=headers) as response:
                envelope = await response.json()
        except _TRANSPORT as error:
            self._record.statuses[0] += 1
            return _Again(repr(error))
        status = response.status
        self._record.statuses[status] += 1
        if status >= 500 or (status == 409 and "Retry-After" in response.headers):
            if status not in (503, 409):
                self._record.errors.append(f"{status} {method} {path} {envelope}")
            # A busy key has to be waited for; what is down is tried more often than it asks for, to hit it half awake.
            return _Again(f"HTTP {status}", float(response.headers["Retry-After"]) if status == 409 else 0.0)
        self._pulse.beat("answered")
        replayed = response.headers.get("Idempotency-Replayed") == "true"
        return Reply(status, envelope.get("data"), str(envelope.get("error", "")), replayed, tries)


async def log_in(http: aiohttp.ClientSession, project_id: str, name: str, record: Record, pulse: Pulse) -> Client:
    """Open a session for a worker and return a client that uses it."""
    body = {"agentName": name, "projectId": project_id}
    reply = await Client(http, None, record, pulse).send("POST", "/api/auth/login", body)
    assert reply.status == 200, reply
    return Client(http, reply.data["token"], record, pulse)
