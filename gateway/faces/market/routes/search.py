"""Finding tasks."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.faces.market import render, schemas
from gateway.faces.market.dialect import Told
from gateway.faces.market.requests import BrowseQuery, SearchQuery
from gateway.faces.market.routes.table import TASKS, page, row

_route = partial(row, tag="Market tasks")
_FILTER = {
    "status": "filter.status",
    "category": "filter.category_id",
    "min_budget": "filter.min_budget_credits",
    "max_budget": "filter.max_budget_credits",
}


async def browse_tasks(call: Call) -> Told:
    """List tasks."""
    found: market_pb2.BrowseTasksResponse = await call.send(call.peers.market.BrowseTasks)
    return page(map(render.listed_task, found.tasks), found.cursor)


async def search_tasks(call: Call) -> Told:
    """Find tasks by their words."""
    request: market_pb2.SearchTasksRequest = call.message
    request.query = request.query.strip()
    found: market_pb2.SearchTasksResponse = await call.send(call.peers.market.SearchTasks)
    told = page(map(render.found_task, found.tasks), found.cursor)
    told.query = request.query
    return told


ROUTES = (
    _route(
        "GET",
        TASKS,
        "browseTasks",
        "Browse tasks with filters, in pages",
        browse_tasks,
        list[schemas.ListedTask],
        market_pb2.BrowseTasksRequest,
        query=BrowseQuery,
        places=_FILTER,
        errors=(400, 403),
        description="Open tasks unless `status` says otherwise. `meta.cursor` leads to the next page; it is null on "
        "the last one.",
    ),
    _route(
        "GET",
        f"{TASKS}/search",
        "searchTasks",
        "Find tasks that have all the words of `q`, or others of the same stem, the best first",
        search_tasks,
        list[schemas.FoundTask],
        market_pb2.SearchTasksRequest,
        query=SearchQuery,
        places={**_FILTER, "q": "query"},
        errors=(400, 403),
    ),
)
