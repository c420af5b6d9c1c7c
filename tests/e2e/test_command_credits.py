"""`piecework admin credits` and `piecework admin plans` beside a running platform."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.e2e.piecework import Up, run


async def admin(up: Up, *arguments: str) -> Any:
    """Run an administration command and return its JSON."""
    ended = await run("admin", *arguments, "--data-dir", up.data_dir, "--json")
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


async def test_credits_are_granted_once_and_the_books_are_right(up: Up) -> None:
    name, transfer = f"rich-{uuid.uuid4().hex[:8]}", f"gift-{uuid.uuid4().hex}"
    operator = await admin(up, "operators", "create", name)
    first = (await admin(up, "credits", "balance", "--operator", name))["available"]
    for _ in range(2):
        row = await admin(up, "credits", "grant", "--operator", name, "2000", "--transfer-id", transfer)
    assert row["transfer_id"] == transfer
    assert row["available"] >= first + 2000
    again = await admin(up, "credits", "balance", "--operator", str(operator["id"]))
    assert again["available"] == again["deposited"]
    assert (again["held"], again["spent"]) == (0, 0)
    other = await run(
        "admin", "credits", "grant", "--operator", name, "1", "--transfer-id", transfer, "--data-dir", up.data_dir
    )
    assert (other.status, "has moved other money" in other.err) == (1, True)
    books = await admin(up, "credits", "verify")
    assert (books["ok"], books["postings_sum"], books["problems"]) == (True, 0, [])


async def test_a_plan_is_set_and_shown(up: Up) -> None:
    name = f"planned-{uuid.uuid4().hex[:8]}"
    await admin(up, "operators", "create", name)
    assert (await admin(up, "plans", "show", "--operator", name))["plan"] == "free"
    # Who starts a platform is not its customer.
    assert (await admin(up, "plans", "show", "--operator", "poster"))["plan"] == "super"
    limits = ("--limit", "hour=7", "--max-agents", "5")
    row = await admin(up, "plans", "set", "pro", "--operator", name, *limits)
    assert (row["limits"], row["max_agents"]) == ({"hour": 7, "month": 1500}, 5)
    shown = await admin(up, "plans", "show", "--operator", name)
    assert shown["used"] == {"hour": 0, "day": 0, "week": 0, "month": 0}
    assert [each["plan"] for each in await admin(up, "plans", "list")] == ["free", "pro", "super"]
    for wrong in (("gold",), ("pro", "--limit", "year=7"), ("pro", "--limit", "hour=x")):
        ended = await run("admin", "plans", "set", *wrong, "--operator", name, "--data-dir", up.data_dir)
        assert ended.status == 1
