"""Welcome credits: each given once, whatever breaks between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from piecework.billing.v1 import ledger_pb2 as ledger

from kit.errors import AlreadyExists, DomainError
from services.agents.welcome.model import AGENT, OPERATOR, Bonus, bonus
from services.agents.welcome.service import WelcomeService
from tests.service.agents.conftest import MakeAgents
from tests.service.agents.platform import AgentsClient


async def due(agents: AgentsClient, operator_id: int) -> Any:
    return (await agents.database["operators"].find_one({"_id": operator_id})).get("welcome_due")


async def entries(agents: AgentsClient, operator_id: int) -> list[tuple[int, int, int]]:
    """Return type, amount and balance of every line of an account, oldest first."""
    request = ledger.ListEntriesRequest(operator_id=operator_id)
    listed = (await agents.call(agents.ledger.ListEntries, request)).entries
    return [(each.type, each.amount_credits, each.balance_after_credits) for each in reversed(listed)]


async def test_an_operator_gets_its_credits_at_once(agents: AgentsClient) -> None:
    owner = await agents.new_operator("owner")
    assert await entries(agents, owner.operator_id) == [(ledger.ENTRY_TYPE_BONUS, 500, 500)]
    assert await due(agents, owner.operator_id) == []


async def test_only_the_first_agent_brings_credits(agents: AgentsClient) -> None:
    owner = await agents.new_operator("owner")
    for name in ("a", "b"):
        await agents.new_agent(owner.operator_id, name)
    await agents.claim((await agents.registered()).verification_code, owner)
    bonuses = [(ledger.ENTRY_TYPE_BONUS, 500, 500), (ledger.ENTRY_TYPE_BONUS, 100, 600)]
    assert await entries(agents, owner.operator_id) == bonuses


async def test_an_agent_that_is_claimed_may_be_the_first(agents: AgentsClient) -> None:
    made, owner = await agents.registered(), await agents.new_operator("owner")
    assert await agents.balance(owner.operator_id) == 500
    await agents.claim(made.verification_code, owner)
    await agents.new_agent(owner.operator_id, "b")
    assert await agents.balance(owner.operator_id) == 600


async def test_an_agent_that_is_refused_brings_nothing(agents: AgentsClient) -> None:
    owner = await agents.new_operator("owner")
    with pytest.raises(DomainError) as caught:
        await agents.claim("hive-NOTACODE", owner)
    assert caught.value.reason == "VERIFICATION_CODE_NOT_FOUND"
    assert await agents.balance(owner.operator_id) == 500
    await agents.new_agent(owner.operator_id, "a")
    assert await agents.balance(owner.operator_id) == 600


async def test_twenty_at_once(agents: AgentsClient) -> None:
    owners = await asyncio.gather(*(agents.new_operator(f"owner-{number}") for number in range(20)))
    assert len({owner.operator_id for owner in owners}) == 20
    assert [await agents.balance(owner.operator_id) for owner in owners] == [500] * 20
    owner = owners[0]
    made = await asyncio.gather(*(agents.new_agent(owner.operator_id, f"a-{number}") for number in range(20)))
    assert len({each.agent.id for each in made}) == 20
    assert await agents.balance(owner.operator_id) == 600
    assert await due(agents, owner.operator_id) == []


async def test_a_ledger_that_is_away_delays_credits_and_nothing_else(make_agents: MakeAgents) -> None:
    alone = await make_agents(billing=False)
    owner = await alone.new_operator("owner")
    made = await alone.new_agent(owner.operator_id, "a")
    assert (await alone.identify(made.secret)).agent_id == made.agent.id
    assert await due(alone, owner.operator_id) == [OPERATOR, AGENT]
    whole = await make_agents()
    # The loop of the new replica waits for the lease of the old one; what it does is called here.
    assert await whole.platform.app.welcome.give_owed() == 1
    assert await whole.balance(owner.operator_id) == 600
    assert await due(whole, owner.operator_id) == []
    assert await whole.platform.app.welcome.give_owed() == 0


async def test_the_loop_gives_what_a_crash_held_back(make_agents: MakeAgents) -> None:
    alone = await make_agents(billing=False)
    owner = await alone.new_operator("owner")
    await alone.platform.stop()
    whole = await make_agents(tick_seconds=0.05)
    async with asyncio.timeout(10):
        while await whole.balance(owner.operator_id) != 500:
            assert await due(whole, owner.operator_id) in ([OPERATOR], [])


async def test_a_crash_after_the_gift_does_not_double_it(agents: AgentsClient) -> None:
    owner = await agents.new_operator("owner")
    await agents.new_agent(owner.operator_id, "a")
    await agents.database["operators"].update_one(
        {"_id": owner.operator_id}, {"$set": {"welcome_due": [OPERATOR, AGENT]}}
    )
    assert await agents.platform.app.welcome.give_owed() == 1
    assert await agents.balance(owner.operator_id) == 600
    assert await due(agents, owner.operator_id) == []


async def test_an_operator_from_before_there_were_credits_gets_none(agents: AgentsClient) -> None:
    await agents.database["operators"].insert_one({"_id": 77, "name": "old", "created_at": agents.clock.now()})
    made = await agents.new_agent(77, "a")
    assert (await agents.identify(made.secret)).operator_id == 77
    assert await agents.platform.app.welcome.give_owed() == 0
    assert await agents.balance(77) == 0


class _Refusing:
    """A bank in which one operator is unknown and another one got something else before."""

    def __init__(self) -> None:
        self.given: list[int] = []

    async def open_account(self, operator_id: int) -> None:
        if operator_id == 1:
            raise DomainError("BROKEN", "The account is broken")

    async def give(self, bonus: Bonus) -> None:
        if bonus.operator_id == 2:
            raise AlreadyExists("TRANSFER_EXISTS", "The id moved other money")
        self.given.append(bonus.operator_id)


async def test_one_that_cannot_be_served_does_not_hold_up_the_others(make_agents: MakeAgents) -> None:
    agents = await make_agents(billing=False)
    owners = [await agents.new_operator(f"owner-{number}") for number in range(3)]
    bank = _Refusing()
    assert await WelcomeService(agents.platform.app.welcome_store, bank).give_owed() == 2
    assert bank.given == [3]
    assert [await due(agents, owner.operator_id) for owner in owners] == [[OPERATOR], [], []]


def test_what_is_given() -> None:
    assert bonus(OPERATOR, 7) == Bonus("welcome:operator:7", 7, 500, "Welcome bonus")
    assert bonus(AGENT, 7) == Bonus("welcome:agent:7", 7, 100, "Bonus for the first agent")
