"""Reads the URLs that strangers name, with the parser of the client that will ask them."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

from yarl import URL

from kit.outbound.addresses import is_loopback, is_public
from kit.outbound.errors import TargetRefused

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_LABELS = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_MAX_HOST = 253
_WELL_KNOWN = (80, 443)
_FIRST_FREE_PORT = 1024


class Target(NamedTuple):
    """Where a request goes.

    Attributes:
        url: what is asked.
        host: a name, or an address without brackets.
        port: from 1 to 65535.
        is_address: whether `host` is an address.
    """

    url: URL
    host: str
    port: int
    is_address: bool


class Rules(NamedTuple):
    """What may be asked.

    Attributes:
        allow_loopback: whether this machine may be asked too, also without TLS and at any port. For development.
    """

    allow_loopback: bool = False

    def permits(self, target: Target, address: str) -> bool:
        """Tell whether the target may be reached at `address`."""
        if self.allow_loopback and is_loopback(address):
            return True
        return target.url.scheme == "https" and _usual(target.port) and is_public(address)

    def require(self, target: Target, addresses: list[str]) -> None:
        """Check all addresses of a target.

        Raises:
            TargetRefused: one of them may not be asked.
        """
        if all(self.permits(target, address) for address in addresses):
            return
        if target.url.scheme != "https":
            raise _not_https()
        raise TargetRefused("address", "The URL leads to an address that is not public")


def parse(url: str, rules: Rules) -> Target:
    """Return what `url` names; its address, if it has one, is checked.

    Raises:
        TargetRefused: it is malformed, or may not be asked.
    """
    parsed = _read(url)
    if parsed.scheme not in ("https", "http"):
        raise _not_https()
    host, is_address = _host(parsed)
    if parsed.raw_host != host:
        parsed = parsed.with_host(host)
    port = parsed.port or 0
    if not port:
        raise _malformed("its port is not one")
    target = Target(parsed, host, port, is_address)
    if parsed.scheme == "http" and not rules.allow_loopback:
        raise _not_https()
    if not rules.allow_loopback and not _usual(port):
        raise TargetRefused("address", "The port of the URL is reserved for another protocol")
    if is_address:
        rules.require(target, [host])
    return target


def _read(url: str) -> URL:
    if _FORBIDDEN.search(url):
        raise _malformed("it holds blanks, backslashes or control characters")
    try:
        parsed = URL(url)
        host = parsed.raw_host
        _ = parsed.port
    except ValueError:
        raise _malformed("it cannot be read") from None
    if not parsed.scheme or (not host and parsed.scheme in ("http", "https")):
        raise _malformed("it names no host")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise _malformed("it holds a user or a password")
    return parsed


def _host(parsed: URL) -> tuple[str, bool]:
    """Return the host, one dot at its end left out, and whether it is an address."""
    host = parsed.raw_host or ""
    if ":" in host:
        _require_address(host)
        return host, True
    name = host.removesuffix(".")
    if len(name) > _MAX_HOST or not _LABELS.fullmatch(name):
        raise _malformed("its host is no name")
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name, False
    # A name whose last part is a number is an address (WHATWG URL, "ends in a number"). The resolver would take
    # 2130706433, 0x7f.1 and 0177.0.0.1 for 127.0.0.1: only the one canonical form is read.
    _require_address(name)
    return name, True


def _require_address(text: str) -> None:
    try:
        address = ip_address(text)
    except ValueError:
        raise _malformed("its host is no address") from None
    if isinstance(address, IPv4Address) and str(address) != text:
        raise _malformed("its host is no address")


def _usual(port: int) -> bool:
    """Tell whether a web server may be at this port: those below 1024 belong to other protocols."""
    return port in _WELL_KNOWN or port >= _FIRST_FREE_PORT


def _malformed(why: str) -> TargetRefused:
    return TargetRefused("url", f"The URL is malformed: {why}")


def _not_https() -> TargetRefused:
    return TargetRefused("scheme", "The URL must use HTTPS")
