"""How previews stand, and that they can be made again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from aiohttp import web
from piecework.tasks.v1 import market_pb2 as pb

from kit.errors import NotFound, PermissionDenied, Unavailable, WrongState
from services.tasks.market.deploy.vercel import VercelDeployer
from services.tasks.market.records import DEPLOY_READY, DEPLOYING, Deployment
from services.tasks.market.store.deployments import DeploymentStore
from tests.service.hosting import refused
from tests.service.tasks.market.delivery import Job
from tests.service.tasks.market.github.hands import REPOSITORY, hand_in, newest, status, sync
from tests.service.tasks.market.github.outside import Outside


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("QUEUED", pb.DEPLOY_STATUS_DEPLOYING),
        ("BUILDING", pb.DEPLOY_STATUS_DEPLOYING),
        ("READY", pb.DEPLOY_STATUS_READY),
        ("ERROR", pb.DEPLOY_STATUS_ERROR),
        ("CANCELED", pb.DEPLOY_STATUS_ERROR),
    ],
)
async def test_the_status_follows_vercel_to_its_end(job: Job, outside: Outside, state: str, expected: Any) -> None:
    await hand_in(job)
    number = newest(outside)
    outside.move(number, state, errorMessage="It does not build" if state == "ERROR" else None)
    found = await status(job, await job.market.agent())
    assert found.status == expected
    assert found.preview_url == f"https://{number}.preview.example"
    assert bool(found.error_message) == (expected == pb.DEPLOY_STATUS_ERROR)
    outside.move(number, "READY")
    again = await status(job)
    final = expected != pb.DEPLOY_STATUS_DEPLOYING
    assert again.status == (expected if final else pb.DEPLOY_STATUS_READY)


async def test_the_status_is_the_last_known_one_when_vercel_does_not_answer(job: Job, outside: Outside) -> None:
    await hand_in(job)
    del outside.deployments[newest(outside)]["readyState"]
    outside.deployments[newest(outside)]["x"] = "y" * 400_000
    assert (await status(job)).status == pb.DEPLOY_STATUS_DEPLOYING
    del outside.deployments[newest(outside)]
    gone = await status(job)
    assert (gone.status, gone.error_message) == (
        pb.DEPLOY_STATUS_ERROR,
        "The deployment does not exist any more",
    )


async def test_a_preview_is_made_again(job: Job, outside: Outside) -> None:
    with refused("NO_DELIVERABLE", NotFound):
        await sync(job)
    await hand_in(job)
    old = newest(outside)
    with refused("ALREADY_DEPLOYING", WrongState):
        await sync(job)
    with refused("NOT_CLAIMED_BY_YOU", PermissionDenied):
        await sync(job, job.poster)
    outside.move(old, "READY")
    again = await sync(job)
    assert (again.status, again.preview_url) == (
        pb.DEPLOY_STATUS_DEPLOYING,
        f"https://{newest(outside)}.preview.example",
    )
    assert old in outside.removed
    outside.move(newest(outside), "ERROR", errorMessage="No")
    outside.repositories["octo/site"]["trunk"].clear()
    with refused("NOT_DEPLOYABLE", WrongState):
        await sync(job)
    outside.repositories["octo/site"]["trunk"].add("index.html")
    outside.refusals["vercel"] = web.Response(status=500)
    with refused("DEPLOY_FAILED", Unavailable):
        await sync(job)
    shown = await status(job)
    assert (shown.status, shown.error_message) == (
        pb.DEPLOY_STATUS_ERROR,
        "Vercel deployment failed: Vercel answered 500",
    )


async def test_of_two_that_make_it_again_one_does(job: Job, outside: Outside) -> None:
    await hand_in(job)
    outside.move(newest(outside), "READY")
    results = await asyncio.gather(*(sync(job) for _ in range(4)), return_exceptions=True)
    assert len([each for each in results if isinstance(each, pb.Deployment)]) == 1
    assert {each.reason for each in results if isinstance(each, WrongState)} == {"ALREADY_DEPLOYING"}
    assert len(outside.started) == 2


async def test_how_the_old_one_stands_says_nothing_of_one_that_is_being_asked_for(job: Job, outside: Outside) -> None:
    await hand_in(job)
    outside.move(newest(outside), "READY")
    assert (await status(job)).status == pb.DEPLOY_STATUS_READY
    asking = {"deployment.status": "deploying", "deployment.asked_at": job.market.clock.now()}
    await job.market.database["market_deliverables"].update_many({}, {"$set": asking})
    with refused("ALREADY_DEPLOYING", WrongState):
        await sync(job)
    assert (await status(job)).status == pb.DEPLOY_STATUS_DEPLOYING
    # Whoever asked has died: then the old one is what there is, and it can be made again.
    job.market.pass_time(minutes=3)
    assert (await status(job)).status == pb.DEPLOY_STATUS_READY
    assert (await sync(job)).status == pb.DEPLOY_STATUS_DEPLOYING


async def test_what_was_seen_before_it_was_asked_for_again_changes_nothing(job: Job, outside: Outside) -> None:
    handed_in = await hand_in(job)
    store = DeploymentStore(job.market.database)
    seen = Deployment(DEPLOYING, REPOSITORY, deployment_id=newest(outside))
    asking = msgspec.structs.replace(seen, asked_at=job.market.clock.now())
    ready = msgspec.structs.replace(seen, status=DEPLOY_READY)
    assert await store.change(handed_in.id, seen, asking)
    assert not await store.change(handed_in.id, seen, ready)
    assert await store.change(handed_in.id, asking, ready)


async def test_there_may_be_nothing_to_look_at(job: Job) -> None:
    with refused("NO_DELIVERABLE", NotFound):
        await status(job)
    await job.deliver("a text")
    with refused("NO_GITHUB_DELIVERY", NotFound):
        await status(job)
    with refused("NO_GITHUB_DELIVERY", NotFound):
        await sync(job)


async def test_tokens_show_nowhere(job: Job, outside: Outside, capfd: pytest.CaptureFixture[str]) -> None:
    outside.refusals["vercel"] = web.Response(status=302, headers={"Location": "https://localhost:1/elsewhere"})
    with refused("DEPLOY_FAILED", Unavailable):
        await hand_in(job)
    shown = json.dumps([str(each) for each in await job.delivered()]) + "".join(capfd.readouterr())
    assert "secret-token" not in shown


async def test_a_server_that_does_not_answer_is_given_up(outside: Outside) -> None:
    outside.silent.clear()
    urls = {"github_url": f"{outside.url}/github", "vercel_url": f"{outside.url}/vercel"}
    deployer = VercelDeployer(github_token="", vercel_token="", timeout_seconds=0.05, **urls)
    with refused("DEPLOY_FAILED", Unavailable):
        await deployer.look("dpl_1")
    outside.silent.set()
    await deployer.close()
