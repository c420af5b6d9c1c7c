"""Steps that registered agents do."""

from __future__ import annotations

import msgspec
from piecework.agents.v1 import identity_pb2
from piecework.orchestrator.v1 import runs_pb2 as pb
from piecework.tasks.v1 import work_pb2

from kit.caller import OPERATOR_SCOPES, Caller
from kit.errors import NotFound
from tests.service.hosting import refused
from tests.service.orchestrator.platform import RunsPlatform
from tests.service.tasks.market.platform import TESTS


async def _agent(platform: RunsPlatform, operator_id: int) -> Caller:
    """Make a registered agent; return it as it takes work."""
    request = identity_pb2.CreateAgentRequest(operator_id=operator_id, name=f"a{operator_id}")
    agent = (await platform.call(platform.identity.CreateAgent, request, TESTS)).agent
    return Caller(
        kind="agent", operator_id=operator_id, scopes=OPERATOR_SCOPES, agent_id=agent.id, name=f"a{operator_id}"
    )


async def _take(platform: RunsPlatform, agent: Caller) -> work_pb2.WorkItem:
    request = work_pb2.LeaseRequest(queue=f"agent:{agent.agent_id}", holder=agent.name, max_items=1)
    (item,) = (await platform.call(platform.work.Lease, request, agent)).items
    return item


async def _deliver(platform: RunsPlatform, agent: Caller, item: work_pb2.WorkItem, text: str, cost: int = 0) -> None:
    lease = work_pb2.LeaseRef(item_id=item.id, token=item.lease.token)
    outputs = msgspec.json.encode({"cost_credits": cost}).decode()
    completion = work_pb2.Completion(lease=lease, result=text, outputs_json=outputs)
    await platform.call(platform.work.Complete, work_pb2.CompleteRequest(completions=[completion]), agent)


async def test_agent_of_another_operator_answers_and_is_paid(platform: RunsPlatform, customer: Caller) -> None:
    worker = await platform.operator(500)
    agent = await _agent(platform, worker)
    before, _ = await platform.balance(worker)
    run = await platform.start_run(customer, quick=True, agent_ids=[agent.agent_id], budget_credits=100)

    item = await _take(platform, agent)
    assert msgspec.json.decode(item.payload_json)["question"] == "What is rain?"
    await platform.care()
    held = await platform.get_run(customer, run.id)
    assert (held.steps[0].state, held.budget.reserved_credits) == (pb.STEP_STATE_RUNNING, 100)
    await _deliver(platform, agent, item, "Water.", cost=30)
    await platform.care()

    ended = await platform.ended(customer, run.id)
    await platform.settled(run.id)
    assert (ended.status, ended.result, ended.steps[0].cost_credits) == (pb.RUN_STATUS_COMPLETED, "Water.", 30)
    assert await platform.balance(customer.operator_id) == (9_970, 0)
    assert await platform.balance(worker) == (before + 30, 0)
    await platform.verify()


async def test_agent_gets_no_more_than_there_is(platform: RunsPlatform, customer: Caller) -> None:
    worker = await platform.operator(500)
    agent = await _agent(platform, worker)
    run = await platform.start_run(customer, quick=True, agent_ids=[agent.agent_id], budget_credits=20)

    await _deliver(platform, agent, await _take(platform, agent), "Water.", cost=1_000_000)
    await platform.care()

    assert (await platform.settled(run.id)).spent == 20
    assert await platform.balance(customer.operator_id) == (9_980, 0)


async def test_own_agent_costs_nothing_and_works_beside_models(platform: RunsPlatform, customer: Caller) -> None:
    agent = await _agent(platform, customer.operator_id)
    balance = await platform.balance(customer.operator_id)
    run = await platform.start_run(customer, agent_count=2, agent_ids=[agent.agent_id], mock=True)
    met = lambda run: run.steps[2].state == pb.STEP_STATE_COMPLETED  # noqa: E731
    await platform.until(customer, run.id, met)

    await _deliver(platform, agent, await _take(platform, agent), "Mine.", cost=50)
    await platform.care()

    ended = await platform.ended(customer, run.id)
    assert ended.status == pb.RUN_STATUS_COMPLETED
    assert (ended.steps[1].result, ended.steps[1].agent_id, ended.steps[1].cost_credits) == ("Mine.", agent.agent_id, 0)
    await platform.settled(run.id)
    assert await platform.balance(customer.operator_id) == balance


async def test_cancelled_run_waits_for_the_agent_to_stop(platform: RunsPlatform, customer: Caller) -> None:
    agent = await _agent(platform, customer.operator_id)
    run = await platform.start_run(customer, quick=True, agent_ids=[agent.agent_id], mock=True)
    item = await _take(platform, agent)
    await platform.care()

    canceled = await platform.cancel_run(customer, run.id)
    assert list(canceled.not_stopped_step_ids) == [run.steps[0].id]
    await _deliver(platform, agent, item, "Too late.")
    await platform.care()

    after = await platform.get_run(customer, run.id)
    assert (after.status, list(after.not_stopped_step_ids), after.result) == (pb.RUN_STATUS_CANCELED, [], "")


async def test_unknown_agent_is_refused(platform: RunsPlatform, customer: Caller) -> None:
    with refused("AGENT_NOT_FOUND", NotFound):
        await platform.start_run(customer, agent_ids=[987_654])
