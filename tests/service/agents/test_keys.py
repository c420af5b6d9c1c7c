"""Operators, agents and their keys."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from piecework.agents.v1 import identity_pb2 as pb

from kit.caller import OPERATOR_SCOPES
from kit.errors import AlreadyExists, InvalidInput, NotFound, Unauthenticated
from kit.ids import is_id, new_id


async def test_operators_are_numbered_from_one_and_listed_in_order(agents: Any) -> None:
    first, second = await agents.new_operator("poster"), await agents.new_operator("worker")
    listed = await agents.call(agents.identity.ListOperators, pb.ListOperatorsRequest())
    assert (first.operator_id, second.operator_id) == (1, 2)
    assert [(each.id, each.name) for each in listed.operators] == [(1, "poster"), (2, "worker")]
    assert listed.operators[0].created_at.ToMilliseconds() == round(agents.clock.now().timestamp() * 1000)


async def test_concurrent_operators_get_numbers_of_their_own(agents: Any) -> None:
    made = await asyncio.gather(*(agents.new_operator(f"operator-{number}") for number in range(20)))
    assert sorted(each.operator_id for each in made) == list(range(1, 21))


async def test_a_name_is_given_once(agents: Any) -> None:
    outcomes = await asyncio.gather(*(agents.new_operator("poster") for _ in range(10)), return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, BaseException)]
    assert len(refused) == 9
    assert all(isinstance(each, AlreadyExists) and each.reason == "OPERATOR_EXISTS" for each in refused)


@pytest.mark.parametrize("name", ["", "-poster", "a b", "poster/../x", "x" * 64, "pöster", "$ne", "a\n"])
async def test_a_name_that_breaks_the_rules_is_refused(agents: Any, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await agents.new_operator(name)
    assert caught.value.reason == "VALIDATION_FAILED"
    assert [each.field for each in caught.value.violations] == ["name"]
    assert await agents.database["operators"].count_documents({}) == 0


@pytest.mark.parametrize(("test", "mark"), [(False, "pw_live_"), (True, "pw_test_")])
async def test_a_key_speaks_for_its_operator(agents: Any, test: bool, mark: str) -> None:
    owner = await agents.new_operator("poster")
    made = await agents.new_key(owner.operator_id, test=test)
    assert re.fullmatch(mark + r"[A-Za-z0-9_-]{43}", made.secret)
    assert is_id(made.key.id)
    assert (made.key.prefix, made.key.test) == (made.secret[:12], test)
    found = await agents.identify(made.secret)
    assert (found.kind, found.operator_id, found.credential_id) == ("operator", owner.operator_id, made.key.id)
    assert tuple(found.scopes) == OPERATOR_SCOPES
    assert not found.HasField("expires_at")


async def test_a_key_shows_its_beginning_and_its_end(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    made = await agents.new_key(owner.operator_id)
    assert (made.key.prefix, made.key.ending) == (made.secret[:12], made.secret[-4:])


async def test_the_last_use_of_a_key_is_noted_every_minute(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    made = await agents.new_key(owner.operator_id)

    async def last_used() -> Any:
        request = pb.ListOperatorKeysRequest(operator_id=owner.operator_id)
        (key,) = (await agents.call(agents.identity.ListOperatorKeys, request)).keys
        return key.last_used_at.ToDatetime(UTC) if key.HasField("last_used_at") else None

    assert await last_used() is None
    async with await agents.database["operator_keys"].watch() as changes, asyncio.timeout(30):
        for _ in range(2):
            await agents.identify(made.secret)
            assert list((await changes.next())["updateDescription"]["updatedFields"]) == ["last_used_at"]
            noted = await last_used()
            assert abs(noted - agents.clock.now()) < timedelta(milliseconds=1)
            agents.clock.set(agents.clock.now() + timedelta(seconds=59))
            await agents.identify(made.secret)
            assert await last_used() == noted, "no write for each use"
            agents.clock.set(agents.clock.now() + timedelta(seconds=1))


async def test_a_key_has_the_scopes_that_were_asked_for(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    made = await agents.new_key(owner.operator_id, "queue:read")
    assert list((await agents.identify(made.secret)).scopes) == ["queue:read"] == list(made.key.scopes)


async def test_keys_are_listed_newest_first_and_without_secrets(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    made = [(await agents.new_key(owner.operator_id)).key for _ in range(3)]
    request = pb.ListOperatorKeysRequest(operator_id=owner.operator_id)
    listed = await agents.call(agents.identity.ListOperatorKeys, request, owner)
    assert list(listed.keys) == made[::-1]


async def test_a_revoked_key_ends_at_once_and_is_announced(agents: Any, revocations: Any) -> None:
    owner = await agents.new_operator("poster")
    kept, ended = await agents.new_key(owner.operator_id), await agents.new_key(owner.operator_id)
    request = pb.RevokeOperatorKeyRequest(key_id=ended.key.id)
    answer = await agents.call(agents.identity.RevokeOperatorKey, request, owner)
    assert answer.key.revoked_at.ToMilliseconds() == round(agents.clock.now().timestamp() * 1000)
    with pytest.raises(Unauthenticated) as caught:
        await agents.identify(ended.secret)
    assert (caught.value.reason, caught.value.message) == ("CREDENTIAL_INVALID", "Invalid or expired session")
    assert (await agents.identify(kept.secret)).credential_id == kept.key.id
    await revocations.hears(ended.key.id)
    assert not revocations.has_heard(kept.key.id)


async def test_revoking_again_changes_nothing(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    request = pb.RevokeOperatorKeyRequest(key_id=(await agents.new_key(owner.operator_id)).key.id)
    first = await agents.call(agents.identity.RevokeOperatorKey, request, owner)
    agents.clock.set(agents.clock.now().replace(year=agents.clock.now().year + 1))
    assert await agents.call(agents.identity.RevokeOperatorKey, request, owner) == first


async def test_an_unknown_key_is_not_found(agents: Any) -> None:
    with pytest.raises(NotFound) as caught:
        await agents.call(agents.identity.RevokeOperatorKey, pb.RevokeOperatorKeyRequest(key_id=new_id()))
    assert caught.value.reason == "KEY_NOT_FOUND"


async def test_an_agents_key_speaks_for_the_agent(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    made = await agents.new_agent(owner.operator_id, "summariser", owner)
    assert re.fullmatch(r"th_agent_[0-9a-f]{64}", made.secret)
    assert is_id(made.agent.uuid)
    found = await agents.identify(made.secret)
    assert (found.kind, found.operator_id, found.agent_id, found.name) == ("agent", 1, made.agent.id, "summariser")
    assert list(found.scopes) == ["queue:read", "queue:work", "market"]


async def test_an_agents_name_is_unique_within_its_operator(agents: Any) -> None:
    poster, worker = await agents.new_operator("poster"), await agents.new_operator("worker")
    first = await agents.new_agent(poster.operator_id, "summariser", poster)
    second = await agents.new_agent(worker.operator_id, "summariser", worker)
    with pytest.raises(AlreadyExists) as caught:
        await agents.new_agent(poster.operator_id, "summariser", poster)
    assert caught.value.reason == "AGENT_EXISTS"
    listed = await agents.call(agents.identity.ListAgents, pb.ListAgentsRequest(operator_id=2), worker)
    assert list(listed.agents) == [second.agent]
    assert first.agent.id != second.agent.id


async def test_rotation_ends_the_old_key_at_once(agents: Any, revocations: Any) -> None:
    owner = await agents.new_operator("poster")
    made = await agents.new_agent(owner.operator_id, "summariser")
    before = await agents.identify(made.secret)
    request = pb.RotateAgentKeyRequest(agent_id=made.agent.id)
    rotated = await agents.call(agents.identity.RotateAgentKey, request, owner)
    with pytest.raises(Unauthenticated):
        await agents.identify(made.secret)
    after = await agents.identify(rotated.secret)
    assert after.agent_id == before.agent_id
    assert after.credential_id != before.credential_id
    await revocations.hears(before.credential_id)


async def test_things_of_an_unknown_operator_or_agent_are_not_found(agents: Any) -> None:
    for make in (agents.new_key(7), agents.new_agent(7, "summariser")):
        with pytest.raises(NotFound) as caught:
            await make
        assert caught.value.reason == "OPERATOR_NOT_FOUND"
    with pytest.raises(NotFound) as caught:
        await agents.call(agents.identity.RotateAgentKey, pb.RotateAgentKeyRequest(agent_id=7))
    assert caught.value.reason == "AGENT_NOT_FOUND"


@pytest.mark.parametrize(
    "secret",
    ["x", "pw_live_", "pw_live_" + "A" * 43, "pw_test_é", "th_agent_" + "0" * 64, "pws_x", "Bearer pw_live_x", "\0"],
)
async def test_an_unknown_secret_is_refused_in_one_way(agents: Any, secret: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await agents.identify(secret)
    assert (caught.value.reason, caught.value.message) == ("CREDENTIAL_INVALID", "Invalid or expired session")
    assert caught.value.metadata == {}


async def test_the_stored_hash_is_no_credential(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    made = await agents.new_key(owner.operator_id)
    digest = hashlib.sha256(made.secret.encode()).hexdigest()
    assert await agents.database["operator_keys"].count_documents({"secret_hash": digest}) == 1
    for attempt in (digest, f"pw_live_{digest}", f"th_agent_{digest}"):
        with pytest.raises(Unauthenticated):
            await agents.identify(attempt)


async def test_a_lookup_is_one_indexed_query(agents: Any) -> None:
    for collection in ("operator_keys", "agents", "sessions"):
        plan = await agents.database[collection].find({"secret_hash": "x"}).explain()
        assert plan["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "unique_secret"
