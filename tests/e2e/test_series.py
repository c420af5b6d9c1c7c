"""What clients may choose never becomes a label: the number of series stays what it is, whatever they send."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import grpc.aio
import pytest

from tests.e2e.board import Board
from tests.e2e.piecework import Up

_REQUESTS = 500
_AT_ONCE = 16


class Stranger:
    """Sends what nobody expects.

    Args:
        http: a session with an operator's key.
        grpc_address: where the services listen.
        board: a project.
        chance: decides what is sent.
    """

    def __init__(self, http: aiohttp.ClientSession, grpc_address: str, board: Board, chance: random.Random) -> None:
        self._http = http
        self._channel = grpc.aio.insecure_channel(grpc_address)
        self._board = board
        self._chance = chance
        self.kinds: list[Callable[[], Awaitable[None]]] = [
            lambda: self._request("GET", f"/{self._word()}/{self._word()}"),
            lambda: self._request("GET", f"/api/{self._word()}"),
            lambda: self._request("GET", f"/api/tasks/{self._id()}"),
            lambda: self._request("GET", f"/api/tasks/{self._word()}"),
            lambda: self._request("GET", f"/api/projects/{self._id()}/{self._word()}"),
            lambda: self._request("GET", f"/api/projects?{self._word()}={self._word()}"),
            lambda: self._request("GET", f"/api/projects/{board.project_id}", Authorization=f"Bearer {self._word()}"),
            lambda: self._request(self._word().upper(), f"/api/projects/{board.project_id}"),
            lambda: self._request("DELETE", f"/api/task-types/{self._id()}"),
            lambda: self._request("POST", f"/api/projects/{board.project_id}/{self._word()}", {self._word(): 1}),
            lambda: self._request("POST", f"/api/agents/{self._word()}/next-task", {"projectId": board.project_id}),
            lambda: self._request(
                "POST", "/api/auth/login", {"agentName": self._word(), "projectId": board.project_id}
            ),
            lambda: self._request(
                *("POST", f"/api/projects/{board.project_id}/task-types", {"name": self._word()}),
                **{"Idempotency-Key": self._word()},
            ),
            lambda: self._call(f"/piecework.tasks.v1.QueueService/{self._word()}"),
            lambda: self._call(f"/{self._word()}/{self._word()}"),
        ]

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()

    async def _request(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        async with self._http.request(method, path, json=body, headers=headers) as response:
            await response.read()
            assert response.status < 500, (method, path)

    async def _call(self, method: str) -> None:
        call: Any = self._channel.unary_unary(method)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"", timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED

    def _word(self) -> str:
        return "".join(self._chance.choices("abcdefghijklmnopqrstuvwxyz", k=12))

    def _id(self) -> str:
        bits = f"{self._chance.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-7{bits[13:16]}-8{bits[17:20]}-{bits[20:]}"


async def test_the_number_of_series_does_not_grow_with_what_clients_send(up: Up, board: Board) -> None:
    address = json.loads((up.data_dir / "platform.json").read_text())["grpc"]
    chance = random.Random(1)
    async with aiohttp.ClientSession(up.gateway, headers={"x-api-key": up.key}) as http:
        stranger = Stranger(http, address, board, chance)
        for kind in stranger.kinds * 2:  # once a thing is made, asked for again it is told in another way
            await kind()
        await series(http)  # looking is a request too
        before = await series(http)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def send(kind: Callable[[], Awaitable[None]]) -> None:
            async with slots:
                await kind()

        await asyncio.gather(*(send(chance.choice(stranger.kinds)) for _ in range(_REQUESTS)))
        after = await series(http)
        await stranger.close()
    assert after - before == set()
    assert any(line.startswith("piecework_http_requests_total{") for line in after)
    assert any(line.startswith("piecework_rpc_calls_total{") for line in after)
    assert any(line.startswith("piecework_work_queue_depth{") for line in after)
    text = "\n".join(after)
    assert board.project_id not in text
    assert board.project not in text


async def series(http: aiohttp.ClientSession) -> set[str]:
    """Return the names and labels of all series of the platform."""
    async with http.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    return {line.rpartition(" ")[0] for line in lines if line and not line.startswith("#")}
