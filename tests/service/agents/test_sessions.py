"""Sessions of queue workers."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from piecework.agents.v1 import identity_pb2 as pb

from kit.caller import OPERATOR_SCOPES, SESSION_SCOPES, Caller
from kit.errors import InvalidInput, Unauthenticated, WrongState
from kit.ids import is_id, new_id
from services.agents.sessions.model import LIFETIME, MAX_AHEAD


def _ms(agents: Any, ahead: timedelta = timedelta()) -> int:
    return round((agents.clock.now() + ahead).timestamp() * 1000)


def _pass(agents: Any, time: timedelta) -> None:
    agents.clock.set(agents.clock.now() + time)


async def _live(agents: Any, *opened: Any) -> list[bool]:
    async def is_live(each: Any) -> bool:
        try:
            await agents.identify(each.token)
        except Unauthenticated:
            return False
        return True

    return [await is_live(each) for each in opened]


async def test_a_token_speaks_for_a_worker_in_a_project(agents: Any) -> None:
    project_id = new_id()
    opened = await agents.open(project_id, "worker-1", operator_id=7)
    assert re.fullmatch(r"pws_[A-Za-z0-9_-]{43}", opened.token)
    assert is_id(opened.session.id)
    assert not opened.resumed
    assert opened.session.created_at.ToMilliseconds() == _ms(agents)
    assert opened.session.expires_at.ToMilliseconds() == _ms(agents, LIFETIME) == _ms(agents, timedelta(hours=3))
    found = await agents.identify(opened.token)
    assert (found.kind, found.operator_id, found.name, found.project_id) == ("session", 7, "worker-1", project_id)
    assert (found.session_id, found.expires_at) == (opened.session.id, opened.session.expires_at)
    assert tuple(found.scopes) == SESSION_SCOPES


async def test_opening_again_ends_the_older_sessions_of_that_name_in_that_project(
    agents: Any, revocations: Any
) -> None:
    project_id = new_id()
    first = await agents.open(project_id)
    credential_id = (await agents.identify(first.token)).credential_id
    namesake, colleague = await agents.open(new_id()), await agents.open(project_id, "worker-2")
    second = await agents.open(project_id)
    assert await _live(agents, first, second, namesake, colleague) == [False, True, True, True]
    await revocations.hears(credential_id)


async def test_several_sessions_live_beside_each_other_when_asked_for(agents: Any, revocations: Any) -> None:
    project_id = new_id()
    several = [await agents.open(project_id, allow_multiple=True) for _ in range(3)]
    assert await _live(agents, *several) == [True, True, True]
    credentials = [(await agents.identify(each.token)).credential_id for each in several]
    only = await agents.open(project_id)
    assert await _live(agents, *several, only) == [False, False, False, True]
    await revocations.hears(*credentials)


async def test_resuming_takes_up_the_newest_session_with_a_new_token(agents: Any, revocations: Any) -> None:
    project_id = new_id()
    older = await agents.open(project_id, allow_multiple=True)
    _pass(agents, timedelta(hours=1))
    newer = await agents.open(project_id, allow_multiple=True)
    before = await agents.identify(newer.token)
    _pass(agents, timedelta(hours=1))
    resumed = await agents.open(project_id, resume_existing=True, allow_multiple=True)
    assert resumed.resumed
    assert resumed.session.id == newer.session.id
    assert resumed.session.created_at == newer.session.created_at
    assert resumed.session.expires_at.ToMilliseconds() == _ms(agents, LIFETIME)
    assert await _live(agents, older, newer, resumed) == [True, False, True]
    await revocations.hears(before.credential_id)
    alone = await agents.open(project_id, resume_existing=True)
    assert alone.session.id == newer.session.id
    assert await _live(agents, older, resumed, alone) == [False, False, True]


async def test_there_is_nothing_to_resume(agents: Any) -> None:
    project_id = new_id()
    first = await agents.open(project_id, resume_existing=True)
    assert not first.resumed
    _pass(agents, LIFETIME)
    second = await agents.open(project_id, resume_existing=True)
    assert not second.resumed
    assert second.session.id != first.session.id


@pytest.mark.parametrize("resume", [False, True, None])
async def test_of_many_that_open_at_once_exactly_one_is_left(agents: Any, resume: bool | None) -> None:
    project_id = new_id()
    for number in range(3):
        await agents.open(project_id, allow_multiple=bool(number))
    opened = await asyncio.gather(
        *(agents.open(project_id, resume_existing=number % 2 if resume is None else resume) for number in range(20))
    )
    assert (await _live(agents, *opened)).count(True) == 1
    assert await agents.database["sessions"].count_documents({}) == 1


async def test_an_expired_session_is_refused_at_once(agents: Any) -> None:
    opened = await agents.open(new_id())
    caller = await agents.caller_of(opened.token)
    _pass(agents, LIFETIME - timedelta(milliseconds=1))
    assert await _live(agents, opened) == [True]
    _pass(agents, timedelta(milliseconds=1))
    assert await _live(agents, opened) == [False]
    for method, request in _own_calls(agents):
        with pytest.raises(Unauthenticated) as caught:
            await agents.call(method, request, caller)
        assert (caught.value.reason, caught.value.message) == ("CREDENTIAL_INVALID", "Invalid or expired session")


async def test_expired_sessions_are_removed(agents: Any) -> None:
    async with await agents.database["sessions"].watch([{"$match": {"operationType": "delete"}}]) as changes:
        agents.clock.set(agents.clock.now() - LIFETIME - timedelta(seconds=1))
        opened = await agents.open(new_id())
        async with asyncio.timeout(30):
            assert (await changes.next())["documentKey"]["_id"] == opened.session.id


async def test_a_session_is_extended_from_its_end(agents: Any) -> None:
    opened = await agents.open(new_id())
    caller = await agents.caller_of(opened.token)
    _pass(agents, timedelta(hours=1))
    request = pb.ExtendSessionRequest(extend_by_seconds=1800)
    answer = await agents.call(agents.sessions.ExtendSession, request, caller)
    assert answer.session.expires_at.ToMilliseconds() == _ms(agents, timedelta(hours=2, minutes=30))
    read = await agents.call(agents.sessions.GetSession, pb.GetSessionRequest(), caller)
    assert read.session == answer.session
    _pass(agents, timedelta(hours=2, minutes=29))
    assert await _live(agents, opened) == [True]


async def test_a_session_ends_at_most_a_week_ahead(agents: Any) -> None:
    opened = await agents.open(new_id())
    caller = await agents.caller_of(opened.token)
    request = pb.ExtendSessionRequest(extend_by_seconds=86_400)
    for _ in range(6):
        await agents.call(agents.sessions.ExtendSession, request, caller)
    with pytest.raises(InvalidInput) as caught:
        await agents.call(agents.sessions.ExtendSession, request, caller)
    assert [each.field for each in caught.value.violations] == ["extend_by_seconds"]
    left = MAX_AHEAD - LIFETIME - timedelta(days=6)
    fitting = pb.ExtendSessionRequest(extend_by_seconds=int(left.total_seconds()))
    answer = await agents.call(agents.sessions.ExtendSession, fitting, caller)
    assert answer.session.expires_at.ToMilliseconds() == _ms(agents, MAX_AHEAD)


async def test_concurrent_extensions_all_count(agents: Any) -> None:
    opened = await agents.open(new_id())
    caller = await agents.caller_of(opened.token)
    request = pb.ExtendSessionRequest(extend_by_seconds=60)
    await asyncio.gather(*(agents.call(agents.sessions.ExtendSession, request, caller) for _ in range(20)))
    read = await agents.call(agents.sessions.GetSession, pb.GetSessionRequest(), caller)
    assert read.session.expires_at.ToMilliseconds() == _ms(agents, LIFETIME + timedelta(minutes=20))


@pytest.mark.parametrize("seconds", [-1, 0, 86_401])
async def test_an_extension_out_of_range_is_refused(agents: Any, seconds: int) -> None:
    caller = await agents.caller_of((await agents.open(new_id())).token)
    with pytest.raises(InvalidInput):
        await agents.call(agents.sessions.ExtendSession, pb.ExtendSessionRequest(extend_by_seconds=seconds), caller)


async def test_a_closed_session_ends_at_once_and_is_announced(agents: Any, revocations: Any) -> None:
    opened = await agents.open(new_id())
    caller, before = await agents.caller_of(opened.token), await agents.identify(opened.token)
    await agents.call(agents.sessions.CloseSession, pb.CloseSessionRequest(), caller)
    assert await _live(agents, opened) == [False]
    await revocations.hears(before.credential_id)
    with pytest.raises(Unauthenticated):
        await agents.call(agents.sessions.CloseSession, pb.CloseSessionRequest(), caller)


async def test_a_caller_with_a_key_has_no_session(agents: Any) -> None:
    caller = Caller(kind="operator", operator_id=1, scopes=OPERATOR_SCOPES)
    for method, request in _own_calls(agents):
        with pytest.raises(WrongState) as caught:
            await agents.call(method, request, caller)
        assert caught.value.reason == "NO_SESSION"


async def test_the_sessions_of_a_project_end_together(agents: Any, revocations: Any) -> None:
    project_id = new_id()
    of_project = [await agents.open(project_id, f"worker-{number}") for number in range(3)]
    other = await agents.open(new_id())
    credentials = [(await agents.identify(each.token)).credential_id for each in of_project]
    request = pb.CloseProjectSessionsRequest(project_id=project_id)
    assert (await agents.call(agents.sessions.CloseProjectSessions, request)).closed == 3
    assert await _live(agents, *of_project, other) == [False, False, False, True]
    await revocations.hears(*credentials)
    assert (await agents.call(agents.sessions.CloseProjectSessions, request)).closed == 0


async def test_activity_is_noted_every_half_minute(agents: Any) -> None:
    opened = await agents.open(new_id())
    caller = await agents.caller_of(opened.token)
    _pass(agents, timedelta(seconds=29))
    await agents.identify(opened.token)
    _pass(agents, timedelta(seconds=1))
    async with await agents.database["sessions"].watch() as changes:
        await agents.identify(opened.token)
        async with asyncio.timeout(10):
            changed = (await changes.next())["updateDescription"]["updatedFields"]
        assert list(changed) == ["last_activity_at"]
        _pass(agents, timedelta(seconds=29))
        await agents.identify(opened.token)
        read = await agents.call(agents.sessions.GetSession, pb.GetSessionRequest(), caller)
        assert read.session.last_activity_at.ToMilliseconds() == _ms(agents, timedelta(seconds=-29))


@pytest.mark.parametrize("name", ["", "a b", "x" * 51, "../x", "worker\n", "wörker"])
async def test_a_workers_name_that_breaks_the_rules_is_refused(agents: Any, name: str) -> None:
    with pytest.raises(InvalidInput):
        await agents.open(new_id(), name)
    assert await agents.database["sessions"].count_documents({}) == 0


def _own_calls(agents: Any) -> list[tuple[Any, Any]]:
    return [
        (agents.sessions.GetSession, pb.GetSessionRequest()),
        (agents.sessions.ExtendSession, pb.ExtendSessionRequest(extend_by_seconds=1)),
        (agents.sessions.CloseSession, pb.CloseSessionRequest()),
    ]
