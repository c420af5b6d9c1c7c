"""What runs know besides their prompt: threads and files; and what their agents may ask."""

from __future__ import annotations

import asyncio
import time

from piecework.orchestrator.v1 import runs_pb2 as pb
from piecework.orchestrator.v1 import threads_pb2

from kit.caller import Caller
from kit.errors import InvalidInput, NotFound, WrongState
from tests.service.hosting import refused
from tests.service.orchestrator.files.samples import bomb
from tests.service.orchestrator.platform import RunsPlatform


async def _thread(platform: RunsPlatform, caller: Caller, *said: str) -> int:
    messages = [threads_pb2.NewMessage(role="user", content=text) for text in said]
    request = threads_pb2.CreateThreadRequest(title="Talk", messages=messages)
    answer: int = (await platform.call(platform.threads.CreateThread, request, caller)).thread.id
    return answer


async def _said(platform: RunsPlatform, caller: Caller, thread_id: int) -> list[tuple[str, str]]:
    request = threads_pb2.ListMessagesRequest(thread_id=thread_id)
    messages = (await platform.call(platform.threads.ListMessages, request, caller)).messages
    return [(message.role, message.content) for message in messages]


async def test_run_continues_its_thread(platform: RunsPlatform, customer: Caller) -> None:
    # The directive is in the history: only a run that reads it answers so.
    thread_id = await _thread(platform, customer, "Remember: [[mock answer=blue]]")

    run = await platform.start_run(customer, "Which colour?", thread_id=thread_id, quick=True)
    ended = await platform.ended(customer, run.id)

    await platform.settled(run.id)
    assert (ended.result, ended.thread_id) == ("blue", thread_id)
    assert (await _said(platform, customer, thread_id))[1:] == [("user", "Which colour?"), ("assistant", "blue")]


async def test_one_run_at_a_time_in_a_thread(platform: RunsPlatform, customer: Caller) -> None:
    thread_id = await _thread(platform, customer)
    outcomes = await asyncio.gather(
        *(
            platform.start_run(customer, "Wait. [[mock delay=60]]", thread_id=thread_id, quick=True, mock=True)
            for _ in range(8)
        ),
        return_exceptions=True,
    )
    begun = [each for each in outcomes if isinstance(each, pb.Run)]
    assert len(begun) == 1
    assert [getattr(each, "reason", each) for each in outcomes if each not in begun] == ["THREAD_BUSY"] * 7

    with refused("THREAD_BUSY", WrongState):
        await platform.start_run(customer, thread_id=thread_id)
    await platform.cancel_run(customer, begun[0].id)
    await platform.settled(begun[0].id)

    assert (
        await platform.run(customer, "Now. [[mock delay=0]]", thread_id=thread_id, quick=True)
    ).status == pb.RUN_STATUS_COMPLETED


async def test_thread_of_somebody_else_is_not_found(platform: RunsPlatform, customer: Caller) -> None:
    thread_id = await _thread(platform, customer)

    with refused("THREAD_NOT_FOUND", NotFound):
        await platform.start_run(await platform.customer(), thread_id=thread_id)


async def test_long_history_is_cut_to_what_the_model_can_read(platform: RunsPlatform, customer: Caller) -> None:
    old, new = "[[mock answer=old]] " + "x " * 30_000, "[[mock answer=new]] " + "y " * 1_000
    thread_id = await _thread(platform, customer, old, *["z " * 30_000] * 4, new)

    run = await platform.run(customer, "Which?", thread_id=thread_id, quick=True)

    assert (run.status, run.result) == (pb.RUN_STATUS_COMPLETED, "new")


async def test_agents_read_the_files_of_a_run(platform: RunsPlatform, customer: Caller) -> None:
    file_id = await platform.add_file(customer, "colour.txt", b"The colour is [[mock answer=green]]")

    run = await platform.run(customer, "Which colour?", file_ids=[file_id], quick=True)

    assert run.result == "green"
    assert list(run.file_ids) == [file_id]


async def test_run_is_not_held_up_by_a_file_that_is_made_to_do_harm(platform: RunsPlatform, customer: Caller) -> None:
    file_id = await platform.add_file(customer, "bomb.pdf", bomb(layers=2))
    began = time.monotonic()

    run = await platform.run(customer, "What? [[mock if=found answer=nothing]]", file_ids=[file_id], quick=True)

    assert (run.status, run.result) == (pb.RUN_STATUS_COMPLETED, "nothing")
    assert time.monotonic() - began < 40


async def test_unknown_file_is_refused(platform: RunsPlatform, customer: Caller) -> None:
    with refused("FILE_NOT_FOUND", NotFound):
        await platform.start_run(customer, file_ids=["file-none"])


async def test_agent_reads_on_in_a_file(platform: RunsPlatform, customer: Caller) -> None:
    file_id = await platform.add_file(customer, "long.txt", b"word " * 30_000 + b" END")
    wish = '{"tool":"read","arguments":{"name":"long.txt","offset":149990}}'
    prompt = f"How does it end? [[mock answer={wish}]] [[mock if=END answer=It_ends]]"

    run = await platform.run(customer, prompt, file_ids=[file_id], quick=True)

    (call,) = run.steps[0].tool_calls
    assert (call.name, call.success, call.error) == ("read", True, "")
    assert "END" in call.result_preview
    assert run.result == "It ends"


async def test_agent_searches_its_thread(platform: RunsPlatform, customer: Caller) -> None:
    thread_id = await _thread(platform, customer, "The password is swordfish", *["z " * 4_500] * 20)
    wish = '{"tool":"recall","arguments":{"query":"password"}}'
    prompt = f"What was it? [[mock answer={wish}]] [[mock if=swordfish answer=found]]"

    run = await platform.run(customer, prompt, thread_id=thread_id, quick=True)

    assert run.result == "found"
    assert run.steps[0].tool_calls[0].name == "recall"


async def test_pages_inside_are_not_fetched(platform: RunsPlatform, customer: Caller) -> None:
    wish = '{"tool":"webfetch","arguments":{"url":"http://127.0.0.1:1/"}}'
    prompt = f"Look. [[mock answer={wish}]] [[mock if=failed: answer=no]]"

    run = await platform.run(customer, prompt, quick=True)

    (call,) = run.steps[0].tool_calls
    assert (call.success, call.result_preview) == (False, "")
    assert "HTTPS" in call.error
    assert run.result == "no"


async def test_tools_are_used_five_times_at_most(platform: RunsPlatform, customer: Caller) -> None:
    wish = '{"tool":"webfetch","arguments":{"url":"http://127.0.0.1:1/"}}'

    run = await platform.run(customer, f"Loop. [[mock answer={wish}]]", quick=True)

    assert (run.status, run.result) == (pb.RUN_STATUS_FAILED, "")
    assert len(run.steps[0].tool_calls) == 5
    assert run.warnings == ["Researcher 1 failed: The model asked for tools again after 5 of them, and gave no answer"]


async def test_attachments_wait_ten_minutes_for_their_run(platform: RunsPlatform, customer: Caller) -> None:
    files = platform.runs_app.files.service
    attachment = await files.attach(customer, "a.txt", "text/plain", b"The password is swordfish.")
    ordinary = await platform.add_file(customer, "b.txt", b"text")

    platform.pass_time(minutes=9)
    run = await platform.start_run(customer, quick=True, mock=True, attachment_ids=[attachment, ordinary, "gone"])
    assert list(run.file_ids) == [attachment]

    platform.pass_time(minutes=2)
    with refused("ATTACHMENTS_NOT_FOUND", InvalidInput):
        await platform.start_run(customer, quick=True, mock=True, attachment_ids=[attachment])
