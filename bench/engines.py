"""Real engines for the floor, the peers and the product: MongoDB, Valkey, PostgreSQL, each in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kit.engines import MongodEngine, ValkeyEngine
from kit.engines.binaries import find_valkey

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 20.0
POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")
VALKEY_GUARANTEE = ("--appendonly", "yes", "--appendfsync", "everysec")


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether something accepts connections on the loopback `port`."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    """Poll `ready` until it holds.

    Raises:
        RuntimeError: the process ended, or was not ready in 30 seconds.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with status {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"{what} was not ready in {START_TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL to whatever of its session is left: pools of worker processes do not always end theirs."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running(command: list[str], what: str, ready: Callable[[], bool], folder: Path, **options: object) -> Iterator[int]:
    """Run `command` in a session of its own while the block runs; yields its pid. Output goes to a log in `folder`."""
    with (folder / f"{what}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **options
        )  # type: ignore[call-overload]
        try:
            wait_until(ready, process, what)
            yield process.pid
        finally:
            stop(process)


@contextmanager
def started(engine: MongodEngine | ValkeyEngine) -> Iterator[None]:
    """Run an engine of the product while the block runs."""
    with asyncio.Runner() as runner:
        runner.run(engine.start())
        try:
            yield
        finally:
            runner.run(engine.stop())


@contextmanager
def mongodb(folder: Path) -> Iterator[MongodEngine]:
    """The MongoDB that Piecework embeds, journaling to `folder`."""
    engine = MongodEngine(folder / "mongodb")
    with started(engine):
        yield engine


@contextmanager
def cache(folder: Path) -> Iterator[str]:
    """The Valkey that Piecework embeds, which keeps nothing on disk; yields its URL."""
    engine = ValkeyEngine(folder / "cache")
    with started(engine):
        yield engine.url


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A Valkey for the peers, with an append-only file flushed every second; yields its URL."""
    data, port = folder / "valkey", free_port()
    data.mkdir(parents=True)
    command = [str(find_valkey()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--save", ""]
    with running([*command, *VALKEY_GUARANTEE], "valkey", lambda: answers(port), folder):
        yield f"redis://127.0.0.1:{port}/0"


def _unprivileged() -> str | None:
    """The account that PostgreSQL runs under when this process is root; None otherwise."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """PostgreSQL with its default durability (fsync, synchronous commit); yields a connection string.

    Raises:
        FileNotFoundError: Debian's PostgreSQL 15 is not installed.
    """
    user, data, port = _unprivileged(), folder / "postgres", free_port()
    data.mkdir(parents=True)
    if user is not None:
        folder.chmod(0o755)
        shutil.chown(data, user)
    as_user: dict[str, object] = {"cwd": data, "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}}
    if user is not None:
        as_user["user"] = user
    init = f"{POSTGRES_BIN / 'initdb'} --auth=trust --username=bench --encoding=UTF8 -D {data / 'db'}".split()
    subprocess.run(init, check=True, capture_output=True, timeout=60, **as_user)  # type: ignore[call-overload]
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c max_connections=200"
    command = [str(POSTGRES_BIN / "postgres"), "-D", str(data / "db"), *settings.split()]
    dsn = f"host=127.0.0.1 port={port} user=bench dbname=postgres"

    def ready() -> bool:
        check = [str(POSTGRES_BIN / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(check, timeout=10).returncode == 0

    with running(command, "postgres", ready, folder, **as_user):
        yield dsn
