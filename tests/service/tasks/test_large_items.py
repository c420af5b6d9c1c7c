"""Items so large that not all of them fit into one answer."""

from __future__ import annotations

import pytest
from piecework.tasks.v1 import work_pb2 as pb

from kit.ids import new_id
from tests.service.hosting import refused
from tests.service.tasks.platform import TasksPlatform

LARGE = '{"text":"%s"}' % ("x" * 262_000)


@pytest.fixture
def pool() -> str:
    return f"pool:{new_id()}"


async def enqueue(platform: TasksPlatform, pool: str, count: int) -> list[str]:
    request = pb.EnqueueRequest(queue=pool, items=[pb.NewWorkItem(payload_json=LARGE)] * count)
    return [item.id for item in (await platform.call(platform.work.Enqueue, request)).items]


async def test_a_lease_hands_out_what_one_answer_can_carry_and_leaves_the_rest(
    platform: TasksPlatform, pool: str
) -> None:
    ids = await enqueue(platform, pool, 40) + await enqueue(platform, pool, 40)
    answers: list[list[str]] = []
    while not answers or answers[-1]:
        answer = await platform.call(platform.work.Lease, pb.LeaseRequest(queue=pool, holder="w", max_items=1000))
        assert answer.ByteSize() < 16 * 1024 * 1024
        assert {item.lease.token for item in answer.items} <= {1}
        answers.append([item.id for item in answer.items])
    assert [item_id for answer in answers for item_id in answer] == ids
    assert len(answers[0]) > 40


async def test_more_than_one_answer_can_carry_is_not_stored(platform: TasksPlatform, pool: str) -> None:
    with refused("ANSWER_TOO_LARGE"):
        await enqueue(platform, pool, 60)
    answer = await platform.call(platform.work.Lease, pb.LeaseRequest(queue=pool, holder="w", max_items=1))
    assert not answer.items
