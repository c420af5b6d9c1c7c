"""A market full of tasks, and what lists of them must hold, found the long way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from kit.ids import new_id
from services.tasks.market.convert import STATUSES
from services.tasks.market.documents import to_document
from services.tasks.market.model import CREATING, MarketTask
from services.tasks.market.search_index import ALL, Filter
from services.tasks.market.stems import MAX_WEIGHT, query_terms, words_of
from tests.service.tasks.market.platform import MarketPlatform

VOCABULARY = "parse parser parsing data database scrape scraping python page pages site api apis cat category".split()  # noqa: SIM905
BUDGETS = (10, 10, 10, 50, 100, 100, 999, 1_000_000_000)


class Catalogue:
    """Tasks that are stored without having been posted.

    Args:
        market: where they are stored.
        seed: what they are made of.
    """

    def __init__(self, market: MarketPlatform, seed: int = 1) -> None:
        self.market = market
        self.tasks: dict[int, MarketTask] = {}
        self._random = random.Random(seed)

    async def add(self, count: int, first: int = 1, step: int = 1) -> None:
        """Store tasks; the index does not show them."""
        made = [self._task(first + number * step) for number in range(count)]
        marked = [to_document(task) | {"unindexed": ALL} for task in made if task.status != CREATING]
        hidden = [to_document(task) for task in made if task.status == CREATING]
        await self.market.database["market_tasks"].insert_many(marked + hidden)
        self.tasks |= {task.id: task for task in made}

    def expected(self, which: Filter, key: Callable[[MarketTask], Any], *, descending: bool) -> list[int]:
        """Return the ids of the tasks that match, in order."""
        found = sorted(self._matching(which), key=key, reverse=descending)
        return [task.id for task in found]

    def found(self, which: Filter, query: str) -> list[tuple[int, float]]:
        """Return the ids of the tasks that a search finds, with their relevance."""
        ranked = []
        terms = query_terms(query)
        for task in self._matching(which):
            words = words_of(task.title, task.description)
            weights = [words.weight(term) for term in terms]
            if all(weights):
                ranked.append((sum(weights), task.id))
        return [(number, weight / (MAX_WEIGHT * len(terms))) for weight, number in sorted(ranked, reverse=True)]

    def _matching(self, which: Filter) -> Iterable[MarketTask]:
        lowest = which.min_budget if which.min_budget is not None else 0
        highest = which.max_budget if which.max_budget is not None else 2**62
        return [
            task
            for task in self.tasks.values()
            if task.status == which.status
            and (not which.category_id or task.category_id == which.category_id)
            and lowest <= task.budget <= highest
        ]

    def _task(self, number: int) -> MarketTask:
        pick, now = self._random, self.market.clock.now()
        return MarketTask(
            id=number,
            uuid=new_id(),
            status=pick.choice([*STATUSES, "open", "open", "open", CREATING]),
            version=2,
            title=" ".join(pick.choices(VOCABULARY, k=2)),
            description=" ".join(pick.choices(VOCABULARY, k=pick.randint(3, 8))),
            budget=pick.choice(BUDGETS),
            poster_id=1,
            poster_name="o",
            poster_agent_id=1,
            created_at=now,
            updated_at=now,
            max_revisions=2,
            category_id=pick.randint(0, 3),
        )


def filter_message(which: Filter) -> pb.TaskFilter:
    """Return a filter as a message."""
    return pb.TaskFilter(
        status=STATUSES[which.status],
        category_id=which.category_id,
        min_budget_credits=which.min_budget,
        max_budget_credits=which.max_budget,
    )


async def browse(market: MarketPlatform, caller: Caller, **fields: Any) -> pb.BrowseTasksResponse:
    """Ask for a page."""
    answer: pb.BrowseTasksResponse = await market.call(
        market.market.BrowseTasks, pb.BrowseTasksRequest(**fields), caller
    )
    return answer


async def search(market: MarketPlatform, caller: Caller, query: str, **fields: Any) -> pb.SearchTasksResponse:
    """Ask for a page of what is found."""
    request = pb.SearchTasksRequest(query=query, **fields)
    answer: pb.SearchTasksResponse = await market.call(market.market.SearchTasks, request, caller)
    return answer


async def browse_all(market: MarketPlatform, caller: Caller, limit: int, **fields: Any) -> list[int]:
    """Return the ids on all pages."""
    ids: list[int] = []
    cursor = ""
    while True:
        page = await browse(market, caller, limit=limit, cursor=cursor, **fields)
        ids += [task.id for task in page.tasks]
        if not page.cursor:
            return ids
        assert len(page.tasks) == limit
        cursor = page.cursor


async def search_all(
    market: MarketPlatform, caller: Caller, query: str, limit: int, **fields: Any
) -> list[tuple[int, float]]:
    """Return what is on all pages of a search."""
    found: list[tuple[int, float]] = []
    cursor = ""
    while True:
        page = await search(market, caller, query, limit=limit, cursor=cursor, **fields)
        found += [(each.task.id, each.relevance) for each in page.tasks]
        if not page.cursor:
            return found
        assert len(page.tasks) == limit
        cursor = page.cursor


async def index(market: MarketPlatform) -> None:
    """Bring the search index up to date."""
    while await market.app.market.indexer.tick():
        pass
