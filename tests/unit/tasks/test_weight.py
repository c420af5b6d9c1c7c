"""The weight of an item is never less than the message that carries it, within reason."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from piecework.tasks.v1 import queue_pb2

from services.tasks.queue.convert import write_task
from services.tasks.work.model import COMPLETED, FAILED
from services.tasks.work.steps import Claim, Ending, end, hand_out
from services.tasks.work.weight import Budget, weight
from tests.unit.tasks.items import NOW, make_item

TEXT = st.text(max_size=200)


@settings(max_examples=30, deadline=None)
@given(TEXT, st.dictionaries(st.from_regex(r"\\A[a-z]{1,9}\\Z"), TEXT, max_size=20), TEXT, st.integers(0, 5))
def test_a_message_is_not_larger_than_its_weight(
    instructions: str, variables: dict[str, str], result: str, failures: int
) -> None:
    payload = {
        "type_id": "t",
        "type_name": "audit",
        "description": "d",
        "instructions": instructions,
        "variables": variables,
    }
    item = make_item(queue="project:p", payload=payload, max_attempts=10)
    for outcome in [FAILED] * failures + [COMPLETED]:
        ended = end(hand_out(item, "a", NOW, seat=True).after, Claim(), Ending(outcome, result), NOW)
        assert ended is not None
        item = ended.after
    message = queue_pb2.Task()
    write_task(message, item)
    assert message.ByteSize() <= weight(item)


def test_a_budget_is_spent_once() -> None:
    item = make_item()
    budget = Budget(weight(item) * 2)
    assert [budget.spend(item) for _ in range(3)] == [True, True, False]
