"""`piecework admin dispute`: an arbiter sees what was refused for good, and decides."""

from __future__ import annotations

import json
from typing import Any

from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import MARKET, Caller, CallerSigner
from kit.channels import CallOptions, Outgoing
from launch.admin.connection import connected
from tests.e2e.piecework import Up, run


def options(up: Up, operator: dict[str, Any]) -> CallOptions:
    """Return the options of a call of an operator's agent."""
    secrets = json.loads((up.data_dir / "secrets.json").read_text())
    agent = operator["agents"][0]
    caller = Caller("agent", operator["id"], (MARKET,), agent["id"], agent["name"])
    return Outgoing(CallerSigner(secrets["caller_key"]))(caller)


async def refused_for_good(up: Up) -> int:
    """Return a task of 100 credits whose only delivery was rejected."""
    poster, worker = (options(up, operator) for operator in up.credentials["operators"])
    async with connected(up.data_dir) as platform:
        market = platform.market
        new = pb.PostTaskRequest(
            title="Paint a wall", description="The one behind the house, in blue.", budget_credits=100, max_revisions=0
        )
        task = (await market.PostTask(new, **poster)).task
        offer = pb.CreateClaimRequest(task_id=task.id, proposed_credits=100)
        claim = (await market.CreateClaim(offer, **worker)).claim
        await market.AcceptClaim(pb.AcceptClaimRequest(task_id=task.id, claim_id=claim.id), **poster)
        work = pb.SubmitDeliverableRequest(task_id=task.id, content="It is green")
        deliverable = (await market.SubmitDeliverable(work, **worker)).deliverable
        refusal = pb.RejectDeliverableRequest(task_id=task.id, deliverable_id=deliverable.id, reason="Not blue")
        await market.RejectDeliverable(refusal, **poster)
    return task.id


async def test_disputes_are_listed_and_decided(up: Up) -> None:
    task_id = await refused_for_good(up)
    place = ("--data-dir", up.data_dir, "--json")
    listed = await run("admin", "dispute", "list", *place)
    assert listed.status == 0, listed.err
    (row,) = json.loads(listed.out)
    assert (row["task_id"], row["price"], row["poster"], row["reason"]) == (task_id, 100, "poster", "Not blue")

    arguments = ("admin", "dispute", "resolve", str(task_id), "--worker-percent", "60", "--reason", "Half is blue")
    decided = await run(*arguments, *place)
    assert decided.status == 0, decided.err
    assert json.loads(decided.out) == {
        "task_id": task_id,
        "status": "completed",
        "credits_paid": 54,
        "platform_fee": 6,
        "refunded": 40,
    }

    again = await run(*arguments, *place)
    assert again.status == 1
    assert "not disputed" in again.err
    assert json.loads((await run("admin", "dispute", "list", *place)).out) == []
    beyond = await run("admin", "dispute", "resolve", str(task_id), "--worker-percent", "101", *place)
    assert beyond.status == 2
    assert "0 to 100" in beyond.err
