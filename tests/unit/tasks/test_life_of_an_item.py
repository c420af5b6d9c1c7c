"""Any sequence of steps: what must hold of an item whatever happens to it."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kit.errors import DomainError
from services.tasks.work.documents import to_document, to_item, to_update
from services.tasks.work.model import COMPLETED, DELETED, FAILED, LEASED, QUEUED, TIMEOUT, Transition
from services.tasks.work.steps import Claim, Ending, amend, delete, end, expire, extend, hand_out
from tests.unit.tasks.items import NOW, make_item

HOLDERS = st.sampled_from(["a", "b"])
TEXTS = st.sampled_from(["x", "y"])


class Life(RuleBasedStateMachine):
    """One item, and the document that it is stored as."""

    @initialize(max_attempts=st.integers(1, 4), dedupe=st.sampled_from([None, "d"]))
    def make(self, max_attempts: int, dedupe: str | None) -> None:
        self.now = NOW
        self.item = make_item(queue="agent:7", max_attempts=max_attempts, dedupe=dedupe)
        self.document: dict[str, Any] = to_document(self.item, "operator:1")
        self.versions = [1]
        self.final: str | None = None

    def take(self, step: Transition) -> None:
        assert step.before == self.item
        update = to_update(step)
        self.document = {key: value for key, value in self.document.items() if key not in update.get("$unset", {})}
        self.document |= update["$set"]
        self.document["version"] += update["$inc"]["version"]
        assert self.document["version"] == self.document["intended_version"]
        assert step.after.token in (self.item.token, self.item.token + 1)
        assert (step.after.token > self.item.token) == (step.kind == "assigned")
        assert step.after.bears(step.op) == step.leaves_proof
        self.item = step.after
        self.versions.append(self.document["change"]["version"])

    @rule(minutes=st.integers(0, 2))
    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.item.state == QUEUED)
    @rule(holder=HOLDERS, seat=st.booleans())
    def hand_out(self, holder: str, seat: bool) -> None:
        self.take(hand_out(self.item, holder, self.now, seat=seat))

    @rule(
        holder=st.none() | HOLDERS,
        token=st.none() | st.integers(1, 5),
        outcome=st.sampled_from([COMPLETED, FAILED]),
        text=TEXTS,
        can_retry=st.booleans(),
    )
    def end(self, holder: str | None, token: int | None, outcome: str, text: str, can_retry: bool) -> None:
        before = self.item
        ending = Ending(outcome, text, can_retry=can_retry)
        with contextlib.suppress(DomainError):
            step = end(before, Claim(holder, token), ending, self.now)
            if step is None:
                told = [attempt for attempt in before.attempts if attempt.token == token]
                assert [(attempt.outcome, attempt.result) for attempt in told] == [(outcome, text)]
                return
            assert before.lease is not None
            assert holder in (None, before.lease.holder)
            assert token in (None, before.token)
            self.take(step)

    @rule()
    def expire(self) -> None:
        step = expire(self.item, self.now)
        assert (step is not None) == self.item.is_expired(self.now)
        if step is not None:
            self.take(step)

    @rule(holder=HOLDERS, token=st.none() | st.integers(1, 5))
    def extend(self, holder: str, token: int | None) -> None:
        with contextlib.suppress(DomainError):
            self.take(extend(self.item, Claim(holder, token), timedelta(minutes=1), self.now))

    @precondition(lambda self: self.item.state == QUEUED)
    @rule()
    def change(self) -> None:
        self.take(amend(self.item, {"payload": {"a": self.item.version}}, "operator:1", self.now))

    @precondition(lambda self: self.item.state != DELETED and len(self.versions) > 8)
    @rule()
    def delete(self) -> None:
        self.take(delete(self.item, "operator:1", self.now))

    @invariant()
    def the_document_says_what_the_item_is(self) -> None:
        plain = {key: value for key, value in self.document.items() if key != "change"}
        assert to_item(plain) == self.item
        assert msgspec.convert(msgspec.to_builtins(self.item), type(self.item)) == self.item

    @invariant()
    def events_have_no_hole(self) -> None:
        assert self.versions == list(range(1, self.item.version + 1))

    @invariant()
    def attempts_add_up(self) -> None:
        item = self.item
        assert [attempt.token for attempt in item.attempts] == list(range(1, item.token + 1))
        open_attempts = [attempt for attempt in item.attempts if attempt.outcome is None]
        if item.state != DELETED:
            assert len(open_attempts) == (item.state == LEASED)
        assert open_attempts in ([], [item.attempts[-1]] if item.attempts else [])
        lost = [attempt for attempt in item.attempts if attempt.outcome in (FAILED, TIMEOUT)]
        assert item.failures == len(lost) <= item.max_attempts
        assert sum(attempt.outcome == COMPLETED for attempt in item.attempts) <= 1

    @invariant()
    def a_lease_is_there_exactly_while_it_is_held(self) -> None:
        item = self.item
        assert (item.lease is not None) == (item.state == LEASED)
        if item.lease is not None:
            last = item.attempts[-1]
            assert (item.lease.holder, item.lease.token) == (last.holder, last.token)
            assert item.lease.expires_at == last.lease_expires_at

    @invariant()
    def what_is_final_stays(self) -> None:
        state = self.item.state
        if self.final is not None:
            assert state in (self.final, DELETED)
        elif state in (COMPLETED, FAILED):
            self.final = state
        assert (self.item.ended_at is not None) == (self.final is not None)
        if state in (FAILED, DELETED):
            assert self.item.dedupe is None


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=80, stateful_step_count=30, deadline=None, derandomize=True)
