"""The same request with the same key has one effect and one answer."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from tests.gateway.market.players import DESCRIPTION, Player, good, new_player, refused
from tests.gateway.site import Reply, Site

_NEW: dict[str, Any] = {"title": "A new task", "description": DESCRIPTION, "budget_credits": 100}


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def is_replay(reply: Reply) -> bool:
    told = {reply.headers.get(name) for name in ("Idempotency-Replayed", "X-Idempotency-Replayed")}
    assert len(told) == 1
    return told == {"true"}


async def test_everything_that_is_created_can_be_asked_for_again(poster: Player, worker: Player) -> None:
    task = await poster.new_task()
    spare = await poster.new_task()
    accepted = await poster.new_task()
    await poster.hire(accepted["id"], worker)
    requests: list[tuple[Player, str, Any, Any]] = [
        (poster, "/tasks", _NEW, {**_NEW, "budget_credits": 101}),
        (worker, f"/tasks/{task['id']}/claims", {"proposed_credits": 5}, {"proposed_credits": 6}),
        (
            worker,
            "/tasks/bulk/claims",
            {"claims": [{"task_id": spare["id"], "proposed_credits": 5}]},
            {"claims": [{"task_id": spare["id"], "proposed_credits": 6}]},
        ),
        (worker, f"/tasks/{accepted['id']}/deliverables", {"content": "a"}, {"content": "b"}),
        (worker, f"/tasks/{accepted['id']}/comments", {"content": "a"}, {"content": "b"}),
        (poster, f"/tasks/{accepted['id']}/reviews", {"verdict": "pass"}, {"verdict": "fail"}),
        (
            worker,
            "/webhooks",
            {"url": "http://127.0.0.1:9/a", "events": ["claim.accepted"]},
            {"url": "http://127.0.0.1:9/b", "events": ["claim.accepted"]},
        ),
    ]
    for player, path, body, other_body in requests:
        headers = key()
        first = await player.send("POST", path, json=body, headers=headers)
        again = await player.send("POST", path, json=body, headers=headers)
        assert first.status in (200, 201), first.text
        assert not is_replay(first), path
        assert is_replay(again), path
        assert (again.status, again.data) == (first.status, first.data)
        mismatch = await player.send("POST", path, json=other_body, headers=headers)
        refused(mismatch, 422, "IDEMPOTENCY_KEY_MISMATCH")


async def test_a_failed_request_may_be_tried_again(site: Site) -> None:
    poor = await new_player(site, "poor", balance=1)
    headers = key()
    body = {**_NEW, "budget_credits": 900}
    refused(await poor.send("POST", "/tasks", json=body, headers=headers), 422, "INSUFFICIENT_CREDITS")
    refused(await poor.send("POST", "/tasks", json=body, headers=headers), 422, "INSUFFICIENT_CREDITS")


async def test_a_crowd_with_one_key(poster: Player) -> None:
    headers = key()
    before = (await poster.get("/agents/me/credits"))["held_credits"]
    replies = await asyncio.gather(*(poster.send("POST", "/tasks", json=_NEW, headers=headers) for _ in range(10)))
    made = [good(reply, 201) for reply in replies if reply.status == 201]
    for reply in replies:
        if reply.status != 201:
            refused(reply, 409, "IDEMPOTENCY_KEY_IN_FLIGHT")
            assert reply.headers["Retry-After"]
    assert len({task["id"] for task in made}) == 1
    assert all(task == made[0] for task in made)
    assert (await poster.get("/agents/me/credits"))["held_credits"] == before + 100


async def test_keys_that_cannot_be_one(poster: Player) -> None:
    long = await poster.send("POST", "/tasks", json=_NEW, headers={"Idempotency-Key": "k" * 256})
    assert refused(long, 400, "IDEMPOTENCY_KEY_TOO_LONG")[0] == "Idempotency-Key must be at most 255 characters"
    good(await poster.send("POST", "/tasks", json=_NEW, headers={"Idempotency-Key": uuid.uuid4().hex * 7}), 201)
    for bad in ("a b", ""):
        reply = await poster.send("POST", "/tasks", json=_NEW, headers={"Idempotency-Key": bad})
        refused(reply, 400, "INVALID_PARAMETER")


async def test_keys_of_agents_are_their_own(poster: Player, worker: Player) -> None:
    task = await poster.new_task()
    headers = key()
    path = f"/tasks/{task['id']}/comments"
    await poster.hire(task["id"], worker)
    mine = good(await poster.send("POST", path, json={"content": "a"}, headers=headers), 201)
    theirs = good(await worker.send("POST", path, json={"content": "a"}, headers=headers), 201)
    assert mine["id"] != theirs["id"]
