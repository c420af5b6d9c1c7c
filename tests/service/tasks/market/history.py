"""What operators do to each other in the market at two replicas, while billing gets lost, and what must hold then."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from piecework.billing.v1 import ledger_pb2 as ledger
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.errors import DomainError
from services.tasks.market.documents import to_task
from services.tasks.market.model import (
    CANCELLED,
    CLAIMED,
    COMPLETED,
    DELIVERED,
    DISPUTED,
    FEE_PERCENT,
    IN_PROGRESS,
    OPEN,
    MarketTask,
)
from tests.service.tasks.market.faults import Fault
from tests.service.tasks.market.platform import ADMINISTRATOR, MarketPlatform

FUNDS = 600
REPLICAS = st.integers(0, 1)
WHO = st.integers(0, 3)
NUMBERS = st.integers(0, 5)
ENDINGS = ("AcceptDeliverable", "RequestRevision", "RejectDeliverable")
METHODS = ("PlaceHold", "AdjustHold", "SettleHold", "ReleaseHold")
# What a client may be told: the documented refusals, and that billing or the answer was lost.
REFUSALS = {
    "INSUFFICIENT_CREDITS",
    "INVALID_STATUS",
    "NOT_POSTER",
    "NOT_POSTER_OR_REVIEWER",
    "SELF_CLAIM",
    "TASK_NOT_OPEN",
    "TASK_NOT_FOUND",
    "CREDITS_OUT_OF_RANGE",
    "DUPLICATE_CLAIM",
    "CLAIM_NOT_FOUND",
    "CLAIM_NOT_PENDING",
    "CLAIM_NOT_WITHDRAWABLE",
    "NOT_CLAIMANT",
    "NOT_CLAIMED_BY_YOU",
    "DELIVERY_PENDING",
    "MAX_REVISIONS",
    "DELIVERABLE_NOT_FOUND",
    "DELIVERABLE_NOT_PENDING",
    "REVISIONS_EXHAUSTED",
    "REVISIONS_LEFT",
    "TASK_BUSY",
    "UNAVAILABLE",
    "INTERNAL",
}


class Bench:
    """Two replicas, called from the thread that the machine runs in."""

    def __init__(self, replicas: tuple[MarketPlatform, MarketPlatform], loop: asyncio.AbstractEventLoop) -> None:
        self.replicas = replicas
        self._loop = loop

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        """Wait for a call."""
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(60)


class Market(RuleBasedStateMachine):
    """Four operators with an agent each, and what they do to each other."""

    bench: Bench

    @initialize()
    def found(self) -> None:
        self.run = self.bench.run
        here = self.bench.replicas[0]
        self.agents: list[Caller] = [self.run(here.agent(self.run(here.operator(FUNDS)))) for _ in range(4)]
        self.keys = 0
        self.tasks: list[int] = []
        for replica in self.bench.replicas:
            replica.billing.faults.clear()
        for who, budget in enumerate((10, 99, 100, 250)):
            self.post(0, who, budget, revisions=who % 2)

    def on(self, replica: int) -> MarketPlatform:
        return self.bench.replicas[replica]

    def some(self, number: int) -> int:
        return self.tasks[number % len(self.tasks)] if self.tasks else 1_000_000

    def attempt(self, call: Coroutine[Any, Any, Any]) -> Any:
        """Return the answer, or None when the call was refused as documented or broke on its way."""
        try:
            return self.run(call)
        except DomainError as error:
            self._excuse(error)
            return None

    def at_once(self, calls: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Return the answers of those that were not refused."""

        async def crowd() -> list[Any]:
            return await asyncio.gather(*calls, return_exceptions=True)

        answers = []
        for answer in self.run(crowd()):
            if not isinstance(answer, BaseException):
                answers.append(answer)
            else:
                self._excuse(answer)
        return answers

    @staticmethod
    def _excuse(error: BaseException) -> None:
        """Check that a refusal is a documented one, or that the call broke on its way."""
        if not isinstance(error, DomainError) or (error.reason not in REFUSALS and error.code != "UNAVAILABLE"):
            raise error

    async def ask(self, replica: int, method: str, request: Any, caller: Caller) -> Any:
        here = self.on(replica)
        return await here.call(getattr(here.market, method), request, caller)

    @rule(replica=REPLICAS, method=st.sampled_from(METHODS), faults=st.lists(st.sampled_from(Fault), max_size=2))
    def break_billing(self, replica: int, method: str, faults: list[Fault]) -> None:
        self.on(replica).billing.faults[method] = list(faults)

    @rule(replica=REPLICAS, who=WHO, budget=st.sampled_from([10, 99, 250, 400]), revisions=st.integers(0, 1))
    def post(self, replica: int, who: int, budget: int, revisions: int) -> None:
        self.keys += 1
        here, key = self.on(replica), f"key-{self.keys}"
        posting = here.post(self.agents[who], key, budget_credits=budget, max_revisions=revisions)
        task = self.attempt(posting)
        if task is not None:
            self.tasks.append(task.id)

    @rule(replica=REPLICAS, who=WHO, count=st.integers(2, 6))
    def post_the_same_at_once(self, replica: int, who: int, count: int) -> None:
        self.keys += 1
        key = f"key-{self.keys}"

        calls = [self.on((replica + n) % 2).post(self.agents[who], key, budget_credits=50) for n in range(count)]
        made = self.at_once(calls)
        assert all(task == made[0] for task in made)
        self.tasks.extend({task.id for task in made})

    @rule(replica=REPLICAS, who=WHO, number=NUMBERS, price=st.sampled_from([1, 9, 10, 99]))
    def claim(self, replica: int, who: int, number: int, price: int) -> None:
        self.attempt(self.on(replica).claim(self.agents[who], self.some(number), price))

    @rule(replica=REPLICAS, who=WHO, number=NUMBERS, at_once=st.booleans())
    def accept_claims(self, replica: int, who: int, number: int, at_once: bool) -> None:
        task_id = self.some(number)
        claims = self.attempt(self.on(replica).claims(task_id)) or []
        chosen = [each for each in claims if each.status == pb.CLAIM_STATUS_PENDING][: 3 if at_once else 1]

        poster = self._poster(task_id, who)
        won = self.at_once([self.on((replica + n) % 2).accept_claim(poster, each) for n, each in enumerate(chosen)])
        assert len(won) <= 1

    @rule(replica=REPLICAS, number=NUMBERS)
    def withdraw(self, replica: int, number: int) -> None:
        for claim in self.attempt(self.on(replica).claims(self.some(number))) or []:
            worker = next(agent for agent in self.agents if agent.agent_id == claim.agent.id)
            self.attempt(self.on(replica).withdraw(worker, claim))

    @rule(replica=REPLICAS, who=WHO, number=NUMBERS, steps=st.integers(1, 4), ending=st.sampled_from(ENDINGS))
    def go_on(self, replica: int, who: int, number: int, steps: int, ending: str) -> None:
        """Take a task some steps further, as its parties would; alone, chance would hardly ever get to the end."""
        task_id = self.some(number)
        for _ in range(steps):
            task = self.attempt(self.on(replica).task(task_id))
            if task is None:
                return
            if task.status == pb.MARKET_STATUS_OPEN:
                self.claim(replica, who, number, 10)
                self.accept_claims(replica, 0, number, at_once=False)
            elif task.status == pb.MARKET_STATUS_DELIVERED:
                self.judge(replica, 0, number, ending, twice=False)
            else:
                self.deliver(replica, number)

    @rule(replica=REPLICAS, who=WHO, number=NUMBERS)
    def cancel(self, replica: int, who: int, number: int) -> None:
        task_id = self.some(number)
        self.attempt(self.on(replica).cancel(self._poster(task_id, who), task_id))

    @rule(replica=REPLICAS, who=WHO, number=NUMBERS)
    def roll_back(self, replica: int, who: int, number: int) -> None:
        task_id = self.some(number)
        self.attempt(self.on(replica).roll_back(self._poster(task_id, who), task_id))

    @rule(replica=REPLICAS, number=NUMBERS)
    def deliver(self, replica: int, number: int) -> None:
        task_id = self.some(number)
        task = self.attempt(self.on(replica).task(task_id))
        for agent in self.agents:
            if task is not None and task.claimed_by_agent_id == agent.agent_id:
                request = pb.SubmitDeliverableRequest(task_id=task_id, content="work")
                self.attempt(self.ask(replica, "SubmitDeliverable", request, agent))

    @rule(
        replica=REPLICAS,
        who=WHO,
        number=NUMBERS,
        method=st.sampled_from(ENDINGS),
        twice=st.booleans(),
    )
    def judge(self, replica: int, who: int, number: int, method: str, twice: bool) -> None:
        task_id = self.some(number)
        poster, request = self._poster(task_id, who), pb.ListDeliverablesRequest(task_id=task_id)
        found = self.attempt(self.ask(replica, "ListDeliverables", request, poster))
        if found is None or not found.deliverables:
            return
        words = {"RequestRevision": {"revision_notes": "again"}, "RejectDeliverable": {"reason": "no"}}.get(method, {})
        judgement = getattr(pb, f"{method}Request")(task_id=task_id, deliverable_id=found.deliverables[-1].id, **words)

        judged = self.at_once([self.ask((replica + n) % 2, method, judgement, poster) for n in range(1 + twice)])
        assert len(judged) <= 1

    @rule(replica=REPLICAS, number=NUMBERS, percent=st.sampled_from([0, 1, 33, 50, 100]))
    def resolve(self, replica: int, number: int, percent: int) -> None:
        request = pb.ResolveDisputeRequest(task_id=self.some(number), worker_percent=percent, reason="so be it")
        self.attempt(self.ask(replica, "ResolveDispute", request, ADMINISTRATOR))

    @rule(replica=REPLICAS)
    def reconcile(self, replica: int) -> None:
        self.attempt(self.on(replica).reconcile())

    def _poster(self, task_id: int, who: int) -> Caller:
        """Return an agent of the task's poster; now and then, somebody else tries."""
        if who == 3:
            return self.agents[who]
        task = self.attempt(self.on(0).task(task_id))
        owners = [agent for agent in self.agents if task is not None and agent.operator_id == task.poster.id]
        return owners[0] if owners else self.agents[who]

    def teardown(self) -> None:
        if hasattr(self, "agents"):
            self.run(self._look())

    async def _look(self) -> None:
        for replica in self.bench.replicas:
            replica.billing.faults.clear()
        for replica in self.bench.replicas:
            await replica.reconcile()
        here = self.on(0)
        operators = [agent.operator_id for agent in self.agents]
        found = await here.database["market_tasks"].find({"poster_id": {"$in": operators}}).to_list()
        assert {document["_id"] for document in found} >= set(self.tasks)
        wanted = dict.fromkeys(operators, (FUNDS, 0))
        for document in found:
            last = document.pop("change")
            await self._check(to_task(document), last["data"], wanted)
        assert {operator: await here.balance(operator) for operator in operators} == wanted
        await here.verify()

    async def _check(self, task: MarketTask, last: dict[str, Any], wanted: dict[int, tuple[int, int]]) -> None:
        """Check the hold of a task whose last event was `last`, and note in `wanted` what it means to the accounts."""
        assert task.money is None, task
        hold = await self.on(0).hold(task.id)
        available, held = wanted[task.poster_id]
        if task.status in (OPEN, CLAIMED, IN_PROGRESS, DELIVERED, DISPUTED):
            assert hold.state == ledger.HOLD_STATE_PENDING, (task, hold)
            assert hold.amount_credits == (task.assignment.price if task.assignment else task.budget)
            wanted[task.poster_id] = (available - hold.amount_credits, held + hold.amount_credits)
        elif task.status == CANCELLED:
            assert hold.state == ledger.HOLD_STATE_RELEASED, (task, hold)
        else:
            assert task.status == COMPLETED
            assert hold.state == ledger.HOLD_STATE_SETTLED, (task, hold)
            self._check_paid(task, last, wanted)

    @staticmethod
    def _check_paid(task: MarketTask, end: dict[str, Any], wanted: dict[int, tuple[int, int]]) -> None:
        assert task.assignment is not None
        price, worker = task.assignment.price, task.assignment.operator_id
        share = price * end.get("worker_percent", 100) // 100
        fee = share * FEE_PERCENT // 100
        assert (end["payment"], end["platform_fee"]) == (share - fee, fee)
        available, held = wanted[task.poster_id]
        wanted[task.poster_id] = (available - share, held)
        available, held = wanted[worker]
        wanted[worker] = (available + share - fee, held)
