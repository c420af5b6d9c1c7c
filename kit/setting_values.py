"""The kinds of values that settings have: each function reads one from text.

Each raises ValueError with words that complete the sentence "THE_VARIABLE must be …".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

import limits

MIN_SECRET_LENGTH = 32
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,38}", re.ASCII)
_TARGET = re.compile(r"(?:[a-z][a-z0-9+.-]*:.+|[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:.]+\]:\d{1,5})", re.ASCII)
_KEY = re.compile(r"([A-Za-z0-9_-]{1,32}):([0-9a-fA-F]{64})", re.ASCII)
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SWITCH = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}


class SettingsError(ValueError):
    """A setting is missing or wrong; the message names the environment variable."""


def text(value: str) -> str:
    """Return `value` as it is."""
    return value


def url(*schemes: str) -> Callable[[str], str]:
    """Return a reader of URLs with one of these schemes."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)

    def read(value: str) -> str:
        if urlsplit(value).scheme not in schemes or "://" not in value:
            raise ValueError(f"a URL that begins with {wanted}")
        return value

    return read


def address(value: str) -> str:
    """Read `host:port` or a gRPC target such as `dns:///tasks:7001`."""
    if not _TARGET.fullmatch(value):
        raise ValueError("host:port or a gRPC target such as dns:///host:port")
    return value


def port(value: str) -> int:
    """Read a TCP port; 0 means any."""
    if not value.isascii() or not value.isdigit() or int(value) > 65_535:
        raise ValueError("a port from 0 to 65535")
    return int(value)


def long_secret(value: str) -> str:
    """Read a secret of at least `MIN_SECRET_LENGTH` characters."""
    if len(value) < MIN_SECRET_LENGTH:
        raise ValueError(f"at least {MIN_SECRET_LENGTH} characters long")
    return value


def encryption_keys(value: str) -> tuple[tuple[str, str], ...]:
    """Read keys of AES-256 with their ids, `id:64hex`, separated by commas."""
    found = [_KEY.fullmatch(part.strip()) for part in value.split(",")]
    keys = {key[1]: key[2] for key in found if key is not None}
    if len(keys) != len(found):
        raise ValueError("keys of 64 hexadecimal digits, each after an id of its own and a colon, separated by commas")
    return tuple(keys.items())


def number(value: str) -> int:
    """Read a whole number, 0 or more, that a database can keep."""
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise ValueError("a whole number, 0 or more")
    return int(value)


def database_prefix(value: str) -> str:
    """Read the beginning of a database name; MongoDB allows 63 bytes for the whole name."""
    if not _PREFIX.fullmatch(value):
        raise ValueError("1 to 38 letters, digits, - or _")
    return value


def switch(value: str) -> bool:
    """Read `on` or `off`."""
    try:
        return _SWITCH[value.lower()]
    except KeyError:
        raise ValueError("on or off") from None


def rate_limit(value: str) -> str:
    """Read limits such as `100/15 minutes`, more than one separated by `;`."""
    try:
        limits.parse_many(value)
    except ValueError:
        raise ValueError("a rate such as 100/15 minutes") from None
    return value


def origins(value: str) -> tuple[str, ...]:
    """Read origins separated by commas; `*` is any."""
    found = tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
    for origin in found:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
            raise ValueError("* or origins such as https://app.example.com, separated by commas")
    return found


def networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks such as `10.0.0.0/8`, separated by commas."""
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8 or single addresses, separated by commas") from None


def log_level(value: str) -> str:
    """Read the name of a level, in any case."""
    if value.upper() not in _LEVELS:
        raise ValueError(f"one of {', '.join(_LEVELS)}")
    return value.upper()


def seconds(value: str) -> float:
    """Read a duration in seconds, zero or more."""
    return _number(value, math.inf, "a number of seconds, 0 or more")


def ratio(value: str) -> float:
    """Read a number from 0 to 1."""
    return _number(value, 1, "a number from 0 to 1")


def _number(value: str, most: float, wanted: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError(wanted) from None
    if not (0 <= number <= most and math.isfinite(number)):
        raise ValueError(wanted)
    return number
