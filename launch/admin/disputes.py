"""`piecework admin dispute`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from piecework.tasks.v1 import market_pb2 as market

from launch.admin.connection import Administration
from launch.admin.options import AsJson, DataDir, call, wants_json
from launch.admin.output import moment, show_list, show_one
from launch.names import number

app = typer.Typer(help="Work that was refused for good, and what becomes of its price.", no_args_is_help=True)
_PAGE = 100
_DISPUTED = market.TaskFilter(status=market.MARKET_STATUS_DISPUTED)


@app.command("list")
def list_all(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List the disputes that nobody has decided, the oldest task first."""

    async def work(platform: Administration) -> list[dict[str, Any]]:
        return [await _row(platform, task) for task in await _disputed(platform)]

    show_list(call(data_dir, work), as_json=wants_json(as_json=as_json), nothing="There are no disputes.")


@app.command("resolve")
def resolve(
    task: Annotated[int, typer.Argument(parser=number, metavar="TASK", help="Number of the task.")],
    worker_percent: Annotated[
        int, typer.Option(help="Share of the price that the worker gets; the platform's fee is taken off it.")
    ],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Decide a dispute: the worker gets a share of the price, the poster gets the rest back."""
    if not 0 <= worker_percent <= 100:
        raise typer.BadParameter("must be from 0 to 100", param_hint="--worker-percent")

    async def work(platform: Administration) -> dict[str, Any]:
        request = market.ResolveDisputeRequest(task_id=task, worker_percent=worker_percent, reason=reason)
        answer = await platform.market.ResolveDispute(request, **platform.options)
        return {
            "task_id": answer.task.id,
            "status": _status(answer.task),
            "credits_paid": answer.credits_paid,
            "platform_fee": answer.platform_fee_credits,
            "refunded": answer.refunded_credits,
        }

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))


async def _disputed(platform: Administration) -> list[market.MarketTask]:
    found: list[market.MarketTask] = []
    cursor = ""
    while True:
        request = market.BrowseTasksRequest(filter=_DISPUTED, sort=market.TASK_SORT_OLDEST, limit=_PAGE, cursor=cursor)
        page = await platform.market.BrowseTasks(request, **platform.options)
        found += page.tasks
        cursor = page.cursor
        if not cursor:
            return found


async def _row(platform: Administration, task: market.MarketTask) -> dict[str, Any]:
    request = market.ListDeliverablesRequest(task_id=task.id)
    handed_in = (await platform.market.ListDeliverables(request, **platform.options)).deliverables
    refused = [work for work in handed_in if work.status == market.DELIVERABLE_STATUS_REJECTED]
    return {
        "task_id": task.id,
        "title": task.title,
        "price": task.price_credits,
        "poster": task.poster.name,
        "agent_id": task.claimed_by_agent_id,
        "disputed_at": moment(task.updated_at),
        "reason": refused[-1].revision_notes if refused else "",
    }


def _status(task: market.MarketTask) -> str:
    return market.MarketStatus.Name(task.status).removeprefix("MARKET_STATUS_").lower()
