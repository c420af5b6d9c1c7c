"""`piecework admin projects`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from piecework.tasks.v1 import queue_pb2 as queue

from launch.admin.connection import Administration
from launch.admin.options import AsJson, DataDir, Owner, call, wants_json
from launch.admin.output import moment, show_list, show_one

app = typer.Typer(help="Queues of tasks.", no_args_is_help=True)
_PAGE = 100


def _row(project: queue.Project, operator: str) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "operator": operator,
        "status": queue.ProjectStatus.Name(project.status).removeprefix("PROJECT_STATUS_").lower(),
        "queued": project.counts.queued,
        "running": project.counts.running,
        "completed": project.counts.completed,
        "failed": project.counts.failed,
        "created_at": moment(project.created_at),
    }


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Name, unique within the operator.")],
    operator: Owner,
    description: Annotated[str, typer.Option(help="What it is for.")] = "Made by piecework admin",
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a project."""

    async def work(platform: Administration) -> dict[str, Any]:
        owner = await platform.operator(operator)
        request = queue.CreateProjectRequest(name=name, description=description)
        made = await platform.queue.CreateProject(request, **platform.options_for(owner.id))
        return _row(made.project, owner.name)

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))


@app.command("list")
def list_all(
    operator: Annotated[str | None, typer.Option(help="Only those of this operator, a name or an id.")] = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List projects, newest first."""

    async def work(platform: Administration) -> list[dict[str, Any]]:
        owners = await platform.operators() if operator is None else [await platform.operator(operator)]
        return [_row(project, owner.name) for owner in owners for project in await _projects(platform, owner.id)]

    show_list(call(data_dir, work), as_json=wants_json(as_json=as_json), nothing="There are no projects.")


async def _projects(platform: Administration, operator_id: int) -> list[queue.Project]:
    found: list[queue.Project] = []
    while True:
        request = queue.ListProjectsRequest(limit=_PAGE, offset=len(found))
        page = (await platform.queue.ListProjects(request, **platform.options_for(operator_id))).projects
        found += page
        if len(page) < _PAGE:
            return found
