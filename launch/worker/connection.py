"""The conversation of one worker name with the platform: it signs in, and does not give up easily."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from launch.worker import backoff
from launch.worker.api import QueueApi
from launch.worker.errors import Refused, SignedOut, Unreachable

_SIGN_OUT_WINDOW_SECONDS = 60.0
_MAX_SIGN_OUTS = 4

_Value = TypeVar("_Value")


class Connection:
    """Calls the queue for one worker name.

    Args:
        api: the requests.
        agent: the worker name.
        project: id or name of the project.
        trouble: is told what goes wrong between two attempts.
    """

    def __init__(self, api: QueueApi, agent: str, project: str, trouble: Callable[[str], None]) -> None:
        self.agent = agent
        self.project_id = ""
        self._api = api
        self._project = project
        self._trouble = trouble
        self._token = ""
        self._signed_out_at: deque[float] = deque()

    async def call(self, request: Callable[[QueueApi, str], Awaitable[_Value]], give_up_at: float = math.inf) -> _Value:
        """Make a request with the session's token; sign in when that is needed, and try again until there is an answer.

        Args:
            request: gets the requests and the token.
            give_up_at: the last moment for another attempt, on the monotonic clock.

        Raises:
            Refused: the platform said no.
            Unreachable: there was no answer in time.
        """
        delays = backoff.delays()
        while True:
            try:
                if not self._token:
                    await self._sign_in()
                return await request(self._api, self._token)
            except SignedOut as error:
                if not self._token:
                    raise
                self._note_sign_out(error)
            except Unreachable as error:
                delay = max(next(delays), error.retry_after_seconds or 0.0)
                if time.monotonic() + delay > give_up_at:
                    raise
                self._trouble(f"{error}; trying again in {delay:.1f} s")
                await asyncio.sleep(delay)

    async def close(self) -> None:
        """End the session, if the platform can be told quickly."""
        if not self._token:
            return
        token, self._token = self._token, ""
        try:
            async with asyncio.timeout(2):
                await self._api.logout(token)
        except (Refused, Unreachable, TimeoutError) as error:
            self._trouble(f"the session ends by itself later: {error}")

    async def _sign_in(self) -> None:
        token = await self._api.login(self.agent, self._project)
        self.project_id = self.project_id or await self._api.project_id(token)
        self._token = token

    def _note_sign_out(self, error: SignedOut) -> None:
        """Forget the token; a worker name that is signed out again and again is used twice."""
        self._token = ""
        now = time.monotonic()
        self._signed_out_at.append(now)
        while self._signed_out_at[0] < now - _SIGN_OUT_WINDOW_SECONDS:
            self._signed_out_at.popleft()
        if len(self._signed_out_at) > _MAX_SIGN_OUTS:
            reason = f"{error.message}: does another worker sign in as {self.agent}? Give each a name of its own"
            raise Refused(error.status, reason) from error
