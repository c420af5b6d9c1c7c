"""Deals that go on while things are killed: each is one task with its poster and two workers, and ends as planned."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp

from tests.e2e.kills_clients import Client, Reply
from tests.e2e.kills_record import Pulse, Record

FEE_PERCENT = 10
AT_ONCE = 8
WORKER_SHARE_PERCENT = 50


class Trader(NamedTuple):
    """An agent that trades.

    Attributes:
        operator: the operator that it belongs to.
        agent: its id.
        key: its key.
    """

    operator: int
    agent: int
    key: str


@dataclass
class Deal:
    """One task from the first word to the last credit.

    Attributes:
        number: which deal it is.
        plan: what is to become of it.
        poster: who pays.
        workers: who may be paid.
        budget: what is held at the beginning.
        task_id: the task, once it was accepted.
        price: what was agreed.
        status: how it ended.
        paid: the operator that was paid and how much, the platform's fee not counted; None when nobody was.
        fee: what the platform got.
    """

    number: int
    plan: str
    poster: Trader
    workers: tuple[Trader, Trader]
    budget: int
    task_id: int = 0
    price: int = 0
    status: str = "open"
    paid: tuple[int, int] | None = None
    fee: int = 0


class Bazaar:
    """Makes deals until told that it is enough.

    Args:
        http: a session with the gateway's address.
        posters: agents whose operators pay.
        workers: agents that work; at least two.
        chance: decides budgets and partners.
    """

    def __init__(
        self, http: aiohttp.ClientSession, posters: list[Trader], workers: list[Trader], chance: random.Random
    ) -> None:
        self.record = Record()
        self.pulse = Pulse()
        self.enough = asyncio.Event()
        self.deals: list[Deal] = []
        self._posters, self._workers, self._chance = posters, workers, chance
        self._clients = {trader: Client(http, trader.key, self.record, self.pulse) for trader in (*posters, *workers)}
        self._allowed = 0
        self._more = asyncio.Event()
        self._plans: dict[str, Callable[[Deal], Awaitable[None]]] = {
            "accept": self._accept,
            "revise": self._revise,
            "cancel": self._cancel,
            "cancel claimed": self._cancel_claimed,
            "roll back": self._roll_back,
            "withdraw": self._withdraw,
            "dispute": self._dispute,
        }

    def allow_more(self, count: int) -> None:
        """Let about `count` more deals begin."""
        self._allowed = len(self.deals) + count
        self._more.set()

    def end(self) -> None:
        """Let no more deals begin."""
        self.enough.set()
        self._more.set()

    async def run(self) -> None:
        """Make deals, several at once; those that were begun are ended."""
        await asyncio.gather(*(self._trade() for _ in range(AT_ONCE)))

    async def _trade(self) -> None:
        names = list(self._plans)
        while await self._may_begin():
            first, second = self._chance.sample(self._workers, 2)
            number = len(self.deals)
            deal = Deal(
                number,
                names[number % len(names)],
                self._chance.choice(self._posters),
                (first, second),
                self._chance.randint(10, 300),
            )
            self.deals.append(deal)
            await self._post(deal)
            await self._plans[deal.plan](deal)

    async def _may_begin(self) -> bool:
        while len(self.deals) >= self._allowed and not self.enough.is_set():
            self._more.clear()
            await self._more.wait()
        return not self.enough.is_set()

    async def _post(self, deal: Deal) -> None:
        body = {
            "title": f"Deal number {deal.number}",
            "description": "Something that takes a while and is worth its price",
            "budget_credits": deal.budget,
            "max_revisions": 0 if deal.plan == "dispute" else 1,
        }
        reply = await self._client(deal.poster).send("POST", "/api/v1/tasks", body, key=f"post-{deal.number}")
        assert reply.status == 201, reply
        deal.task_id = reply.data["id"]

    async def _accept(self, deal: Deal) -> None:
        await self._assign(deal, deal.workers[0])
        await self._pay(deal, await self._deliver(deal, 1))

    async def _revise(self, deal: Deal) -> None:
        await self._assign(deal, deal.workers[0])
        first = await self._deliver(deal, 1)
        path = f"deliverables/{first}/revision"
        await self._poster_does(deal, path, {"revision_notes": "Once more, please"}, "in_progress")
        await self._pay(deal, await self._deliver(deal, 2))

    async def _cancel(self, deal: Deal) -> None:
        await self._claim(deal, deal.workers[0])
        await self._poster_does(deal, "cancel", None, "cancelled")

    async def _cancel_claimed(self, deal: Deal) -> None:
        await self._assign(deal, deal.workers[0])
        await self._poster_does(deal, "cancel", None, "cancelled")

    async def _roll_back(self, deal: Deal) -> None:
        await self._assign(deal, deal.workers[0])
        await self._poster_does(deal, "rollback", None, "open")
        await self._assign(deal, deal.workers[1])
        deal.workers = (deal.workers[1], deal.workers[0])
        await self._pay(deal, await self._deliver(deal, 1))

    async def _withdraw(self, deal: Deal) -> None:
        claim = await self._assign(deal, deal.workers[0])
        reply = await self._client(deal.workers[0]).send("POST", self._path(deal, f"claims/{claim}/withdraw"))
        await self._expect(deal, reply, "open")
        await self._poster_does(deal, "cancel", None, "cancelled")

    async def _dispute(self, deal: Deal) -> None:
        await self._assign(deal, deal.workers[0])
        delivered = await self._deliver(deal, 1)
        await self._poster_does(
            deal, f"deliverables/{delivered}/reject", {"reason": "Not what I asked for"}, "disputed"
        )

    async def _claim(self, deal: Deal, worker: Trader) -> int:
        price = self._chance.randint(1, deal.budget)
        body = {"proposed_credits": price, "message": "I can do that"}
        key = f"claim-{deal.number}-{worker.agent}"
        reply = await self._client(worker).send("POST", self._path(deal, "claims"), body, key=key)
        assert reply.status == 201, (deal, reply)
        deal.price = price
        return int(reply.data["id"])

    async def _assign(self, deal: Deal, worker: Trader) -> int:
        claim = await self._claim(deal, worker)
        await self._poster_does(deal, f"claims/{claim}/accept", None, "claimed")
        return claim

    async def _deliver(self, deal: Deal, revision: int) -> int:
        worker, body = deal.workers[0], {"content": f"The work, version {revision}"}
        key = f"deliver-{deal.number}-{revision}"
        reply = await self._client(worker).send("POST", self._path(deal, "deliverables"), body, key=key)
        assert reply.status == 201, (deal, reply)
        deal.status = "delivered"
        return int(reply.data["id"])

    async def _pay(self, deal: Deal, deliverable: int) -> None:
        await self._poster_does(deal, f"deliverables/{deliverable}/accept", None, "completed")
        deal.fee = deal.price * FEE_PERCENT // 100
        deal.paid = (deal.workers[0].operator, deal.price - deal.fee)

    async def _poster_does(self, deal: Deal, action: str, body: Any, status: str) -> None:
        reply = await self._client(deal.poster).send("POST", self._path(deal, action), body)
        await self._expect(deal, reply, status)

    async def _expect(self, deal: Deal, reply: Reply, status: str) -> None:
        """Check that the task stands where the step leads; a step that was sent again may be told that it is done."""
        assert reply.status == 200 or (reply.status == 409 and reply.tries > 1), (deal, reply)
        found = await self._client(deal.poster).send("GET", self._path(deal, ""))
        assert (found.status, found.data["status"]) == (200, status), (deal, reply, found)
        deal.status = status
        self.pulse.beat("settled")

    def _client(self, trader: Trader) -> Client:
        return self._clients[trader]

    def _path(self, deal: Deal, rest: str) -> str:
        return f"/api/v1/tasks/{deal.task_id}/{rest}".rstrip("/")
