"""Repositories that are handed in, against a local server that plays GitHub and Vercel."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from piecework.tasks.v1 import market_pb2 as pb

from kit.errors import InvalidInput, NotFound, PermissionDenied, Unavailable, WrongState
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import Job
from tests.service.tasks.market.github.hands import REPOSITORY, hand_in, newest, status, sync
from tests.service.tasks.market.github.outside import Outside


async def test_a_repository_is_handed_in_with_its_preview(job: Job, outside: Outside) -> None:
    made = await hand_in(job, branch="old")
    number = newest(outside)
    assert made.content == f"GitHub repo: {REPOSITORY} (branch: old)"
    assert (made.status, made.revision_number) == (pb.DELIVERABLE_STATUS_SUBMITTED, 1)
    assert made.deployment == pb.Deployment(
        status=pb.DEPLOY_STATUS_DEPLOYING,
        preview_url=f"https://{number}.preview.example",
        source_repo_url=REPOSITORY,
        source_branch="old",
    )
    assert (await job.task()).status == pb.MARKET_STATUS_DELIVERED
    assert outside.started[0]["gitSource"] == {"type": "github", "org": "octo", "repo": "site", "ref": "old"}
    assert outside.started[0]["name"] == "octo-site"
    assert "env" not in outside.started[0]
    change = await job.change()
    assert change["type"] == "deliverable.submitted"
    assert change["data"]["kind"] == "github"
    assert change["data"]["preview_url"] == made.deployment.preview_url
    assert await job.delivered() == [made]


async def test_the_repository_names_the_branch_when_nobody_does(job: Job, outside: Outside) -> None:
    made = await hand_in(job)
    assert made.content.endswith("(branch: trunk)")
    assert made.deployment.source_branch == ""
    assert outside.started[0]["gitSource"]["ref"] == "trunk"


async def test_variables_reach_the_preview_and_are_kept_sealed(job: Job, outside: Outside) -> None:
    made = await hand_in(job, env_vars={"API_KEY": "hunter2hunter2"})
    assert outside.started[0]["env"] == outside.started[0]["build"]["env"] == {"API_KEY": "hunter2hunter2"}
    stored = await job.market.database["market_deliverables"].find_one({"_id": made.id})
    assert "hunter2" not in str(stored)
    assert "API_KEY" not in str(stored)
    assert "hunter2" not in str(made)
    outside.move(newest(outside), "READY")
    await sync(job)
    assert outside.started[1]["env"] == {"API_KEY": "hunter2hunter2"}


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/octo/site",
        "https://github.com/octo",
        "https://github.com/octo/..",
        "https://github.com/octo/site/tree/main",
        "https://github.com.evil.example/octo/site",
        "https://evil.example/github.com/octo/site",
        "https://user@github.com/octo/site",
        "https://github.com/octo/site?x=1",
        "ftp://github.com/octo/site",
        "https://github.com/oc to/site",
    ],
)
async def test_an_address_of_something_else_is_refused(job: Job, url: str) -> None:
    with refused("GITHUB_URL_INVALID", InvalidInput):
        await hand_in(job, repo_url=url)


@pytest.mark.parametrize(
    "url", ["http://github.com/octo/site/", "github.com/octo/site", "https://www.github.com/octo/site.git"]
)
async def test_an_address_may_be_written_otherwise(job: Job, outside: Outside, url: str) -> None:
    await hand_in(job, repo_url=url)
    assert outside.started[0]["gitSource"]["repo"] == "site"


async def test_a_repository_must_be_there_and_have_something_to_show(job: Job, outside: Outside) -> None:
    with refused("REPO_NOT_FOUND", InvalidInput):
        await hand_in(job, repo_url="https://github.com/octo/nothing")
    with refused("NOT_DEPLOYABLE", InvalidInput):
        await hand_in(job, branch="bare")
    with refused("NOT_DEPLOYABLE", InvalidInput):
        await hand_in(job, branch="no-such-branch")
    outside.private.add("octo/site")
    with refused("REPO_NOT_FOUND", InvalidInput):
        await hand_in(job)
    outside.private.clear()
    outside.moved["octo/former"] = "octo/site"
    await hand_in(job, repo_url="https://github.com/octo/former")
    assert (await job.task()).status == pb.MARKET_STATUS_DELIVERED


async def test_guards_come_first_and_in_order(job: Job, outside: Outside) -> None:
    nonsense: dict[str, Any] = {"repo_url": "nonsense"}
    with refused("NOT_CLAIMED_BY_YOU", PermissionDenied):
        await hand_in(job, job.poster, **nonsense)
    request = pb.SubmitGithubDeliverableRequest(task_id=10**9, **nonsense)
    with refused("TASK_NOT_FOUND", NotFound):
        await job.market.call(job.market.market.SubmitGithubDeliverable, request, job.worker)
    first = await hand_in(job)
    with refused("DELIVERY_PENDING", WrongState):
        await hand_in(job, **nonsense)
    await job.accept(first.id)
    with refused("INVALID_STATUS", WrongState):
        await hand_in(job, **nonsense)
    assert len(outside.started) == 1


async def test_previews_of_earlier_deliverables_are_removed(job: Job, outside: Outside) -> None:
    first = await hand_in(job)
    old = newest(outside)
    await job.revise(first.id)
    second = await hand_in(job, branch="old")
    assert second.revision_number == 2
    assert old in outside.removed
    assert old not in outside.deployments
    assert (await status(job)).source_branch == "old"


async def test_a_preview_that_cannot_be_started_leaves_the_task_as_it_was(job: Job, outside: Outside) -> None:
    secret = {"TOKEN": "hunter2hunter2"}
    outside.refusals["vercel"] = web.json_response(
        {"error": {"code": "bad_request", "message": "No hunter2hunter2 here"}}, status=400
    )
    with refused("DEPLOY_FAILED", Unavailable):
        await hand_in(job, env_vars=secret, key="k")
    assert (await job.task()).status == pb.MARKET_STATUS_CLAIMED
    (kept,) = await job.delivered()
    assert kept.status == pb.DELIVERABLE_STATUS_REJECTED
    assert kept.revision_notes == "Vercel deployment failed: No *** here"
    assert (await job.change())["type"] == "deliverable.rejected"
    shown = await status(job)
    assert (shown.status, shown.error_message) == (pb.DEPLOY_STATUS_ERROR, kept.revision_notes)
    outside.refusals.clear()
    made = await hand_in(job, env_vars=secret, key="k")
    assert (made.status, made.revision_number) == (pb.DELIVERABLE_STATUS_SUBMITTED, 1)


@pytest.mark.parametrize("status_code", [401, 403, 429, 500])
async def test_what_github_does_not_tell_is_not_held_against_anybody(
    job: Job, outside: Outside, status_code: int
) -> None:
    outside.refusals["github"] = web.Response(status=status_code)
    with refused("DEPLOY_FAILED", Unavailable):
        await hand_in(job)
    assert await job.delivered() == []


async def test_a_repeated_call_answers_with_what_the_first_one_made(job: Job, outside: Outside) -> None:
    first = await hand_in(job, key="same")
    await job.market.database["idempotency"].delete_many({})  # as if its answer had not been kept
    assert await hand_in(job, key="same") == first
    assert len(outside.started) == 1


async def test_of_two_at_once_one_hands_in_and_the_other_leaves_nothing(job: Job, outside: Outside) -> None:
    before = set(outside.deployments)
    results = await asyncio.gather(hand_in(job), hand_in(job), return_exceptions=True)
    made = [each for each in results if isinstance(each, pb.Deliverable)]
    refusals = [each for each in results if isinstance(each, WrongState)]
    assert (len(made), [each.reason for each in refusals]) == (1, ["DELIVERY_PENDING"])
    assert made[0].deployment.preview_url == f"https://{(set(outside.deployments) - before).pop()}.preview.example"
    assert len(outside.started) == len(outside.removed) + 1
