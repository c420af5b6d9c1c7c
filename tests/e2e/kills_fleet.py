"""Installations of real processes that can be killed, and come back on the same ports."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import grpc.aio
from piecework.agents.v1 import identity_pb2 as identity
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub
from pymongo.asynchronous.database import AsyncDatabase

from kit import mongo
from kit.caller import CallerSigner, service_caller
from kit.channels import Outgoing
from kit.engines import EngineError, MongodEngine, Supervisor, ValkeyEngine, ports
from tests.e2e.piecework import LIMIT_SECONDS, READY, Up, descendants, finish, spawn, until

_CALLER_KEY = "0123456789abcdef0123456789abcdef"
_PREFIX = "kills"
_FIRST_PORT, _LAST_PORT = 10_000, 19_999


class Installation(Protocol):
    """What the kills are aimed at.

    Attributes:
        gateway: the address of its gateway; it stays the same.
        key: an operator's key.
        strikes: how to kill each part with SIGKILL and wait until it runs again, by name.
    """

    gateway: str
    key: str
    strikes: dict[str, Callable[[], Awaitable[None]]]

    def database(self) -> AsyncDatabase[dict[str, Any]]:
        """Return the database of the tasks service, to look into."""
        ...

    def told(self) -> str:
        """Return what the processes have logged."""
        ...


class Member:
    """One process of the installation.

    Args:
        target: what it serves.
        settings: its environment.
        log: where its log goes, over all its lives.
    """

    def __init__(self, target: str, settings: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._target = target
        self._settings = {**settings, "PIECEWORK_LOG_FILE": str(log)}
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until it serves."""
        process = self._process = await spawn("serve", self._target, **self._settings)
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            line = (await process.stdout.readline()).decode()
        assert READY.match(line), (await finish(process)).err

    async def restart(self) -> None:
        """Kill it, and start it again on the same ports."""
        await self.kill()
        await self.start()

    def pause(self) -> None:
        """Let it do nothing until `go_on`; to others it looks as if it were far away."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End the pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


class Fleet:
    """Tasks, agents and gateway as processes of their own, on engines that are children of this process.

    Args:
        directory: where engines and logs are kept.
        replicas: how many processes serve tasks.
        settings: more environment for all processes.

    Attributes:
        addresses: where the services listen, by name.
    """

    def __init__(self, directory: Path, replicas: int = 1, settings: Mapping[str, str] | None = None) -> None:
        self._directory = directory
        self._settings = settings or {}
        self._replicas = [f"tasks-{number}" for number in range(1, replicas + 1)]
        self._mongod = MongodEngine(directory / "mongodb")
        self._valkey = ValkeyEngine(directory / "valkey")
        # The crashes are wanted: however many there are, the engine comes back, and at once.
        self._supervisor = Supervisor(self._mongod, self._give_up, max_restarts=1_000_000, backoff_seconds=0)
        self._lost: EngineError | None = None
        self._members: dict[str, Member] = {}
        self._client: Any = None
        self.gateway = ""
        self.key = ""
        self.addresses: dict[str, str] = {}
        self.strikes: dict[str, Callable[[], Awaitable[None]]] = {}

    async def start(self) -> None:
        """Start everything, and make an operator with a key."""
        await asyncio.gather(self._mongod.start(), self._valkey.start())
        self._supervisor.start()
        agents, billing, runs, gateway, *tasks = (_free_port() for _ in range(4 + len(self._replicas)))
        all_tasks = ",".join(f"127.0.0.1:{port}" for port in tasks)
        peers = {
            "PIECEWORK_AGENTS_ADDRESS": f"127.0.0.1:{agents}",
            "PIECEWORK_BILLING_ADDRESS": f"127.0.0.1:{billing}",
            "PIECEWORK_ORCHESTRATOR_ADDRESS": f"127.0.0.1:{runs}",
            "PIECEWORK_TASKS_ADDRESS": f"ipv4:///{all_tasks}",
        }
        self._add("agents", "agents", PIECEWORK_GRPC_PORT=str(agents), **peers)
        self._add("billing", "billing", PIECEWORK_GRPC_PORT=str(billing))
        # Under a name of its own a process takes its duties up again at once, so events flow between two kills.
        name = "orchestrator"
        self._add(name, name, PIECEWORK_GRPC_PORT=str(runs), PIECEWORK_REPLICA=name, **peers)
        for name, port in zip(self._replicas, tasks, strict=True):
            self._add(name, "tasks", PIECEWORK_GRPC_PORT=str(port), PIECEWORK_REPLICA=name, **peers)
        self._add("gateway", "gateway", PIECEWORK_PORT=str(gateway), **peers)
        await asyncio.gather(*(member.start() for member in self._members.values()))
        self.strikes = {name: member.restart for name, member in self._members.items()}
        self.strikes |= {"mongod": self._strike_mongod, "valkey": self._strike_valkey, "leader": self._pause_leader}
        self.gateway = f"http://127.0.0.1:{gateway}"
        self.addresses = {"agents": f"127.0.0.1:{agents}", "billing": f"127.0.0.1:{billing}", "tasks": all_tasks}
        self.key = await _make_key(f"127.0.0.1:{agents}")
        self._client = mongo.connect(self._mongod.uri, app_name="kills")

    async def stop(self) -> None:
        """End everything; nothing of it is needed any more."""
        for member in self._members.values():
            await member.kill()
        if self._client is not None:
            await self._client.close()
        await self._supervisor.stop()
        await asyncio.gather(self._mongod.kill(), self._valkey.kill())

    def database(self) -> AsyncDatabase[dict[str, Any]]:
        """Return the database of the tasks service, to look into."""
        found: AsyncDatabase[dict[str, Any]] = self._client[f"{_PREFIX}_tasks"]
        return found

    def told(self) -> str:
        """Return what the processes have logged."""
        return "".join(member.log.read_text() for member in self._members.values() if member.log.exists())

    def _add(self, name: str, target: str, **settings: str) -> None:
        common = {
            "PIECEWORK_MONGODB_URI": self._mongod.uri,
            "PIECEWORK_REDIS_URL": self._valkey.url,
            "PIECEWORK_DATABASE_PREFIX": _PREFIX,
            "PIECEWORK_CALLER_KEY": _CALLER_KEY,
            "PIECEWORK_RATE_LIMITS": "off",
            **self._settings,
        }
        self._members[name] = Member(target, {**common, **settings}, self._directory / f"{name}.log")

    async def _strike_mongod(self) -> None:
        before = await until(lambda: self._mongod.pid, "MongoDB runs")
        os.kill(before, signal.SIGKILL)
        await until(lambda: self._mongod.pid not in (None, before), "MongoDB is started again")
        assert self._lost is None, self._lost

    async def _strike_valkey(self) -> None:
        await self._valkey.kill()
        await self._valkey.start()

    async def _pause_leader(self) -> None:
        """Pause the replica that tells the events until another one does, which it does not know when it goes on."""
        leases = self.database()["leases"]
        lease = await leases.find_one({"_id": "relay"})
        assert lease is not None
        paused = lease["holder"]

        async def is_deposed() -> bool:
            return await leases.find_one({"_id": "relay", "holder": {"$ne": paused}}) is not None

        self._members[paused].pause()
        try:
            await until(is_deposed, "another replica leads")
        finally:
            self._members[paused].go_on()

    def _give_up(self, error: EngineError) -> None:
        self._lost = error


class OneProcess:
    """`piecework up`, whose parts live in one process, and MongoDB as its child."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "data"
        self._up: Up | None = None
        self._client: Any = None
        self.gateway = ""
        self.key = ""
        self.strikes: dict[str, Callable[[], Awaitable[None]]] = {
            "up": self._strike_up,
            "mongod of up": self._strike_mongod,
        }

    async def start(self) -> None:
        """Start it."""
        self._up = await Up.start(self._directory, "--rate-limits", "off", port=_free_port())
        self.gateway, self.key = self._up.gateway, self._up.key

    async def stop(self) -> None:
        """End it."""
        if self._client is not None:
            await self._client.close()
        if self._up is not None and self._up.process.returncode is None:
            await self._up.crash()

    def database(self) -> AsyncDatabase[dict[str, Any]]:
        """Return the database of the tasks service, to look into once no more is killed."""
        if self._client is None:
            place = self._directory / "mongodb"
            engine = MongodEngine(place, port=int((place / "port").read_text()))
            self._client = mongo.connect(engine.uri, app_name="kills")
        found: AsyncDatabase[dict[str, Any]] = self._client["piecework_tasks"]
        return found

    def told(self) -> str:
        """Return what it has logged."""
        return (self._directory / "logs" / "piecework.log").read_text()

    async def _strike_up(self) -> None:
        assert self._up is not None
        key = self._up.key
        await self._up.crash()
        port = int(self.gateway.rpartition(":")[2])
        self._up = await Up.start(self._directory, "--rate-limits", "off", port=port)
        assert self._up.key == key

    async def _strike_mongod(self) -> None:
        (before,) = await until(self._mongods, "MongoDB runs")
        os.kill(before, signal.SIGKILL)
        await until(lambda: set(self._mongods()) - {before}, "MongoDB is started again")

    def _mongods(self) -> list[int]:
        assert self._up is not None
        try:
            return [pid for pid in descendants(self._up.process.pid) if _program(pid) == "mongod"]
        except (FileNotFoundError, ProcessLookupError):  # one has ended while we looked
            return []


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _free_port() -> int:
    """Return a free port that nobody takes while its owner is dead: engines and clients are given higher ones."""
    while not ports.is_free(port := random.randint(_FIRST_PORT, _LAST_PORT)):
        pass
    return port


def outgoing() -> Outgoing:
    """Return what signs calls to the services of a fleet."""
    return Outgoing(CallerSigner(_CALLER_KEY))


async def _make_key(address: str) -> str:
    sign, caller = outgoing(), service_caller("tests")
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = IdentityServiceStub(channel)
        made = await stub.CreateOperator(identity.CreateOperatorRequest(name="acme"), **sign(caller))
        request = identity.CreateOperatorKeyRequest(operator_id=made.operator.id)
        return str((await stub.CreateOperatorKey(request, **sign(caller))).secret)
