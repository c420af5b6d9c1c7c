"""Addresses to listen on and to be found under."""

from __future__ import annotations

import errno
import ipaddress
import socket

from launch.errors import CommandFailed

_BACKLOG = 1024


def take(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address: from now on it is ours, though nobody is served yet.

    Raises:
        CommandFailed: the port is taken, or the address is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        reason = f"{(error.strerror or str(error)).capitalize()}. Choose another one with --host."
        raise CommandFailed(f"{host or repr(host)} is not an address that can be listened on", reason) from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.settimeout(0)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _refusal(host, port, error) from error
    return listener


def _refusal(host: str, port: int, error: OSError) -> CommandFailed:
    if error.errno == errno.EADDRINUSE:
        advice = "Stop that process, or choose another port with --port (0 takes any free one)."
        return CommandFailed(f"port {port} on {host} is taken by another process", advice)
    if error.errno == errno.EACCES:
        return CommandFailed(f"this user may not listen on port {port}", "Choose a port above 1023 with --port.")
    if error.errno == errno.EADDRNOTAVAIL:
        return CommandFailed(f"{host} is not an address of this machine", "Choose one that is with --host.")
    return CommandFailed(f"cannot listen on port {port} of {host}: {error.strerror}")


def url(host: str, port: int) -> str:
    """Return the HTTP address under which this machine reaches a gateway that listens on `host`."""
    return f"http://{authority(host, port)}"


def authority(host: str, port: int, *, reachable: bool = True) -> str:
    """Return `host:port`; with `reachable` one that clients on this machine can use, even if `host` is any address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{host}:{port}"
    if reachable and address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
