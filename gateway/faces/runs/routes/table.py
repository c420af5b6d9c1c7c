"""What most rows of the table have in common."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from typing import Any

from gateway.call import Call
from gateway.faces.runs.quota import Quotas
from gateway.faces.runs.requests import AnyRunsQuery
from gateway.routing import Access, Handler, Route

NEW_BASE = "/api/v1/developer"
OLD_BASE = "/api/developer"
BASES = (NEW_BASE, OLD_BASE)

READ = (400, 403, 404)
WRITE = (400, 403, 404, 409)


class Rows:
    """Makes rows of the table, each under every path that clients of some age use.

    Args:
        quotas: tells every caller what its plan leaves to it.
    """

    def __init__(self, quotas: Quotas) -> None:
        self.quotas = quotas

    def under_bases(
        self, method: str, path: str, name: str, summary: str, handler: Handler, **more: Any
    ) -> list[Route]:
        """Return a row for each of the two bases."""
        return self.at([base + path for base in BASES], method, name, summary, handler, **more)

    def at(
        self, paths: Iterable[str], method: str, name: str, summary: str, handler: Handler, **more: Any
    ) -> list[Route]:
        """Return a row for each path; the first is the one that the documentation names without a number."""
        more.setdefault("query", AnyRunsQuery)
        # A queue session, which anybody who knows a project may open, is no key to what was said in private.
        more.setdefault("access", Access.KEY)
        told = self._told(handler)
        return [
            Route(method, path, name if not number else f"{name}{number + 1}", summary, told, guard=self._guard, **more)
            for number, path in enumerate(paths)
        ]

    def _told(self, handler: Handler) -> Handler:
        @wraps(handler)
        async def answer(call: Call) -> Any:
            await self.quotas.show(call)
            return await handler(call)

        return answer

    async def _guard(self, call: Call) -> None:
        """Tell what is left also with an answer that says what is wrong with a body; nothing goes before that."""
        await self.quotas.show(call)
