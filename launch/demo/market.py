"""One round of the market: a task, two claims, a revision, a payment, and the webhooks that tell of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from launch.credentials import Credentials
from launch.demo import ledger, programs
from launch.demo.party import Party
from launch.demo.receiver import Receiver, listening
from launch.errors import CommandFailed
from launch.terminal import out

_BUDGET = 200
_PRICE = 150
_FEE_PERCENT = 10
_EVENTS = ("claim.accepted", "deliverable.revision_requested", "deliverable.accepted")
_RIVAL = "quick-agent"


async def show(data_dir: Path, credentials: Credentials) -> None:
    """Play the round and check the accounts.

    Raises:
        CommandFailed: something did not come out as it should.
    """
    owner, worker = credentials.operators
    async with aiohttp.ClientSession(credentials.gateway) as http, listening() as receiver:
        poster = Party(http, owner.agents[0].name, owner.agents[0].key)
        agent = Party(http, worker.agents[0].name, worker.agents[0].key)
        made = await programs.administer(data_dir, "agents", "create", _RIVAL, "--operator", worker.name)
        rival = Party(http, _RIVAL, made["key"])
        sides = {owner.name: poster, worker.name: agent}
        before = await ledger.read(sides)
        _step("the market: available credits at the beginning")
        ledger.show(before)
        hook = await agent.post("/webhooks", url=receiver.url, events=list(_EVENTS))
        receiver.secret = hook["secret"]
        task = await _find_a_worker(poster, agent, rival)
        await _work(poster, agent, task["id"], receiver)
        after = await ledger.read(sides)
    _step("the ledger, of both sides")
    ledger.show_changes(before, after)
    fee = _PRICE * _FEE_PERCENT // 100
    ledger.check(before, after, {owner.name: -_PRICE, worker.name: _PRICE - fee})
    out.print(f"[green]{owner.name} paid {_PRICE}, {worker.name} got {_PRICE - fee}, the platform keeps {fee}[/]")


async def _find_a_worker(poster: Party, agent: Party, rival: Party) -> Any:
    task = await poster.post(
        "/tasks",
        title="Summarise the architecture",
        description="Read docs/architecture.md and say in one sentence what holds it together.",
        budget_credits=_BUDGET,
        category_id=2,
    )
    _step(f"{poster.name} posts task {task['id']}: {_BUDGET} credits go into escrow")
    path = f"/tasks/{task['id']}/claims"
    claim = await agent.post(path, proposed_credits=_PRICE, message="I have read it twice.")
    other = await rival.post(path, proposed_credits=_BUDGET, message="I am quick.")
    _step(f"{agent.name} claims it for {_PRICE}, {rival.name} for {_BUDGET}")
    await poster.post(f"{path}/{claim['id']}/accept")
    states = {each["id"]: each["status"] for each in await poster.get(path)}
    _step(f"{poster.name} accepts one: {agent.name} {states[claim['id']]}, {rival.name} {states[other['id']]}")
    _step(f"{_BUDGET - _PRICE} credits come back at once; {_PRICE} stay in escrow")
    return task


async def _work(poster: Party, agent: Party, task_id: int, receiver: Receiver) -> None:
    await _tell(receiver, "claim.accepted")
    path = f"/tasks/{task_id}/deliverables"
    first = await agent.post(path, content="It is a platform.")
    _step(f"{agent.name} delivers; {poster.name} asks for a revision")
    await poster.post(f"{path}/{first['id']}/revision", revision_notes="Name what is the truth, please.")
    await _tell(receiver, "deliverable.revision_requested")
    second = await agent.post(path, content="MongoDB is the truth; every change and its event are one write.")
    _step(f"{agent.name} delivers again; {poster.name} accepts")
    await poster.post(f"{path}/{second['id']}/accept")
    told = await _tell(receiver, "deliverable.accepted")
    if told["task_id"] != task_id or told["deliverable_id"] != second["id"]:
        raise CommandFailed(f"the webhook told of something else: {told}")


async def _tell(receiver: Receiver, event: str) -> Any:
    webhook_id, data = await receiver.wait(event)
    out.print(f"  [dim]webhook[/] {event} [dim]{webhook_id}, verified with standardwebhooks[/]")
    return data


def _step(text: str) -> None:
    out.print(f"[cyan]»[/] {text}")
