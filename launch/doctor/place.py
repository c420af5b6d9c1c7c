"""Checks of what a platform on this machine would take: its directory and its port."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from stat import S_IMODE

from launch import addresses
from launch.doctor.finding import Finding, ok, problem
from launch.errors import CommandFailed
from launch.places import DataDirectory, RunningPlatform


def data_directory(directory: DataDirectory, running: RunningPlatform | None) -> Finding:
    """Check that the data directory can be used, or is used by the platform that runs there."""
    path = directory.path
    if not path.exists():
        parent = next(folder for folder in path.parents if folder.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            return problem("Data directory", f"{path} cannot be made", f"Allow writing to {parent}, or use --data-dir.")
        return ok("Data directory", f"{path}, to be made by the first start")
    if not path.is_dir():
        return problem("Data directory", f"{path} is not a directory", "Name another one with --data-dir.")
    if not os.access(path, os.W_OK | os.X_OK):
        return problem("Data directory", f"{path} cannot be written", "Change its owner or mode, or use --data-dir.")
    open_secrets = [file for file in (directory.credentials, directory.secrets) if _is_open(file)]
    if open_secrets:
        names = " ".join(map(str, open_secrets))
        return problem("Data directory", "others can read the keys in it", f"chmod 600 {names}")
    if not _is_locked(directory.lock):
        return ok("Data directory", str(path))
    if running is not None:
        return ok("Data directory", f"{path}, used by the platform that runs (process {running.pid})")
    return problem("Data directory", f"{path} is used by another process", "Stop that process, or use --data-dir.")


def port(host: str, number: int, running: RunningPlatform | None) -> Finding:
    """Check that the gateway's port is free, or is that of the platform that runs."""
    shown = addresses.url(host, number)
    if running is not None and running.gateway == shown:
        return ok("Port", f"{number}, used by the platform that runs")
    try:
        listener: socket.socket = addresses.take(host, number)
    except CommandFailed as error:
        return problem("Port", error.message, error.advice)
    listener.close()
    return ok("Port", f"{number} on {host} is free")


def _is_locked(file: Path) -> bool:
    # Only asked, not taken with `DataDirectoryLock`: that would make the directory what a start makes of it.
    try:
        with file.open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _is_open(file: Path) -> bool:
    try:
        return bool(S_IMODE(file.stat().st_mode) & 0o077)
    except OSError:
        return False
