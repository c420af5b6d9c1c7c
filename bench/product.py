"""Piecework as it is measured: one process (`piecework up`), or gateway and services as two (`piecework serve`)."""

from __future__ import annotations

import http.client
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import msgspec
from piecework.agents.v1 import identity_pb2, identity_pb2_grpc

from bench import engines
from bench.jobs import bulk_body
from bench.load import Site
from kit.caller import METADATA_KEY, OPERATOR_SCOPES, Caller, CallerSigner, service_caller
from kit.engines import MongodEngine
from launch.places import DataDirectory, RunningPlatform, read

ROOT = Path(__file__).resolve().parents[1]
COMMAND = str(Path(sys.executable).with_name("piecework"))
BULK = 100
READY_SECONDS = 60.0


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A running platform and an operator's way in.

    Attributes:
        grpc: `host:port` of its services.
        mongodb_uri: its database, for counting commands.
        server_pids: its processes.
        database_pids: those of its MongoDB.
    """

    host: str
    port: int
    token: str
    operator_id: int
    grpc: str
    caller_key: str
    mongodb_uri: str
    server_pids: tuple[int, ...]
    database_pids: tuple[int, ...]

    def site(self, project: str = "", type_id: str = "") -> Site:
        """Where a load generator goes; its gRPC caller lives for a minute."""
        caller = Caller(kind="operator", operator_id=self.operator_id, scopes=OPERATOR_SCOPES)
        signed = CallerSigner(self.caller_key).sign(caller)
        return Site(
            host=self.host,
            port=self.port,
            token=self.token,
            grpc=self.grpc,
            caller=signed,
            project=project,
            type_id=type_id,
            server_pids=self.server_pids,
            database_pids=self.database_pids,
        )

    def call(self, method: str, path: str, body: str = "") -> Any:
        """One REST call outside of any measurement; returns `data`.

        Raises:
            RuntimeError: the answer is not a success.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body.encode() or None, headers)
            answer = connection.getresponse()
            payload = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {payload[:500]!r}")
        return msgspec.json.decode(payload).get("data")

    def open_project(self, tasks: int) -> Site:
        """A new project with one template type and `tasks` queued tasks."""
        name = f"bench-{secrets.token_hex(6)}"
        project = self.call("POST", "/api/projects", f'{{"name":"{name}","description":"benchmark"}}')["id"]
        kind = '{"name":"work","template":"Review {{path}} for {{aspect}}","variables":["path","aspect"]}'
        type_id = self.call("POST", f"/api/projects/{project}/task-types", kind)["id"]
        for begin in range(0, tasks, BULK):
            size = min(BULK, tasks - begin)
            self.call("POST", f"/api/projects/{project}/tasks/bulk", bulk_body(type_id, size))
        return self.site(project, type_id)

    def remove(self, site: Site) -> None:
        """Delete a project with its tasks."""
        self.call("DELETE", f"/api/projects/{site.project}")


def _environment(mongodb_uri: str, redis_url: str, **settings: str) -> dict[str, str]:
    # A clean environment: nothing of the shell that starts the benchmark can change what is measured.
    given = {f"PIECEWORK_{name.upper()}": value for name, value in settings.items()}
    stores = {"PIECEWORK_MONGODB_URI": mongodb_uri, "PIECEWORK_REDIS_URL": redis_url}
    python = {"PATH": os.defpath, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}", "LC_ALL": "C.UTF-8"}
    return python | stores | given


def _nothing(_uri: str) -> None:
    """Leave the database empty."""


@contextmanager
def one_process(folder: Path, fill: Callable[[str], None] = _nothing, **settings: str) -> Iterator[Platform]:
    """`piecework up` on engines that journal to `folder`; `fill` gets the URI of the database before it starts."""
    folder.mkdir(parents=True)
    data = DataDirectory(folder / "data")
    with engines.mongodb(folder) as mongodb, engines.cache(folder) as redis_url:
        fill(mongodb.uri)
        environment = _environment(mongodb.uri, redis_url, **settings)
        command = [COMMAND, "up", "--port", "0", "--rate-limits", "off", "--data-dir", str(data.path)]
        log = folder / "piecework.log"

        def ready() -> bool:
            return b"piecework ready" in log.read_bytes()

        with engines.running(command, "piecework", ready, folder, env=environment, cwd=ROOT) as pid:
            platform = read(data.platform, RunningPlatform)
            assert platform is not None
            operator = msgspec.json.decode(data.credentials.read_bytes())["operators"][0]
            address = urlsplit(platform.gateway)
            yield Platform(
                host=address.hostname or "127.0.0.1",
                port=address.port or 80,
                token=operator["key"],
                operator_id=operator["id"],
                grpc=platform.grpc,
                caller_key=msgspec.json.decode(data.secrets.read_bytes())["caller_key"],
                mongodb_uri=mongodb.uri,
                server_pids=(pid,),
                database_pids=(mongodb.pid or 0,),
            )


@contextmanager
def two_processes(folder: Path, mongodb: MongodEngine, **settings: str) -> Iterator[Platform]:
    """The gateway in one process, all services in another, gRPC over loopback between them."""
    folder.mkdir(parents=True)
    key, port, grpc_port = secrets.token_hex(32), engines.free_port(), engines.free_port()
    address = f"127.0.0.1:{grpc_port}"
    with engines.cache(folder) as redis_url:
        shared = {"caller_key": key, "rate_limits": "off", **settings}
        services = _environment(mongodb.uri, redis_url, grpc_port=str(grpc_port), **shared)
        peers = {f"{name}_address": address for name in ("tasks", "agents", "billing", "orchestrator")}
        gateway = _environment(mongodb.uri, redis_url, port=str(port), **peers, **shared)
        targets = [COMMAND, "serve", "tasks", "agents", "billing", "orchestrator"]
        edge = [COMMAND, "serve", "gateway"]
        with (
            engines.running(
                targets, "services", lambda: engines.answers(grpc_port), folder, env=services, cwd=ROOT
            ) as backend,
            engines.running(edge, "gateway", lambda: engines.answers(port), folder, env=gateway, cwd=ROOT) as front,
        ):
            operator_id, token = _make_operator(address, key)
            yield Platform(
                host="127.0.0.1",
                port=port,
                token=token,
                operator_id=operator_id,
                grpc=address,
                caller_key=key,
                mongodb_uri=mongodb.uri,
                server_pids=(front, backend),
                database_pids=(mongodb.pid or 0,),
            )


def _make_operator(address: str, caller_key: str) -> tuple[int, str]:
    """Make an operator with a key, as `piecework admin` does: over gRPC, as a caller with the installation's secret."""
    metadata = ((METADATA_KEY, CallerSigner(caller_key).sign(service_caller("bench"))),)
    with grpc.insecure_channel(address) as channel:
        stub = identity_pb2_grpc.IdentityServiceStub(channel)
        operator = stub.CreateOperator(
            identity_pb2.CreateOperatorRequest(name="bench"), metadata=metadata, timeout=READY_SECONDS
        ).operator
        made = stub.CreateOperatorKey(
            identity_pb2.CreateOperatorKeyRequest(operator_id=operator.id), metadata=metadata, timeout=READY_SECONDS
        )
    return operator.id, made.secret
