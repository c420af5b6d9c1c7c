"""What tests of the work engine ask of it."""

from __future__ import annotations

from typing import Any

from piecework.tasks.v1 import work_pb2 as pb

from kit.caller import Caller, service_caller
from tests.service.tasks.platform import OWNER, TasksPlatform

SERVICE = service_caller("orchestrator")


async def enqueue(platform: TasksPlatform, pool: str, *items: pb.NewWorkItem, caller: Caller = OWNER) -> list[str]:
    request = pb.EnqueueRequest(queue=pool, items=items, operator_id=0 if caller is not SERVICE else 1)
    return [item.id for item in (await platform.call(platform.work.Enqueue, request, caller)).items]


def new(number: int = 0, **fields: Any) -> pb.NewWorkItem:
    return pb.NewWorkItem(payload_json=f'{{"number":{number}}}', **fields)


async def lease(
    platform: TasksPlatform, pool: str, count: int = 1, caller: Caller = OWNER, holder: str = "w"
) -> list[pb.WorkItem]:
    request = pb.LeaseRequest(queue=pool, holder=holder, max_items=count)
    return list((await platform.call(platform.work.Lease, request, caller)).items)


def completion(item: pb.WorkItem, result: str = "done", token: int = 0) -> pb.Completion:
    return pb.Completion(lease=pb.LeaseRef(item_id=item.id, token=token or item.lease.token), result=result)


async def complete(platform: TasksPlatform, *completions: pb.Completion, caller: Caller = OWNER) -> list[str]:
    request = pb.CompleteRequest(completions=completions)
    return [outcome.reason for outcome in (await platform.call(platform.work.Complete, request, caller)).outcomes]


async def fail(platform: TasksPlatform, *failures: pb.Failure) -> list[str]:
    request = pb.FailRequest(failures=failures)
    return [outcome.reason for outcome in (await platform.call(platform.work.Fail, request)).outcomes]


async def get(platform: TasksPlatform, item_id: str, caller: Caller = OWNER) -> pb.WorkItem:
    answer: pb.WorkItem = (await platform.call(platform.work.GetItem, pb.GetItemRequest(item_id=item_id), caller)).item
    return answer
