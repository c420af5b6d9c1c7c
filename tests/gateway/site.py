"""A running gateway as tests see it: over HTTP, as one of two operators."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from piecework.agents.v1 import identity_pb2
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub

from gateway.app import GatewayResources
from gateway.server import GatewayServer
from kit.caller import service_caller
from launch.platform import Platform

OWNER = "the key of the owner"


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    headers: Any
    text: str
    json: Any = None

    @property
    def data(self) -> Any:
        return self.json["data"]


@dataclass
class Operator:
    """An account with a key."""

    id: int
    name: str
    key: str


@dataclass
class Site:
    """A gateway, the platform behind it, and accounts."""

    url: str
    platform: Platform
    resources: GatewayResources
    operators: list[Operator] = field(default_factory=list)
    server: GatewayServer | None = None
    http: aiohttp.ClientSession = field(init=False)

    async def prepare(self) -> None:
        self.http = aiohttp.ClientSession(self.url)
        for name in ("owner", "stranger"):
            self.operators.append(await self.new_operator(f"{name}-{uuid.uuid4().hex[:8]}"))

    async def close(self) -> None:
        await self.http.close()
        await self.stop()

    async def stop(self) -> None:
        if self.server is not None:
            server, self.server = self.server, None
            await server.stop()

    @property
    def identities(self) -> Any:
        return IdentityServiceStub(self.platform.channels.get("agents"))

    def as_service(self) -> Any:
        return self.platform.outgoing(service_caller("tests"))

    async def new_operator(self, name: str) -> Operator:
        made = await self.identities.CreateOperator(identity_pb2.CreateOperatorRequest(name=name), **self.as_service())
        key = await self.identities.CreateOperatorKey(
            identity_pb2.CreateOperatorKeyRequest(operator_id=made.operator.id), **self.as_service()
        )
        return Operator(made.operator.id, name, key.secret)

    @property
    def owner(self) -> Operator:
        return self.operators[0]

    @property
    def stranger(self) -> Operator:
        return self.operators[1]

    async def send(self, method: str, path: str, *, key: str | None = OWNER, **options: Any) -> Reply:
        headers = dict(options.pop("headers", {}))
        secret = self.owner.key if key is OWNER else key
        if secret is not None:
            headers.setdefault("Authorization", f"Bearer {secret}")
        async with self.http.request(method, path, headers=headers, **options) as response:
            text = await response.text(errors="replace")
            is_json = "json" in response.headers.get("Content-Type", "")
            return Reply(response.status, response.headers, text, await response.json() if is_json and text else None)

    async def eventually(self, method: str, path: str, status: int, **options: Any) -> Reply:
        """Send a request until it is answered with `status`, for ten seconds at most."""
        async with asyncio.timeout(10):
            while True:
                reply = await self.send(method, path, **options)
                if reply.status == status:
                    return reply

    async def project(self, **body: Any) -> Any:
        name = f"p-{uuid.uuid4().hex[:12]}"
        reply = await self.send("POST", "/api/projects", json={"name": name, "description": "A project", **body})
        assert reply.status == 201, reply.text
        return reply.data

    async def task_type(self, project_id: str, **body: Any) -> Any:
        name = f"t-{uuid.uuid4().hex[:12]}"
        reply = await self.send("POST", f"/api/projects/{project_id}/task-types", json={"name": name, **body})
        assert reply.status == 201, reply.text
        return reply.data

    async def task(self, project_id: str, type_id: str, **body: Any) -> Any:
        reply = await self.send("POST", f"/api/projects/{project_id}/tasks", json={"typeId": type_id, **body})
        assert reply.status == 201, reply.text
        return reply.data

    async def login(self, project_id: str, agent: str = "worker-1") -> Any:
        body = {"agentName": agent, "projectId": project_id}
        reply = await self.send("POST", "/api/auth/login", key=None, json=body)
        assert reply.status == 200, reply.text
        return reply.data
