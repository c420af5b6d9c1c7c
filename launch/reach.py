"""What a user says about the gateway to talk to, and why it could not be reached."""

from __future__ import annotations

import os
import ssl

import aiohttp
from yarl import URL

from launch.errors import CommandFailed

_LOOKS = "It looks like http://127.0.0.1:8080: http:// or https://, a host, and a port if need be; no path."


def gateway_address(text: str) -> str:
    """Return the address of a gateway as requests begin with it.

    Raises:
        CommandFailed: it is none.
    """
    refusal = CommandFailed(f"{text!r} is not the address of a gateway", _LOOKS)
    try:
        url = URL(text.strip())
        origin = url.origin()
        (url.host or "").encode("idna")  # as the resolver does, far too late
    except ValueError as error:
        raise refusal from error
    if url.scheme not in ("http", "https") or url != origin.with_path("/"):
        raise refusal
    return str(origin)


def usable_key(text: str) -> str:
    """Return a key without the white space around it, which files and variables bring along.

    Raises:
        CommandFailed: a request cannot carry it.
    """
    key = text.strip()
    if not key.isprintable():
        raise CommandFailed("the key has control characters in it, as no key has", "Was more than the key copied?")
    return key


def why(error: Exception) -> str:
    """Return why a request had no answer, without the inner life of the library that made it."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return str(error) or type(error).__name__
    cause = error.os_error
    if isinstance(cause, ssl.SSLError):
        reason = f"TLS failed: {(cause.reason or 'no reason given').replace('_', ' ').lower()}"
    else:
        # A number below zero is one of the resolver, which the system has no text for.
        reason = os.strerror(cause.errno) if cause.errno and cause.errno > 0 else cause.strerror or str(cause)
    return f"{error.host}:{error.port}: {reason}"
