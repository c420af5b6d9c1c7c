"""Who the client is and how it came, when proxies stand in between."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network


class Origins:
    """Reads `X-Forwarded-For` and `-Proto`, but only from proxies that are trusted.

    Args:
        trusted: the networks of these proxies.
    """

    def __init__(self, trusted: Iterable[Network]) -> None:
        self._trusted = tuple(trusted)
        self._is_trusted = lru_cache(maxsize=4096)(self._look_up)

    def client(self, request: web.Request) -> str:
        """Return the address of the client: the last one in the chain that no trusted proxy has."""
        address = request.remote or "local"
        if not self._trusted or not self._is_trusted(address):
            return address
        hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", ()) for hop in line.split(",")]
        for hop in reversed(hops):
            if not _is_address(hop):
                break
            address = hop
            if not self._is_trusted(hop):
                break
        return address

    def secure(self, request: web.Request) -> bool:
        """Tell whether the client came over HTTPS, to us or to a trusted proxy."""
        if request.secure:
            return True
        if not self._trusted or not self._is_trusted(request.remote or ""):
            return False
        return request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower() == "https"

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
