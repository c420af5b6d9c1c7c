"""The ordeal of the market: deals go on while parts of an installation are killed; then the books are looked at."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc.aio
from piecework.agents.v1 import identity_pb2 as identity
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub
from piecework.billing.v1 import ledger_pb2 as ledger
from piecework.billing.v1.ledger_pb2_grpc import LedgerServiceStub
from piecework.tasks.v1 import market_pb2 as market
from piecework.tasks.v1.market_pb2_grpc import MarketServiceStub

from kit.caller import service_caller
from tests.e2e.kills_fleet import Fleet, outgoing
from tests.e2e.kills_ordeal import kill, plan, say, seed, unless_broken
from tests.e2e.market_deals import FEE_PERCENT, WORKER_SHARE_PERCENT, Bazaar, Deal, Trader
from tests.e2e.piecework import until

FUNDS = 100_000
_CATCH_UP_SECONDS = 60.0
_SELF = service_caller("tests")


@dataclass
class Books:
    """What is left when the last deal is done and the reconcilers have run.

    Attributes:
        kills: the parts that were killed, in order.
        deals: what was made, and how it ended for those who made it.
        tasks: the documents of the tasks, by number.
        holds: the holds of the tasks as the ledger has them, by number of the task; None for none.
        before: what each operator had before the first deal.
        accounts: what each operator has.
        check: what the ledger says of itself.
        errors: answers that no client should ever see.
        events: the events of the market, in order.
        told: the logs of all processes.
    """

    kills: list[str]
    deals: list[Deal]
    tasks: dict[int, dict[str, Any]]
    holds: dict[int, ledger.Hold]
    before: dict[int, ledger.Account]
    accounts: dict[int, ledger.Account]
    check: ledger.VerifyResponse
    errors: list[str]
    events: list[dict[str, Any]]
    told: str


class Services:
    """The services of a fleet, called past the gateway."""

    def __init__(self, fleet: Fleet) -> None:
        self._sign = outgoing()
        self._channels = {name: grpc.aio.insecure_channel(to) for name, to in fleet.addresses.items()}
        self.identities: Any = IdentityServiceStub(self._channels["agents"])
        self.ledger: Any = LedgerServiceStub(self._channels["billing"])
        self.market: Any = MarketServiceStub(self._channels["tasks"])

    async def call(self, method: Any, request: Any) -> Any:
        """Call a method as a service of the installation."""
        return await method(request, wait_for_ready=True, **self._sign(_SELF, timeout=30))

    async def hire(self, name: str, agents: int) -> list[Trader]:
        """Make an operator with money and agents."""
        made = await self.call(self.identities.CreateOperator, identity.CreateOperatorRequest(name=name))
        number = made.operator.id
        money = ledger.DepositRequest(
            transfer_id=f"funds:{number}", operator_id=number, amount_credits=FUNDS, type=ledger.ENTRY_TYPE_DEPOSIT
        )
        await self.call(self.ledger.Deposit, money)
        traders = []
        for count in range(agents):
            request = identity.CreateAgentRequest(operator_id=number, name=f"{name}-{count}")
            agent = await self.call(self.identities.CreateAgent, request)
            traders.append(Trader(number, agent.agent.id, agent.secret))
        return traders

    async def account(self, operator: int) -> ledger.Account:
        """Return the account of an operator."""
        answer = await self.call(self.ledger.GetAccount, ledger.GetAccountRequest(operator_id=operator))
        account: ledger.Account = answer.account
        return account

    async def resolve(self, deal: Deal) -> None:
        """Decide a dispute."""
        request = market.ResolveDisputeRequest(
            task_id=deal.task_id, worker_percent=WORKER_SHARE_PERCENT, reason="Both are right"
        )
        answer = await self.call(self.market.ResolveDispute, request)
        share = deal.price * WORKER_SHARE_PERCENT // 100
        deal.fee = share * FEE_PERCENT // 100
        deal.paid = (deal.workers[0].operator, share - deal.fee) if share else None
        deal.status = "completed" if share else "cancelled"
        assert (answer.credits_paid, answer.platform_fee_credits) == (share - deal.fee, deal.fee)

    async def close(self) -> None:
        """End the connections."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))


async def trade_under_fire(fleet: Fleet, times: dict[str, int]) -> Books:
    """Kill each part as often as `times` says while deals are made, then let them end and look at the books."""
    chance, services = random.Random(seed()), Services(fleet)
    kills = plan(times, chance, 0.5)
    say(f"seed {seed()}, kills: {', '.join('+'.join(volley) for volley in kills)}")
    try:
        posters = await services.hire("posters", 2) + await services.hire("rivals", 1)
        workers = await services.hire("workers", 2) + await services.hire("hands", 2)
        operators = {trader.operator for trader in (*posters, *workers)}
        await until(lambda: _is_welcomed(services, operators), "every operator has its welcome credits")
        before = {operator: await services.account(operator) for operator in operators}
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(fleet.gateway, timeout=timeout) as http:
            bazaar = Bazaar(http, posters, workers, random.Random(seed()))
            working = asyncio.create_task(bazaar.run())
            bazaar.allow_more(20)
            try:
                await unless_broken(working, kill(fleet, bazaar, kills, chance))
                bazaar.end()
                await working
            finally:
                working.cancel()
                await asyncio.wait({working})
        await asyncio.gather(*(services.resolve(deal) for deal in bazaar.deals if deal.status == "disputed"))
        return await _look(fleet, services, bazaar, before, [name for volley in kills for name in volley])
    finally:
        await services.close()


async def _is_welcomed(services: Services, operators: set[int]) -> bool:
    accounts = [await services.account(operator) for operator in operators]
    return all(account.available_credits == FUNDS + 600 for account in accounts)


async def _look(
    fleet: Fleet, services: Services, bazaar: Bazaar, before: dict[int, ledger.Account], kills: list[str]
) -> Books:
    database = fleet.database()

    async def is_settled() -> bool:
        return await database["market_tasks"].count_documents({"money": {"$exists": True}}) == 0

    await until(is_settled, "every intent is carried out", _CATCH_UP_SECONDS)
    tasks = {task["_id"]: task async for task in database["market_tasks"].find({})}
    newest = {f"market:{number}:{task['change']['version']}" for number, task in tasks.items()}

    async def is_told() -> bool:
        return await database["events"].count_documents({"change.id": {"$in": list(newest)}}) == len(newest)

    await until(is_told, "every change is told", _CATCH_UP_SECONDS)
    holds = {}
    for number, task in tasks.items():
        request = ledger.GetHoldRequest(hold_id=f"task:{task['uuid']}")
        holds[number] = (await services.call(services.ledger.GetHold, request)).hold
    found = database["events"].find({"change.stream": "market"}, sort=[("_id", 1)])
    return Books(
        kills=kills,
        deals=bazaar.deals,
        tasks=tasks,
        holds=holds,
        before=before,
        accounts={operator: await services.account(operator) for operator in before},
        check=await services.call(services.ledger.Verify, ledger.VerifyRequest()),
        errors=bazaar.record.errors,
        events=[event async for event in found],
        told=fleet.told(),
    )
