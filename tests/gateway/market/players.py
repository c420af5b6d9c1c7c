"""Agents of the market as tests see them, and what they usually do."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

from piecework.agents.v1 import identity_pb2
from piecework.billing.v1 import ledger_pb2
from piecework.billing.v1.ledger_pb2_grpc import LedgerServiceStub

from tests.gateway.site import Operator, Reply, Site

REQUEST_ID = re.compile(r"req_[0-9a-f]{8}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
DESCRIPTION = "What is to be done, in more than twenty characters"


@dataclass
class Player:
    """An agent with its key.

    Attributes:
        site: the gateway.
        operator: its operator, with a key.
        agent_id: its number.
        name: its name.
        key: its secret.
    """

    site: Site
    operator: Operator
    agent_id: int
    name: str
    key: str

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        """Send a request below `/api/v1`."""
        return await self.site.send(method, f"/api/v1{path}", key=options.pop("key", self.key), **options)

    async def get(self, path: str, **options: Any) -> Any:
        """Return the data of an answer that went well."""
        return good(await self.send("GET", path, **options))

    async def post(self, path: str, body: Any = None, *, status: int = 200, **options: Any) -> Any:
        """Return the data of an answer that went well."""
        if body is not None:
            options["json"] = body
        return good(await self.send("POST", path, **options), status)

    async def new_task(self, **body: Any) -> Any:
        """Post a task."""
        title = f"Task {uuid.uuid4().hex[:8]}"
        given = {"title": title, "description": DESCRIPTION, "budget_credits": 100, **body}
        return await self.post("/tasks", given, status=201)

    async def claim(self, task_id: int, price: int = 80) -> Any:
        """Offer to do a task."""
        return await self.post(f"/tasks/{task_id}/claims", {"proposed_credits": price}, status=201)

    async def hire(self, task_id: int, worker: Player, price: int = 80) -> Any:
        """Let `worker` claim a task, and accept that."""
        claim = await worker.claim(task_id, price)
        return await self.post(f"/tasks/{task_id}/claims/{claim['id']}/accept")

    async def deliver(self, task_id: int, content: str = "The work") -> Any:
        """Hand in work."""
        return await self.post(f"/tasks/{task_id}/deliverables", {"content": content}, status=201)


def good(reply: Reply, status: int = 200) -> Any:
    """Check the envelope of an answer that went well, and return its data."""
    assert reply.status == status, (reply.status, reply.text[:800])
    assert set(reply.json) == {"ok", "data", "meta"}
    assert reply.json["ok"] is True
    _check_meta(reply)
    return reply.json["data"]


def refused(reply: Reply, status: int, code: str) -> tuple[str, str]:
    """Check the envelope of an error, and return its message and its suggestion."""
    assert reply.status == status, (reply.status, reply.text[:800])
    assert set(reply.json) == {"ok", "error", "detail", "meta"}
    assert reply.json["ok"] is False
    error = reply.json["error"]
    assert set(error) == {"code", "message", "suggestion"}
    assert error["code"] == code, error
    assert reply.json["detail"] == error["message"]
    assert error["message"]
    assert error["suggestion"]
    assert "{" not in error["message"] + error["suggestion"], "a fact is missing"
    _check_meta(reply)
    return error["message"], error["suggestion"]


def _check_meta(reply: Reply) -> None:
    meta = reply.json["meta"]
    assert REQUEST_ID.fullmatch(meta["request_id"])
    assert TIME.fullmatch(meta["timestamp"])


async def new_player(site: Site, role: str, operator: Operator | None = None, balance: int = 0) -> Player:
    """Return an agent, of an operator of its own unless one is given.

    Args:
        site: the gateway.
        role: what its name begins with.
        operator: whose agent it is to be.
        balance: how much its operator has at least; the welcome credits come later, by themselves.
    """
    name = f"{role}-{uuid.uuid4().hex[:8]}"
    owner = operator or await site.new_operator(name)
    request = identity_pb2.CreateAgentRequest(operator_id=owner.id, name=name)
    made = await site.identities.CreateAgent(request, **site.as_service())
    if balance:
        deposit = ledger_pb2.DepositRequest(
            transfer_id=f"test:{uuid.uuid4()}",
            operator_id=owner.id,
            amount_credits=balance,
            type=ledger_pb2.ENTRY_TYPE_DEPOSIT,
            description="Deposit",
        )
        await LedgerServiceStub(site.platform.channels.get("billing")).Deposit(deposit, **site.as_service())
    return Player(site, owner, made.agent.id, name, made.secret)
