"""An operator that runs prompts, as tests see it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import aiohttp
from piecework.billing.v1 import ledger_pb2, plans_pb2
from piecework.billing.v1.ledger_pb2_grpc import LedgerServiceStub
from piecework.billing.v1.plans_pb2_grpc import PlanServiceStub

from tests.gateway.runs.strict import ALL, Line, StrictReader
from tests.gateway.site import Operator, Reply, Site

BASES = ("/api/developer", "/api/v1/developer")
MOCK = {"mock": True}
NEW_CLIENT = {"X-SDK-Language": "typescript"}
PLENTY = 1_000_000


@dataclass
class Runner:
    """An operator with its key."""

    site: Site
    operator: Operator

    @property
    def key(self) -> str:
        return self.operator.key

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        """Send a request, with the key in the header that the seed names."""
        headers = {"x-api-key": options.pop("key", self.key), **options.pop("headers", {})}
        return await self.site.send(method, path, key=None, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Any:
        """Return the answer of a request that went well."""
        return good(await self.send("GET", path, **options))

    async def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """Return the answer of a request that went well."""
        return good(await self.send("POST", path, **({} if body is None else {"json": body}), **options))

    async def start(self, prompt: str = "Why is the sky blue?", **body: Any) -> str:
        """Begin a run on the mock model, and return its id."""
        made = await self.post("/api/developer/run", {"prompt": prompt, "options": MOCK, **body})
        assert made["status"] == "processing"
        return str(made["taskId"])

    async def finish(self, task_id: str) -> list[Line]:
        """Read the stream of a run to its end."""
        reading = StrictReader(self.site, f"/api/v1/stream/{task_id}", key=self.key, statuses=ALL, **NEW_CLIENT)
        async with reading as reader:
            return await reader.read()

    async def upload(self, content: bytes, filename: str = "notes.txt", **options: Any) -> Reply:
        """Store a file."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("file", content, filename=filename, content_type=options.pop("content_type", "text/plain"))
        return await self.send("POST", options.pop("path", "/api/developer/files"), data=form, **options)

    async def set_plan(self, plan: str, **limits: int) -> None:
        """Give the operator a plan, with limits of its own."""
        windows = [
            plans_pb2.QuotaLimit(window=plans_pb2.QuotaWindow.Value(f"QUOTA_WINDOW_{name.upper()}"), runs=runs)
            for name, runs in limits.items()
        ]
        request = plans_pb2.SetPlanRequest(operator_id=self.operator.id, plan_id=plan, limits=windows)
        await PlanServiceStub(self.site.platform.channels.get("billing")).SetPlan(request, **self.site.as_service())

    async def deposit(self, amount: int) -> None:
        """Give the operator credits."""
        request = ledger_pb2.DepositRequest(
            transfer_id=f"test:{uuid.uuid4()}",
            operator_id=self.operator.id,
            amount_credits=amount,
            type=ledger_pb2.ENTRY_TYPE_DEPOSIT,
            description="Deposit",
        )
        await LedgerServiceStub(self.site.platform.channels.get("billing")).Deposit(request, **self.site.as_service())


def good(reply: Reply) -> Any:
    """Check an answer that went well, and return it."""
    assert reply.status == 200, (reply.status, reply.text[:800])
    assert reply.headers["request-id"]
    assert int(reply.headers["x-ratelimit-remaining"]) >= 0
    assert int(reply.headers["x-ratelimit-reset"]) > 1_700_000_000
    return reply.json


def refused(reply: Reply, status: int, code: str) -> str:
    """Check the body of an error, and return its sentence."""
    assert reply.status == status, (reply.status, reply.text[:800])
    body = reply.json
    assert {"error", "message", "title", "status", "detail", "code"} <= set(body) <= {*body, "errors"}
    assert isinstance(body["error"], str)
    assert body["error"] == body["message"] == body["detail"]
    assert (body["status"], body["code"]) == (status, code)
    assert reply.headers["request-id"]
    assert "{" not in body["error"], "a fact is missing"
    return str(body["error"])


async def new_runner(site: Site, name: str) -> Runner:
    """Return an operator that may run as much as it likes."""
    runner = Runner(site, await site.new_operator(f"{name}-{uuid.uuid4().hex[:8]}"))
    await runner.set_plan("super", hour=PLENTY, month=PLENTY)
    return runner
