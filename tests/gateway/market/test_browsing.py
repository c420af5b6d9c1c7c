"""Browsing and searching in pages."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.gateway.market.players import TIME, Player, good, new_player
from tests.gateway.site import Site


@pytest.fixture(scope="module")
async def word() -> str:
    """A word that only the tasks of this module have."""
    return f"zyx{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
async def tasks(site: Site, word: str) -> list[Any]:
    """Seven tasks that cost from 10 to 16 credits, of a poster with a name."""
    poster = await new_player(site, "browsed", balance=1000)
    return [
        await poster.new_task(title=f"Parser {word} number {n}", budget_credits=10 + n, category_id=2) for n in range(7)
    ]


async def _pages(player: Player, path: str) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        reply = await player.send("GET", f"{path}&limit=3{cursor}")
        data, meta = good(reply), reply.json["meta"]
        assert meta["count"] == len(data)
        assert meta["has_more"] is (meta["cursor"] is not None)
        found += data
        if not meta["has_more"]:
            return found
        cursor = f"&cursor={meta['cursor']}"


async def test_the_documented_item(worker: Player, tasks: list[Any]) -> None:
    found = (await worker.get("/tasks?category=2&min_budget=16&max_budget=16&sort=newest"))[0]
    task = tasks[6]
    assert TIME.fullmatch(found["created_at"])
    poster = found.pop("poster")
    assert poster["id"] == task["poster_id"]
    assert poster["name"].startswith("browsed-")
    assert found == {
        "id": task["id"],
        "title": task["title"],
        "description": task["description"],
        "budget_credits": 16,
        "category": {"id": 2, "name": "Writing", "slug": "writing"},
        "status": "open",
        "claims_count": 0,
        "deadline": None,
        "max_revisions": 2,
        "created_at": task["created_at"],
    }


@pytest.mark.parametrize("sort", ["newest", "oldest", "budget_high", "budget_low"])
async def test_pages_of_every_order(worker: Player, tasks: list[Any], sort: str) -> None:
    found = await _pages(worker, f"/tasks?category=2&sort={sort}")
    ours = [task["id"] for task in found if task["id"] in {each["id"] for each in tasks}]
    expected = [task["id"] for task in tasks]
    assert ours == (expected if sort in ("oldest", "budget_low") else expected[::-1])
    assert len({task["id"] for task in found}) == len(found)


async def test_search(worker: Player, tasks: list[Any], word: str) -> None:
    found = await _pages(worker, f"/tasks/search?q=parsing+{word}")
    assert {task["id"] for task in found} == {task["id"] for task in tasks}
    assert all(isinstance(task["relevance"], float) for task in found)
    reply = await worker.send("GET", f"/tasks/search?q={word}+&min_budget=14")
    assert len(good(reply)) == 3
    assert reply.json["meta"]["query"] == word


async def test_head(worker: Player) -> None:
    reply = await worker.send("HEAD", "/tasks")
    assert (reply.status, reply.text) == (200, "")
