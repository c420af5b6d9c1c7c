"""The client for requests to the outside.

What it connects to is an address that it has checked a moment before: the answer of the resolver is asked for once,
checked, and given to the connection, so that a name cannot lead elsewhere in between. Redirects are answers like any
other, and proxies of the environment are not used: both would ask somebody else than the one that was checked.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from kit.outbound.errors import NameUnknown, OutboundError, RequestFailed, TargetRefused
from kit.outbound.names import Lookup, PinnedResolver, SystemNames
from kit.outbound.targets import Rules, Target, parse
from kit.telemetry.context import to_metadata

_CHECK_SECONDS = 3.0
_CHUNK = 4096
_BODY_MARGIN_SECONDS = 0.1


class Answer(msgspec.Struct, frozen=True):
    """What the target said.

    Attributes:
        status: of HTTP.
        headers: the names in lower case; of several with one name the last.
        body: as far as it was read.
        complete: whether that is all of it.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool


class OutboundClient:
    """Asks targets that strangers name.

    Args:
        rules: what may be asked.
        lookup: asks for addresses; the system's resolver unless told otherwise.
        trust: the certificates that are trusted; those of the system unless told otherwise.
    """

    def __init__(
        self, rules: Rules | None = None, *, lookup: Lookup | None = None, trust: ssl.SSLContext | None = None
    ) -> None:
        self._rules = rules or Rules()
        self._lookup: Lookup = lookup or SystemNames()
        self._trust = trust

    async def check(self, url: str) -> None:
        """Check a URL that is to be asked later. One whose name has no address now may get one: it passes.

        Raises:
            TargetRefused: it may not be asked.
        """
        target = parse(url, self._rules)
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._addresses(target)
        except (NameUnknown, TimeoutError):
            if target.url.scheme != "https":
                raise TargetRefused("scheme", "The URL must use HTTPS") from None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_seconds: float,
        max_body_bytes: int,
    ) -> Answer:
        """Send one request over a connection of its own and return the answer.

        Args:
            method: for example `POST`.
            url: what to ask.
            headers: sent with the context of the trace that is under way.
            body: what is sent.
            timeout_seconds: for everything, from the question for the name to the end of the answer.
            max_body_bytes: how much of the answer is read.

        Raises:
            TargetRefused: the target may not be asked.
            RequestFailed: there is no answer.
        """
        target = parse(url, self._rules)
        until = asyncio.get_running_loop().time() + timeout_seconds
        try:
            async with asyncio.timeout_at(until), self._session(await self._addresses(target)) as session:
                sent = {**headers, **dict(to_metadata())}
                asked = session.request(method, target.url, headers=sent, data=body, allow_redirects=False)
                async with asked as response:
                    return await _answer(response, max_body_bytes, until - _BODY_MARGIN_SECONDS)
        except OutboundError:
            raise
        except TimeoutError:
            raise RequestFailed(f"No answer within {timeout_seconds:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RequestFailed(_explained(error)) from error

    async def _addresses(self, target: Target) -> list[str]:
        """Return where the target is, checked."""
        addresses = [target.host] if target.is_address else await self._lookup(target.host)
        if not addresses:
            raise NameUnknown("The name cannot be resolved")
        self._rules.require(target, addresses)
        return addresses

    def _session(self, addresses: list[str]) -> aiohttp.ClientSession:
        def new_socket(info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
            # The last moment before a connection: whatever the way here, nothing else is asked.
            if info[4][0] not in addresses:
                raise TargetRefused("address", "The URL leads to an address that was not checked")
            return socket.socket(info[0], info[1], info[2])

        connector = aiohttp.TCPConnector(
            resolver=PinnedResolver(addresses),
            use_dns_cache=False,
            ssl=self._trust or True,
            force_close=True,
            socket_factory=new_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        )


async def _answer(response: aiohttp.ClientResponse, max_body_bytes: int, until: float) -> Answer:
    body, complete = await _bounded(response, max_body_bytes, until)
    headers = {name.lower(): value for name, value in response.headers.items()}
    response.close()  # the rest of the body is not waited for
    return Answer(response.status, headers, body, complete)


async def _bounded(response: aiohttp.ClientResponse, limit: int, until: float) -> tuple[bytes, bool]:
    """Return the beginning of the body, and whether it is all. The status counts also when the body breaks off."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout_at(until):
            while size < limit:
                part = await response.content.read(min(_CHUNK, limit - size))
                if not part:
                    return b"".join(parts), True
                parts.append(part)
                size += len(part)
    except (aiohttp.ClientError, OSError):
        return b"".join(parts), False
    return b"".join(parts), response.content.at_eof()


def _explained(error: Exception) -> str:
    """Say what happened without the names and addresses that the errors of the library hold."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "The certificate of the server is not trusted"
    if isinstance(error, aiohttp.ClientSSLError):
        return "No secure connection could be made"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "The connection was refused" if isinstance(error.os_error, ConnectionRefusedError) else "No connection"
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return "The answer is not valid HTTP"
    return "The connection was lost"
