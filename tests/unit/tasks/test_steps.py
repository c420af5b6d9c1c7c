"""The state machine of a work item, step by step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from kit.errors import Conflict, DomainError, NotFound, WrongState
from services.tasks.work.model import (
    COMPLETED,
    DELETED,
    FAILED,
    LEASE_EXPIRED,
    LEASED,
    MAX_ERROR,
    QUEUED,
    TIMEOUT,
    Transition,
    WorkItem,
)
from services.tasks.work.steps import Claim, Ending, amend, delete, end, expire, extend, hand_out
from tests.unit.tasks.items import NOW, make_item

DONE = Ending(COMPLETED, "done")
BROKE = Ending(FAILED, "broke")
MINUTE = timedelta(minutes=1)


def leased(**fields: object) -> WorkItem:
    return hand_out(make_item(**fields), "a", NOW, seat=True).after


def step(transition: Transition | None) -> Transition:
    assert transition is not None
    return transition


def check_refused(item: WorkItem, claim: Claim, kind: type[DomainError], reason: str) -> None:
    attempts: tuple[Callable[[], object], ...] = (
        lambda: end(item, claim, DONE, NOW),
        lambda: end(item, claim, BROKE, NOW),
        lambda: extend(item, claim, MINUTE, NOW),
    )
    for attempt in attempts:
        with pytest.raises(kind) as caught:
            attempt()
        assert caught.value.reason == reason


def test_a_hand_out_makes_lease_attempt_and_token() -> None:
    step = hand_out(make_item(token=4), "a", NOW, seat=True)
    after = step.after
    assert after.lease is not None
    assert (after.state, after.token, after.lease.token, after.lease.seat) == (LEASED, 5, 5, "a")
    assert after.lease.expires_at == after.attempts[0].lease_expires_at == NOW + MINUTE
    assert (step.kind, step.actor, step.data) == ("assigned", "agent:a", {"agent": "a", "token": 5})
    assert after.bears(step.op)
    assert step.leaves_proof
    without_seat = hand_out(make_item(), "a", NOW, seat=False).after.lease
    assert without_seat is not None
    assert without_seat.seat is None


@pytest.mark.parametrize("claim", [Claim("a"), Claim("a", 1), Claim(token=1), Claim()])
def test_completion(claim: Claim) -> None:
    done = step(end(leased(), claim, Ending(COMPLETED, "r", '{"x":1}'), NOW + MINUTE))
    after = done.after
    assert (after.state, after.result, after.outputs_json, after.lease) == (COMPLETED, "r", '{"x":1}', None)
    assert (after.ended_at, after.failures) == (NOW + MINUTE, 0)
    assert (after.attempts[0].outcome, after.attempts[0].ended_at) == (COMPLETED, NOW + MINUTE)
    assert after.bears(done.op)
    assert done.kind == "completed"


def test_a_failure_goes_back_to_its_place() -> None:
    failed = step(end(leased(), Claim("a"), BROKE, NOW + MINUTE))
    after = failed.after
    assert (after.state, after.failures, after.available_at, after.ended_at) == (QUEUED, 1, NOW, None)
    assert (failed.kind, failed.data["retryCount"], failed.data["outcome"]) == ("requeued", 1, FAILED)


def test_a_failure_may_ask_for_a_wait() -> None:
    ending = Ending(FAILED, "e", retry_after=timedelta(seconds=5))
    after = step(end(leased(), Claim("a"), ending, NOW + MINUTE)).after
    assert after.available_at == NOW + MINUTE + timedelta(seconds=5)


@pytest.mark.parametrize(("max_attempts", "can_retry"), [(1, True), (3, False)])
def test_a_failure_for_good(max_attempts: int, *, can_retry: bool) -> None:
    ending = Ending(FAILED, "e", can_retry=can_retry)
    failed = step(end(leased(max_attempts=max_attempts, dedupe="d"), Claim("a"), ending, NOW))
    assert (failed.after.state, failed.after.ended_at, failed.after.dedupe) == (FAILED, NOW, None)
    assert failed.kind == "failed"


def test_expiry_needs_an_expired_lease() -> None:
    item = leased()
    assert expire(item, NOW + MINUTE - timedelta(milliseconds=1)) is None
    assert expire(make_item(), NOW + timedelta(days=1)) is None
    expired = step(expire(item, NOW + MINUTE))
    assert (expired.after.state, expired.after.failures, expired.after.result) == (QUEUED, 1, LEASE_EXPIRED)
    assert (expired.after.attempts[0].outcome, expired.actor) == (TIMEOUT, "system:reaper")


def test_an_extension_counts_from_the_end() -> None:
    extended = extend(leased(), Claim("a"), MINUTE, NOW + timedelta(hours=1))
    assert extended.after.lease is not None
    assert extended.after.lease.expires_at == NOW + 2 * MINUTE == extended.after.attempts[0].lease_expires_at
    assert extended.after.token == 1
    assert not extended.leaves_proof


def test_wrong_claims_are_refused() -> None:
    item = leased()
    check_refused(item, Claim("b"), Conflict, "OTHER_HOLDER")
    check_refused(item, Claim("b", 1), Conflict, "OTHER_HOLDER")
    check_refused(item, Claim("a", 2), Conflict, "STALE_TOKEN")
    check_refused(make_item(), Claim("a"), WrongState, "NOT_LEASED")
    done = step(end(item, Claim("a"), Ending(COMPLETED, "other"), NOW)).after
    check_refused(done, Claim("a"), WrongState, "NOT_LEASED")
    check_refused(done, Claim("a", 1), WrongState, "NOT_LEASED")
    check_refused(delete(item, "x", NOW).after, Claim("a", 1), NotFound, "ITEM_NOT_FOUND")


def test_a_repeat_needs_token_holder_and_the_same_outcome() -> None:
    ending = Ending(COMPLETED, "r", "{}")
    done = step(end(leased(), Claim("a"), ending, NOW)).after
    assert end(done, Claim("a", 1), ending, NOW) is None
    assert end(done, Claim(None, 1), ending, NOW) is None
    for claim, other in (
        (Claim("a"), ending),
        (Claim("b", 1), ending),
        (Claim("a", 1), Ending(COMPLETED, "r")),
        (Claim("a", 1), Ending(COMPLETED, "s", "{}")),
        (Claim("a", 1), Ending(FAILED, "r")),
    ):
        with pytest.raises(WrongState):
            end(done, claim, other, NOW)


def test_a_repeat_of_an_earlier_attempt_is_known() -> None:
    long_error = Ending(FAILED, "x" * (MAX_ERROR + 1))
    failed = step(end(leased(), Claim("a", 1), long_error, NOW)).after
    again = hand_out(failed, "b", NOW, seat=True).after
    assert end(again, Claim("a", 1), long_error, NOW) is None
    assert failed.result == long_error.text
    assert failed.attempts[0].result == "x" * MAX_ERROR
    with pytest.raises(Conflict):
        end(again, Claim("a", 1), DONE, NOW)


def test_a_deleted_item_gives_up_its_keys() -> None:
    item = leased(dedupe="d", idempotency="i")
    gone = delete(item, "operator:1", NOW)
    assert (gone.after.state, gone.after.lease, gone.after.dedupe, gone.after.idempotency) == (
        DELETED,
        None,
        None,
        None,
    )
    assert not gone.leaves_proof


def test_every_step_is_a_new_version() -> None:
    item = leased()
    for after in (
        hand_out(make_item(), "a", NOW, seat=False).after,
        amend(make_item(), {"payload": {}}, "x", NOW).after,
    ):
        assert after.version == 2
    for after in (
        step(end(item, Claim(), DONE, NOW)).after,
        step(end(item, Claim(), BROKE, NOW)).after,
        extend(item, Claim(), MINUTE, NOW).after,
        delete(item, "x", NOW).after,
    ):
        assert after.version == 3
