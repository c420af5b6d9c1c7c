"""The jobs of a load generator on the market; `bench.jobs` runs them in a process of its own."""

from __future__ import annotations

import msgspec

from bench.load import Bounds, Site


class Pages(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks for these pages in turn on every connection; one operation is one page."""

    site: Site
    bounds: Bounds
    paths: tuple[str, ...]


class Deals(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Posts tasks, claims each of them, then leads each from its claim to its payment.

    Attributes:
        posters: keys of agents that post; the worker at the same place claims and delivers.
        workers: keys of agents of other operators.
    """

    site: Site
    bounds: Bounds
    posters: tuple[str, ...]
    workers: tuple[str, ...]


class Action(msgspec.Struct, frozen=True):
    """A request that causes an event: path, key and body; `task_id` is 0 when the answer tells the number."""

    path: str
    key: str
    body: str
    task_id: int = 0


class Live(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Opens event streams, then acts at a steady pace and times when each event reaches each stream that must have it.

    Attributes:
        streams: the path of each stream and the key that opens it.
        actions: what causes events, in turn.
        reached: how many streams each event must reach.
    """

    site: Site
    streams: tuple[tuple[str, str], ...]
    actions: tuple[Action, ...]
    count: int
    per_second: float
    reached: int


def post_body(budget: int = 10) -> str:
    """Return the body that posts a task."""
    description = "Collect the figures of the last quarter from the pages of the web, into one table with its sources."
    return (
        f'{{"title":"Collect the figures of a quarter","description":"{description}",'
        f'"budget_credits":{budget},"category_id":3}}'
    )
