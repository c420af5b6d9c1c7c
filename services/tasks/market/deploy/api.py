"""One HTTP API with a token: bounded in time and size, and silent about its token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from services.tasks.market.errors_github import deploy_failed

_LARGEST_ANSWER = 256 * 1024


class Answer(msgspec.Struct, frozen=True):
    """An answer: its HTTP status, and the JSON object that it has, if any."""

    status: int
    body: dict[str, Any]

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


class Api:
    """Calls an HTTP API.

    Args:
        name: what messages call it.
        url: the address that paths are added to.
        token: sent as `Authorization: Bearer`; empty sends none.
        headers: sent with each call.
        query: sent with each call.
        timeout_seconds: how long a call may take, all in all.
    """

    def __init__(
        self,
        name: str,
        url: str,
        token: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        timeout_seconds: float,
    ) -> None:
        self.name = name
        self._url = url.rstrip("/")
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self._headers = {"User-Agent": "piecework", **headers, **authorization}
        self._query = dict(query)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to a request, whatever its status.

        Redirects are followed within the API: repositories that were renamed answer so.

        Raises:
            Unavailable: DEPLOY_FAILED, there was no answer in time, or none that can be read.
        """
        try:
            async with self._open().request(
                method,
                self._url + path,
                json=body,
                params={**self._query, **(query or {})},
                max_redirects=3,
            ) as response:
                if not response.ok:
                    return Answer(response.status, _object(await response.content.read(_LARGEST_ANSWER)))
                return Answer(response.status, _object(await self._read(response)))
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            # The words of the library may hold the request; the kind of error says enough.
            raise deploy_failed(f"{self.name} did not answer ({type(error).__name__})") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        return self._session

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(16 * 1024):
            content += chunk
            if len(content) > _LARGEST_ANSWER:
                raise deploy_failed(f"{self.name} answered more than is read")
        return bytes(content)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
