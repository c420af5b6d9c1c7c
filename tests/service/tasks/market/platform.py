"""Hosts `tasks`, `agents` and `billing` in this process and acts on the market as agents do."""

from __future__ import annotations

import itertools
from typing import Any

from piecework.agents.v1 import identity_pb2, identity_pb2_grpc
from piecework.billing.v1 import ledger_pb2, ledger_pb2_grpc
from piecework.tasks.v1 import market_pb2 as pb
from piecework.tasks.v1 import market_pb2_grpc

from kit.caller import ADMIN, MARKET, Caller, service_caller
from kit.ids import new_id
from kit.settings import Settings
from kit.target import Target
from services.billing import app as billing_app
from services.tasks.market.model import MarketTask
from tests.service.hosting import LateChannels
from tests.service.tasks.market.faults import FaultyChannel, FaultyChannels
from tests.service.tasks.platform import TasksPlatform

ADMINISTRATOR = Caller(kind="operator", operator_id=1, scopes=(ADMIN,))
TESTS = service_caller("tests")
WELCOME = 500
DESCRIPTION = "What is to be done, at some length."
_agents = itertools.count(1001)


class MarketPlatform(TasksPlatform):
    """One replica of the services, and hands to use the market with."""

    market: Any = None
    ledger: Any = None
    identity: Any = None

    def new_channels(self) -> LateChannels:
        return FaultyChannels()

    def settings(self, database_prefix: str) -> Settings:
        return Settings(database_prefix=database_prefix, encryption_keys=(("k1", "ab" * 32),))

    def build_targets(self) -> list[Target]:
        return [*super().build_targets(), billing_app.build(self.resources)]

    async def start(self) -> None:
        await super().start()
        self.market = market_pb2_grpc.MarketServiceStub(self._channels.get("tasks"))
        # Hands of the tests reach billing whatever happens to the market's way to it.
        self.ledger = ledger_pb2_grpc.LedgerServiceStub(LateChannels.get(self._channels, "agents"))
        self.identity = identity_pb2_grpc.IdentityServiceStub(self._channels.get("agents"))

    @property
    def billing(self) -> FaultyChannel:
        """The market's way to billing."""
        assert isinstance(self._channels, FaultyChannels)
        return self._channels.billing

    async def operator(self, credits: int = 10_000) -> int:  # noqa: A002 - what they are called
        """Make an operator that has so many credits, 500 at least; return its number."""
        request = identity_pb2.CreateOperatorRequest(name=f"o-{new_id()}")
        number: int = (await self.call(self.identity.CreateOperator, request, ADMINISTRATOR)).operator.id
        available, _ = await self.balance(number)
        if credits > available:
            await self.deposit(number, credits - available)
        assert await self.balance(number) == (credits, 0)
        return number

    async def deposit(self, operator_id: int, amount: int) -> None:
        request = ledger_pb2.DepositRequest(
            transfer_id=f"test:{new_id()}",
            operator_id=operator_id,
            amount_credits=amount,
            type=ledger_pb2.ENTRY_TYPE_DEPOSIT,
        )
        await self.call(self.ledger.Deposit, request, TESTS)

    async def agent(self, operator_id: int | None = None) -> Caller:
        """Return a new agent, of a new operator unless told otherwise, as the gateway would sign it."""
        operator_id = await self.operator() if operator_id is None else operator_id
        number = next(_agents)
        return Caller(kind="agent", operator_id=operator_id, scopes=(MARKET,), agent_id=number, name=f"agent-{number}")

    async def balance(self, operator_id: int) -> tuple[int, int]:
        """Return what an operator can spend, and what is set aside."""
        request = ledger_pb2.GetAccountRequest(operator_id=operator_id)
        account = (await self.call(self.ledger.GetAccount, request, TESTS)).account
        return account.available_credits, account.held_credits

    async def hold(self, task_id: int) -> ledger_pb2.Hold:
        """Return the hold of a task."""
        request = ledger_pb2.GetHoldRequest(hold_id=(await self.stored(task_id)).hold_id)
        answer: ledger_pb2.Hold = (await self.call(self.ledger.GetHold, request, TESTS)).hold
        return answer

    async def verify(self) -> ledger_pb2.VerifyResponse:
        """Check the books."""
        answer: ledger_pb2.VerifyResponse = await self.call(self.ledger.Verify, ledger_pb2.VerifyRequest(), TESTS)
        assert answer.ok, list(answer.problems)
        return answer

    async def post(self, caller: Caller, key: str | None = None, **fields: Any) -> pb.MarketTask:
        request = post_request(**fields)
        answer: pb.MarketTask = (await self.call(self.market.PostTask, request, caller, key=key)).task
        return answer

    async def task(self, task_id: int, caller: Caller = TESTS) -> pb.MarketTask:
        request = pb.GetMarketTaskRequest(task_id=task_id)
        answer: pb.MarketTask = (await self.call(self.market.GetMarketTask, request, caller)).task
        return answer

    async def stored(self, task_id: int) -> MarketTask:
        """Return a task as it is stored."""
        task = await self.app.market.task_store.find(task_id)
        assert task is not None
        return task

    async def cancel(self, caller: Caller, task_id: int) -> pb.MarketTask:
        request = pb.CancelTaskRequest(task_id=task_id)
        answer: pb.MarketTask = (await self.call(self.market.CancelTask, request, caller)).task
        return answer

    async def roll_back(self, caller: Caller, task_id: int) -> pb.MarketTask:
        request = pb.RollBackTaskRequest(task_id=task_id)
        answer: pb.MarketTask = (await self.call(self.market.RollBackTask, request, caller)).task
        return answer

    async def claim(
        self, caller: Caller, task_id: int, proposed: int = 100, message: str = "", key: str | None = None
    ) -> pb.Claim:
        request = pb.CreateClaimRequest(task_id=task_id, proposed_credits=proposed, message=message)
        answer: pb.Claim = (await self.call(self.market.CreateClaim, request, caller, key=key)).claim
        return answer

    async def claims(self, task_id: int) -> list[pb.Claim]:
        request = pb.ListClaimsRequest(task_id=task_id)
        return list((await self.call(self.market.ListClaims, request, TESTS)).claims)

    async def accept_claim(self, caller: Caller, claim: pb.Claim) -> pb.MarketTask:
        request = pb.AcceptClaimRequest(task_id=claim.task_id, claim_id=claim.id)
        answer: pb.MarketTask = (await self.call(self.market.AcceptClaim, request, caller)).task
        return answer

    async def reject_claim(self, caller: Caller, claim: pb.Claim) -> pb.Claim:
        request = pb.RejectClaimRequest(task_id=claim.task_id, claim_id=claim.id)
        answer: pb.Claim = (await self.call(self.market.RejectClaim, request, caller)).claim
        return answer

    async def withdraw(self, caller: Caller, claim: pb.Claim) -> bool:
        request = pb.WithdrawClaimRequest(task_id=claim.task_id, claim_id=claim.id)
        answer: bool = (await self.call(self.market.WithdrawClaim, request, caller)).task_reverted
        return answer

    async def claimed(self, poster: Caller, worker: Caller, budget: int = 200, price: int = 150) -> pb.Claim:
        """Post a task and assign it; return the claim."""
        task = await self.post(poster, budget_credits=budget)
        claim = await self.claim(worker, task.id, price)
        await self.accept_claim(poster, claim)
        return claim

    async def reconcile(self) -> int:
        """Let the intents grow old, and finish them."""
        self.pass_time(seconds=11)
        return await self.app.market.reconciler.tick()


def post_request(**fields: Any) -> pb.PostTaskRequest:
    """Return a task to post that is in order, with some fields changed."""
    given: dict[str, Any] = {"title": "Build a page", "description": DESCRIPTION, "budget_credits": 100, **fields}
    return pb.PostTaskRequest(**given)
