"""Plans and quotas through gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from piecework.billing.v1 import plans_pb2 as pb

from kit.caller import ANONYMOUS
from kit.errors import Exhausted, NotFound, PermissionDenied, Unauthenticated
from kit.ids import new_id
from tests.service.billing.platform import ADMINISTRATOR, BillingPlatform, operator
from tests.service.hosting import refused

NewOperator = Callable[[], int]


async def test_the_plan_of_an_operator(platform: BillingPlatform, new_operator: NewOperator) -> None:
    member = new_operator()
    request = pb.GetPlanRequest()
    plan = (await platform.call(platform.plans.GetPlan, request, operator(member))).plan
    assert (plan.id, plan.max_agents, plan.run_timeout_seconds) == ("free", 2, 600)
    assert {limit.window: limit.runs for limit in plan.limits} == {pb.QUOTA_WINDOW_WEEK: 2, pb.QUOTA_WINDOW_MONTH: 8}
    limits = [pb.QuotaLimit(window=pb.QUOTA_WINDOW_HOUR, runs=5)]
    changed = await platform.set_plan(member, "super", limits=limits, max_agents=7)
    assert (changed.name, changed.max_agents) == ("Super", 7)
    assert (await platform.call(platform.plans.GetPlan, request, operator(member))).plan == changed
    with refused("PLAN_NOT_FOUND", NotFound):
        await platform.set_plan(member, "gold")
    plans = (await platform.call(platform.plans.ListPlans, pb.ListPlansRequest(), operator(member))).plans
    assert [each.id for each in plans] == ["free", "pro", "super"]


async def test_fifty_at_once_pass_as_many_as_the_plan_allows(
    platform: BillingPlatform, replica: BillingPlatform, new_operator: NewOperator
) -> None:
    member = new_operator()
    await platform.set_plan(member, "super")
    calls = [(platform, replica)[number % 2].consume(member) for number in range(50)]
    done = await asyncio.gather(*calls, return_exceptions=True)
    passed = [each for each in done if isinstance(each, list)]
    assert len(passed) == 20
    assert all(isinstance(each, Exhausted) for each in done if not isinstance(each, list))
    assert await platform.used(member) == [20, 20, 20, 20]


async def test_identical_ids_at_once_count_once(
    platform: BillingPlatform, replica: BillingPlatform, new_operator: NewOperator
) -> None:
    member, run = new_operator(), f"run:{new_id()}"
    await asyncio.gather(*((platform, replica)[number % 2].consume(member, run) for number in range(20)))
    assert await platform.used(member) == [1, 1, 1, 1]
    given = await asyncio.gather(*((platform, replica)[number % 2].give_back(run) for number in range(20)))
    assert given.count(True) == 1
    assert await platform.used(member) == [0, 0, 0, 0]


async def test_a_refusal_tells_why_and_until_when(platform: BillingPlatform, new_operator: NewOperator) -> None:
    member = new_operator()
    await platform.consume(member, runs=2)
    with refused("QUOTA_EXCEEDED", Exhausted) as caught:
        await platform.consume(member)
    assert caught.value.metadata["window"] == "week"
    assert (caught.value.metadata["limit"], caught.value.metadata["used"]) == ("2", "2")
    usage = (await platform.call(platform.plans.ReadUsage, pb.ReadUsageRequest(), operator(member))).usage
    assert [(each.limit, each.used) for each in usage] == [(2, 2), (8, 2)]
    assert str(usage[0].resets_at.seconds) == caught.value.metadata["resets_at"]
    assert caught.value.retry_after_seconds == pytest.approx(
        usage[0].resets_at.seconds - platform.clock.now().timestamp(), abs=1
    )
    # A greater plan counts what was used before.
    await platform.set_plan(member, "pro")
    with refused("QUOTA_EXCEEDED", Exhausted):
        await platform.consume(member)


async def test_what_was_ever_counted(platform: BillingPlatform, new_operator: NewOperator) -> None:
    member = new_operator()
    await platform.set_plan(member, "super")
    for number in range(3):
        await platform.consume(member, f"history:{member}:{number}")
    await platform.call(platform.plans.ReturnQuota, pb.ReturnQuotaRequest(id=f"history:{member}:0"))
    read = await platform.call(platform.plans.ReadUsage, pb.ReadUsageRequest(), operator(member))
    assert read.total_runs == 2
    today = platform.clock.now().date()
    assert [each.date for each in read.days] == [(today - timedelta(days=29 - ago)).isoformat() for ago in range(30)]
    assert [each.runs for each in read.days] == [0] * 29 + [2]


async def test_who_may_do_what(platform: BillingPlatform, new_operator: NewOperator) -> None:
    member = new_operator()
    consume = pb.ConsumeQuotaRequest(id="x", operator_id=member)
    for method, request in (("ConsumeQuota", consume), ("ReturnQuota", pb.ReturnQuotaRequest(id="x"))):
        for caller in (operator(member), ADMINISTRATOR):
            with refused("SERVICES_ONLY", PermissionDenied):
                await platform.call(getattr(platform.plans, method), request, caller)
    change = pb.SetPlanRequest(operator_id=member, plan_id="pro")
    with refused("SCOPE_MISSING", PermissionDenied):
        await platform.call(platform.plans.SetPlan, change, operator(member))
    await platform.call(platform.plans.SetPlan, change, ADMINISTRATOR)
    for method, question in (
        ("GetPlan", pb.GetPlanRequest(operator_id=member)),
        ("ReadUsage", pb.ReadUsageRequest(operator_id=member)),
    ):
        with refused("OTHER_OPERATOR", PermissionDenied):
            await platform.call(getattr(platform.plans, method), question, operator(member + 1000))
        await platform.call(getattr(platform.plans, method), question, ADMINISTRATOR)
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await platform.call(platform.plans.ListPlans, pb.ListPlansRequest(), ANONYMOUS)
