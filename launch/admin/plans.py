"""`piecework admin plans`."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from piecework.billing.v1 import plans_pb2 as plans

from launch.admin.connection import Administration
from launch.admin.options import AsJson, DataDir, Owner, call, wants_json
from launch.admin.output import moment, show_list, show_one
from launch.errors import CommandFailed

app = typer.Typer(help="What operators may use.", no_args_is_help=True)
_RUNS = re.compile(r"[0-9]{1,12}")


def _window(window: int) -> str:
    return plans.QuotaWindow.Name(window).removeprefix("QUOTA_WINDOW_").lower()  # type: ignore[arg-type]


def _row(plan: plans.Plan) -> dict[str, Any]:
    return {
        "plan": plan.id,
        "limits": {_window(limit.window): limit.runs for limit in plan.limits},
        "max_agents": plan.max_agents,
        "run_timeout_seconds": plan.run_timeout_seconds,
    }


def _limits(texts: list[str]) -> list[plans.QuotaLimit]:
    limits = []
    for text in texts:
        window, _, runs = text.partition("=")
        name = f"QUOTA_WINDOW_{window.strip().upper()}"
        if name not in plans.QuotaWindow.keys()[1:] or not _RUNS.fullmatch(runs.strip()):
            raise CommandFailed(f"{text} is no limit", "Limits look like hour=10, day=50, week=200 or month=1000.")
        limits.append(plans.QuotaLimit(window=plans.QuotaWindow.Value(name), runs=int(runs)))
    return limits


@app.command("set")
def set_plan(
    plan: Annotated[str, typer.Argument(help="Id of the plan: free, pro or super.")],
    operator: Owner,
    limit: Annotated[
        list[str] | None, typer.Option(help="Another limit than the plan's, for example hour=10.", show_default=False)
    ] = None,
    max_agents: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Another number of agents in one run.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give an operator a plan; what was used stays used."""
    limits = _limits(limit or [])

    async def work(platform: Administration) -> dict[str, Any]:
        owner = await platform.operator(operator)
        request = plans.SetPlanRequest(operator_id=owner.id, plan_id=plan, limits=limits, max_agents=max_agents)
        answer = await platform.plans.SetPlan(request, **platform.options)
        return {"operator": owner.name, **_row(answer.plan)}

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))


@app.command("show")
def show(operator: Owner, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Show the plan of an operator and how much of it is used."""

    async def work(platform: Administration) -> dict[str, Any]:
        owner = await platform.operator(operator)
        found = await platform.plans.GetPlan(plans.GetPlanRequest(operator_id=owner.id), **platform.options)
        read = await platform.plans.ReadUsage(plans.ReadUsageRequest(operator_id=owner.id), **platform.options)
        return {
            "operator": owner.name,
            **_row(found.plan),
            "used": {_window(each.window): each.used for each in read.counted},
            "resets_at": {_window(each.window): moment(each.resets_at) for each in read.usage},
        }

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))


@app.command("list")
def list_all(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List the plans there are."""

    async def work(platform: Administration) -> list[dict[str, Any]]:
        answer = await platform.plans.ListPlans(plans.ListPlansRequest(), **platform.options)
        return [_row(plan) for plan in answer.plans]

    show_list(call(data_dir, work), as_json=wants_json(as_json=as_json), nothing="There are no plans.")
