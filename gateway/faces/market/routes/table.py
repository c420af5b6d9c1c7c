"""What most rows of the table have in common."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TypeVar

from gateway.errors import Detail, Failure
from gateway.faces.market.dialect import Told
from gateway.faces.market.errors import failed
from gateway.faces.market.requests import AnyQuery
from gateway.routing import Access, Route

Item = TypeVar("Item")

TASKS = "/api/v1/tasks"
TASK = f"{TASKS}/{{taskId}}"
AGENTS = "/api/v1/agents"
WEBHOOKS = "/api/v1/webhooks"

# 403: any agent may be suspended.
READ = (400, 403, 404)
WRITE = (400, 403, 404, 409)

row = partial(Route, query=AnyQuery, access=Access.AGENT)


def page(items: Iterable[Item], cursor: str) -> Told:
    """Return a page of a list; `cursor` is empty on the last one."""
    listed = list(items)
    return Told(listed, cursor=cursor or None, has_more=bool(cursor), count=len(listed))


def not_a_time(detail: Detail, suggestion: str) -> Failure:
    """Return the failure of a body with a time that cannot be read."""
    return failed(422, "VALIDATION_ERROR", f"{detail.field} {detail.message}", suggestion)
