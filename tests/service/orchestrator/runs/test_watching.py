"""Watching runs."""

from __future__ import annotations

import asyncio

from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from kit.errors import NotFound
from tests.service.hosting import refused
from tests.service.orchestrator.platform import RunsPlatform


async def test_everything_is_told_once_and_in_order(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer)

    messages = await platform.watched(customer, run.id)

    assert messages[0].type == "position"
    seqs = [message.seq for message in messages[1:]]
    assert seqs == sorted(set(seqs))
    types = [message.type for message in messages[1:]]
    assert types[0] == "run.started"
    assert types.count("step.started") == 7
    assert types.count("step.completed") == 6  # the end of the last step is the end of the run
    assert types[-1] == "run.completed"
    assert messages[-1].run.result
    assert [message.run.version for message in messages[1:]] == sorted({m.run.version for m in messages[1:]})


async def test_stream_goes_on_after_any_message(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer)
    whole = (await platform.watched(customer, run.id))[1:]

    for index in range(len(whole) - 1):
        rest = (await platform.watched(customer, run.id, whole[index].seq))[1:]
        assert rest == whole[index + 1 :]


async def test_stream_of_a_run_that_is_over_ends_at_once(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer)
    last = (await platform.watched(customer, run.id))[-1]

    rest = await platform.watched(customer, run.id, last.seq)

    assert [message.type for message in rest] == ["position"]
    assert rest[0].run.status == pb.RUN_STATUS_COMPLETED


async def test_text_comes_in_pieces_that_make_up_the_answer(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Slowly. [[mock tokens=40 pace=0.01]]", quick=True)

    messages = await platform.watched(customer, run.id)

    pieces = [message for message in messages if message.type == "step.progress"]
    assert len(pieces) >= 2
    assert "".join(piece.delta for piece in pieces).strip() == messages[-1].run.result
    assert not any(piece.HasField("run") for piece in pieces)


async def test_results_that_are_too_large_for_events_are_told_too(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, quick=True)
    long = "y" * 50_000
    database = platform.resources.database("orchestrator")
    await database["runs"].update_one({"_id": run.id}, {"$set": {"result": long, "steps.0.result": long}})
    await database["events"].update_one(
        {"change.id": f"run:{run.id}:{(await platform.stored_run(run.id)).ended_version}"},
        {"$unset": {"change.data.run.result": "", "change.data.run.steps.0.result": ""}},
    )

    last = (await platform.watched(customer, run.id))[-1]

    assert last.type == "run.completed"
    assert (last.run.result, last.run.steps[0].result) == (long, long)


async def test_run_whose_events_are_gone_tells_how_it_ended(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.run(customer, quick=True)
    events = platform.resources.database("orchestrator")["events"]
    await events.update_many({"change.stream": f"run:{run.id}"}, {"$set": {"change.stream": "gone"}})
    await events.update_many({"change.subject": f"run:{run.id}"}, [{"$set": {"change.id": {"$toString": "$_id"}}}])
    platform.pass_time(minutes=11)

    messages = await platform.watched(customer, run.id, 10**9)

    assert [message.type for message in messages] == ["position", "run.completed"]
    assert messages[-1].run.result == run.result


async def test_strangers_see_nothing(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer)
    stranger = await platform.customer()

    with refused("RUN_NOT_FOUND", NotFound):
        await platform.get_run(stranger, run.id)
    with refused("RUN_NOT_FOUND", NotFound):
        await platform.cancel_run(stranger, run.id)


async def test_many_watch_one_run(platform: RunsPlatform, customer: Caller) -> None:
    run = await platform.start_run(customer, "Slowly. [[mock delay=0.05]]")

    streams = await asyncio.gather(*(platform.watched(customer, run.id) for _ in range(20)))

    assert all(stream[1:] == streams[0][1:] for stream in streams)
