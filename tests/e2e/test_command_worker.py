"""`piecework worker`: what a command gets, what becomes of its end, and what happens when things go wrong."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.board import Board
from tests.e2e.piecework import LIMIT_SECONDS, Finished, Up, finish, is_running, run, spawn, until
from tests.e2e.stranger import stranger

_NOBODYS = "01a00000-0000-7000-8000-000000000000"


async def work(up: Up, board: Board, *command: str, options: tuple[str, ...] = ()) -> Finished:
    """Run a worker until the queue is empty."""
    place = ("--data-dir", up.data_dir, "--project", board.project, "--agent", "hand")
    return await run("worker", *place, "--until-empty", *options, "--", *command)


async def start(up: Up, board: Board, *command: str) -> Process:
    """Start a worker that waits for work."""
    place = ("--data-dir", up.data_dir, "--project", board.project, "--agent", "hand")
    return await spawn("worker", *place, "--", *command)


async def has_status(board: Board, task_id: str, status: str) -> dict[str, Any] | None:
    """Return a task if it has this status."""
    task = await board.task(task_id)
    return task if task["status"] == status else None


async def heard(worker: Process, words: str) -> None:
    """Wait until a worker has printed `words`."""
    assert worker.stdout is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        while words not in (line := (await worker.stdout.readline()).decode()):
            assert line, f"it ended without having said {words!r}"


async def test_a_command_gets_the_task_and_its_output_is_the_result(up: Up, board: Board) -> None:
    (task_id,) = await board.post("do it\n", name="Ada", other="two words")
    script = (
        'cat; echo "$PIECEWORK_TASK_ID $PIECEWORK_VAR_name $PIECEWORK_VAR_NAME $PIECEWORK_VAR_OTHER";'
        'grep -c "$PIECEWORK_TASK_ID" "$PIECEWORK_TASK"; env | grep -c PIECEWORK_KEY'
    )
    ended = await work(up, board, "sh", "-c", f"{script}; true")
    assert ended.status == 0, ended.err
    assert "1 completed" in ended.out
    task = await board.task(task_id)
    assert task["status"] == "completed"
    assert task["result"] == f"do it\n{task_id} Ada Ada two words\n1\n0\n"
    assert task["attempts"][-1]["agentName"] == "hand"


async def test_several_workers_drain_a_queue_once(up: Up, board: Board) -> None:
    await board.post(*(f"text {number}" for number in range(60)))
    ended = await work(up, board, "cat", options=("--concurrency", "4"))
    assert ended.status == 0, ended.err
    assert "60 completed" in ended.out
    tasks = await board.tasks()
    assert {task["result"] for task in tasks} == {f"text {number}" for number in range(60)}
    assert all(len(task["attempts"]) == 1 for task in tasks)
    assert {task["attempts"][0]["agentName"] for task in tasks} == {f"hand-{number}" for number in range(1, 5)}


async def test_a_failing_command_is_tried_again_and_its_last_words_are_kept(up: Up, board: Board) -> None:
    (task_id,) = await board.post("x")
    noise = "head -c 100000 /dev/zero | tr '\\0' n >&2"
    ended = await work(up, board, "sh", "-c", f"{noise}; echo the reason >&2; exit 3")
    assert ended.status == 1
    assert "1 failed, 1 requeued" in ended.out
    assert ended.err == "piecework: 1 task failed\n"
    task = await board.task(task_id)
    assert task["status"] == "failed"
    assert len(task["attempts"]) == 2
    assert task["result"].startswith("exit status 3: nnn")
    assert task["result"].endswith("nthe reason")
    assert len(task["result"]) < 4200


async def test_a_failure_that_another_try_makes_good_is_none(up: Up, board: Board, memory_dir: Path) -> None:
    await board.post("x")
    marker = memory_dir / "tried"
    ended = await work(up, board, "sh", "-c", f"test -e {marker} || {{ touch {marker}; exit 3; }}")
    assert ended.status == 0, ended.err
    assert "1 completed, 1 requeued" in ended.out


async def test_several_failures_are_counted(up: Up, board: Board) -> None:
    await board.post("bad", "good", "bad")
    ended = await work(up, board, "grep", "good", options=("--quiet", "--concurrency", "2"))
    assert ended.status == 1
    assert ended.err == "piecework: 2 tasks failed\n"


async def test_what_a_command_leaves_in_the_background_holds_nothing_up(up: Up, board: Board, memory_dir: Path) -> None:
    pids = memory_dir / "pids"
    await board.post("child", "daemon")
    background = f'if test "$(cat)" = daemon; then setsid sleep 30 & else sleep 300 & echo $! > {pids}; fi; echo done'
    ended = await work(up, board, "sh", "-c", background)
    assert "2 completed" in ended.out, ended
    assert {task["result"] for task in await board.tasks()} == {"done\n"}
    assert not is_running(int(pids.read_text()))


async def test_output_without_end_fails_the_task_for_good(up: Up, board: Board) -> None:
    (task_id,) = await board.post("x")
    ended = await work(up, board, "yes")
    assert ended.status == 1
    assert "1 failed;" in ended.out
    task = await board.task(task_id)
    assert task["status"] == "failed"
    assert "longer than 1048576 bytes" in task["result"]
    assert len(task["attempts"]) == 1


async def test_a_lease_is_extended_while_the_command_runs(up: Up, board: Board) -> None:
    (task_id,) = await board.post("x")
    worker = await start(up, board, "sh", "-c", "sleep 7; echo done")
    running = await until(lambda: has_status(board, task_id, "running"), "the task runs")
    await until(lambda: has_status(board, task_id, "completed"), "the task completes", 20)
    worker.terminate()
    assert (await finish(worker)).status == 0
    attempts = (await board.task(task_id))["attempts"]
    assert len(attempts) == 1
    assert attempts[0]["leaseExpiresAt"] > running["leaseExpiresAt"]


async def test_a_command_that_lost_its_lease_is_killed_with_all_its_children(
    up: Up, board: Board, memory_dir: Path
) -> None:
    (task_id,) = await board.post("x")
    pids = memory_dir / "pids"
    worker = await start(up, board, "sh", "-c", f"sleep 300 & echo $$ $! > {pids}; wait")
    leader, child = map(int, await until(lambda: pids.exists() and pids.read_text().split(), "the command runs"))
    await board.call("DELETE", f"/api/tasks/{task_id}")
    await until(lambda: not is_running(leader) and not is_running(child), "the command is killed", 15)
    worker.terminate()
    ended = await finish(worker)
    assert ended.status == 0, ended.err
    assert "1 lost" in ended.out


async def test_a_signal_lets_the_running_command_end_and_takes_no_more(up: Up, board: Board, memory_dir: Path) -> None:
    first, second = await board.post("first", "second")
    gate = memory_dir / "gate"
    script = f"touch {gate}.seen; until test -e {gate}; do sleep 0.05; done; cat"
    worker = await start(up, board, "sh", "-c", script)
    # The queue calls a task running before the worker has heard of it; a signal in between hands it back.
    await until((memory_dir / "gate.seen").exists, "the command runs")
    worker.send_signal(signal.SIGTERM)
    await heard(worker, "stopping")
    gate.touch()
    ended = await finish(worker)
    assert ended.status == 0, ended.err
    assert (await board.task(first))["result"] == "first"
    assert (await board.task(second))["status"] == "queued"


async def test_a_second_signal_ends_the_command_and_the_task_is_free_again(
    up: Up, board: Board, memory_dir: Path
) -> None:
    (task_id,) = await board.post("x")
    pid = memory_dir / "pid"
    worker = await start(up, board, "sh", "-c", f"echo $$ > {pid}; exec sleep 300")
    command = int(await until(lambda: pid.exists() and pid.read_text().strip(), "the command runs"))
    worker.send_signal(signal.SIGTERM)
    await heard(worker, "stopping")
    worker.send_signal(signal.SIGTERM)
    ended = await finish(worker)
    assert ended.status == 0, ended.err
    assert not is_running(command)
    task = await board.task(task_id)
    assert (task["status"], task["retryCount"]) == ("queued", 1)
    assert task["attempts"][0]["result"] == "the worker was stopped before the command ended"


async def test_a_worker_that_waits_ends_at_once(up: Up, board: Board) -> None:
    worker = await start(up, board, "cat")
    (task_id,) = await board.post("x")
    await until(lambda: has_status(board, task_id, "completed"), "the task completes")
    worker.terminate()
    async with asyncio.timeout(5):
        assert (await finish(worker)).status == 0


async def test_the_id_of_a_project_is_enough_without_a_key(up: Up, board: Board) -> None:
    await board.post("x")
    options = ("--url", up.gateway, "--project", board.project_id, "--agent", "guest", "--until-empty")
    ended = await run("worker", *options, "--", "cat")
    assert "1 completed" in ended.out, ended.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("--project", "nowhere", "--agent", "a", "--", "cat"),
            "there is no project nowhere (HTTP 404)\nProjects: ",
        ),
        (("--project", " ", "--agent", "a", "--", "cat"), "the name of the project is empty"),
        (("--project", _NOBODYS, "--agent", "a", "--", "cat"), "piecework admin projects list"),
        (("--project", "demo", "--agent", "not/a/name", "--", "cat"), "cannot be a worker's name"),
        (("--project", "demo", "--agent", "a", "--", "no-such-program"), "is not a program"),
        (("--project", "demo", "--agent", "a", "--key", "pw_live_wrong", "--", "cat"), "piecework admin keys create"),
        (("--project", "demo", "--agent", "a", "--url", "http://[::1", "--", "cat"), "is not the address of a gateway"),
    ],
)
async def test_what_cannot_work_is_refused_before_it_begins(up: Up, arguments: tuple[str, ...], reason: str) -> None:
    ended = await run("worker", "--data-dir", up.data_dir, *arguments)
    assert ended.status == 1
    assert ended.out == ""
    assert reason in ended.err
    assert "Traceback" not in ended.err


async def test_a_name_alone_does_not_open_a_project(up: Up) -> None:
    ended = await run("worker", "--url", up.gateway, "--project", "demo", "--agent", "a", "--", "cat")
    assert ended.status == 1
    assert "Without a key only its id opens a project" in ended.err


async def test_something_else_that_answers_there_is_told() -> None:
    arguments = ("worker", "--project", "demo", "--agent", "a", "--url")
    async with stranger(404, "<html>Not found</html>") as url:
        ended = await run(*arguments, url, "--", "cat")
    assert ended.status == 1
    assert "not one of Piecework (HTTP 404)" in ended.err
    async with stranger(200, "{}") as url:
        worker = await spawn(*arguments, url, "--", "cat")
        await heard(worker, "not one of Piecework (HTTP 200); trying again")
        worker.terminate()
        assert (await finish(worker)).status == 0


async def test_a_worker_outlives_a_crash_of_the_platform_and_heeds_its_limits(memory_dir: Path) -> None:
    limit = "8/1 second"
    first = await Up.start(memory_dir / "data", PIECEWORK_QUEUE_RATE_LIMIT=limit)
    async with aiohttp.ClientSession(first.gateway, headers={"x-api-key": first.key}) as http:
        board = await Board.open(http)
        await board.post(*map(str, range(10)))
    gate = memory_dir / "gate"
    script = f"touch {gate}.seen; until test -e {gate}; do sleep 0.05; done; cat"
    place = ("--data-dir", first.data_dir, "--project", board.project, "--agent", "hand")
    worker = await spawn("worker", *place, "--until-empty", "--", "sh", "-c", script)
    await until((memory_dir / "gate.seen").exists, "the command runs")
    await first.crash()
    gate.touch()
    await heard(worker, "trying again")
    port = int(first.gateway.rpartition(":")[2])
    second = await Up.start(first.data_dir, port=port, PIECEWORK_QUEUE_RATE_LIMIT=limit)
    try:
        ended = await finish(worker)
        assert "10 completed" in ended.out, ended
        assert "HTTP 429" in ended.out
        async with aiohttp.ClientSession(second.gateway, headers={"x-api-key": second.key}) as http:
            tasks = await Board(http, board.project_id, board.project, board.type_id).tasks()
        assert {task["result"] for task in tasks} == set(map(str, range(10)))
    finally:
        await second.stop()
