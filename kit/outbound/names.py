"""Asks for the addresses of names."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from kit.outbound.errors import NameUnknown

Lookup = Callable[[str], Awaitable[list[str]]]
"""Returns the addresses of a name; raises `NameUnknown`."""

_THREADS = 16


class SystemNames:
    """The resolver of the system. It blocks, so it has threads of its own: slow names hold up nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="names")

    async def __call__(self, name: str) -> list[str]:
        """Return the addresses of `name`, the preferred one first.

        Raises:
            NameUnknown: it has none now.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, _look_up, name)
        except (OSError, UnicodeError) as error:
            raise NameUnknown("The name cannot be resolved") from error
        if not found:
            raise NameUnknown("The name cannot be resolved")
        return found

    def close(self) -> None:
        """Take no more names; those being asked for are waited for by nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


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


def _look_up(name: str) -> list[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
