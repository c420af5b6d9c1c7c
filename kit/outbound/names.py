"""Asks for the addresses of names."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable

from aiohttp.abc import AbstractResolver, ResolveResult

from kit.outbound.errors import NameUnknown

Lookup = Callable[[str], Awaitable[list[str]]]
"""Returns the addresses of a name; raises `NameUnknown`."""

_AT_ONCE = 256


class SystemNames:
    """The resolver of the system. It blocks, so each name has a thread of its own: slow ones hold up nothing else.

    The threads are of no pool: a pool lives as long as its slowest thread, and the process with it.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, name: str) -> list[str]:
        """Return the addresses of `name`, the preferred one first.

        Raises:
            NameUnknown: it has none now.
        """
        async with self._places:
            found = await _asked(name)
        if not found:
            raise NameUnknown("The name cannot be resolved")
        return found


class PinnedResolver(AbstractResolver):
    """Gives a connector the addresses that were checked, and no others.

    Args:
        addresses: of the one host that is asked.
    """

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - of the interface
    ) -> list[ResolveResult]:
        """Return the addresses, whatever the name."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def _asked(name: str) -> list[str]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def ask() -> None:
        found = _look_up(name)
        with contextlib.suppress(RuntimeError):  # the loop did not wait for us
            loop.call_soon_threadsafe(tell, found)

    def tell(found: list[str]) -> None:
        if not answer.done():
            answer.set_result(found)

    threading.Thread(target=ask, name=f"name: {name}", daemon=True).start()
    return await answer


def _look_up(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
