"""`piecework run`: the answer on standard output, all else on standard error, and a status that says how it went."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.piecework import LIMIT_SECONDS, Finished, Up, environment, finish, run, spawn
from tests.e2e.stranger import stranger


@pytest.fixture(scope="module")
async def busy(up: Up) -> Up:
    """A platform whose first operator may run as much as it likes."""
    limits = ("--limit", "hour=1000", "--limit", "month=10000")
    ended = await run("admin", "plans", "set", "super", "--operator", "poster", *limits, "--data-dir", up.data_dir)
    assert ended.status == 0, ended.err
    return up


async def ask(up: Up, prompt: str, *arguments: str | Path) -> Finished:
    return await run("run", prompt, "--data-dir", up.data_dir, "--mock", *arguments)


async def stands(up: Up, ended: Finished) -> dict[str, Any]:
    """Return what the platform has noted of a run that the command has shown to its end."""
    task_id = ended.err.split()[-1]
    headers, path = {"x-api-key": up.key}, f"/api/developer/status/{task_id}"
    async with aiohttp.ClientSession(up.gateway, headers=headers) as http, http.get(path) as response:
        return dict(await response.json())


async def test_an_answer(busy: Up) -> None:
    ended = await ask(busy, "Why is the sky blue?", "--agents", "3")
    assert ended.status == 0, ended.err
    assert ended.out.strip()
    assert "Researcher" not in ended.out.splitlines()[0].partition(" ")[0]
    assert "Skeptic completed" in ended.err
    assert "3 agents, 0 credits" in ended.err


async def test_a_file_reaches_the_agents(busy: Up, memory_dir: Path) -> None:
    notes = memory_dir / "notes.txt"
    notes.write_text("The password is swordfish.")
    arguments = ("--model", "piecework/mock", "--agents", "1", "--file", notes)
    ended = await run("run", "What is it?", "--data-dir", busy.data_dir, *arguments)
    assert ended.status == 0, ended.err
    assert "swordfish" in ended.out


async def test_every_option_arrives(busy: Up, memory_dir: Path) -> None:
    notes = [memory_dir / name for name in ("a.txt", "b.txt")]
    for file in notes:
        file.write_text(file.name)
    arguments = ("--model", "piecework/mock", "--agents", "2", "--budget", "50", "--file", notes[0], "--file", notes[1])
    ended = await run("run", "x", "--data-dir", busy.data_dir, *arguments)
    assert ended.status == 0, ended.err
    state = await stands(busy, ended)
    assert (state["prompt"], state["modelId"], len(state["agentStatuses"])) == ("x", "piecework/mock", 2)
    assert state["budgetUsage"]["initialCredits"] == 50
    assert len(state["fileIds"]) == 2
    # What the face does not know is kept here too: nothing else was sent.
    assert set(state["options"]) == {"agentCount", "budget", "fileIds"}
    assert "mock" not in state


async def test_the_mock_needs_no_budget_and_has_no_model(busy: Up) -> None:
    ended = await ask(busy, "x", "--agents", "1", "--budget", "50")
    state = await stands(busy, ended)
    assert state["mock"] is True
    assert set(state["options"]) == {"agentCount", "mock"}
    ended = await ask(busy, "x", "--model", "piecework/mock")
    assert ended.status == 2
    assert "--mock and --model" in ended.err


async def test_fewer_agents_than_were_asked_for_are_told(busy: Up) -> None:
    admin = ("admin", "--json", "--data-dir", busy.data_dir)
    assert (await run(*admin, "operators", "create", "small")).status == 0
    assert (await run(*admin, "plans", "set", "free", "--operator", "small", "--max-agents", "1")).status == 0
    key = json.loads((await run(*admin, "keys", "create", "--operator", "small")).out)["key"]
    ended = await run("run", "x", "--url", busy.gateway, "--key", key, "--mock", "--agents", "3")
    assert ended.status == 0, ended.err
    assert "3 agents were asked for, and the plan allows 1" in ended.err
    assert "1 agent, 0 credits" in ended.err
    assert "asked for" not in (await ask(busy, "x", "--agents", "3")).err


async def test_a_run_that_fails(busy: Up) -> None:
    ended = await ask(busy, "[[mock fail=refused]] x", "--agents", "1")
    assert ended.status == 1
    assert ended.out == ""
    told = [line for line in ended.err.splitlines() if "refused the request" in line]
    assert [line.partition(" failed: ")[0] for line in told] == ["Researcher"]


async def test_what_some_agents_could_not_do_is_told_once(busy: Up) -> None:
    ended = await ask(busy, "[[mock if=doubt fail=refused]] x", "--agents", "3")  # the Skeptic alone is told to doubt
    assert ended.status == 0, ended.err
    assert ended.err.count("refused the request") == 1
    assert "Skeptic failed: The provider" in ended.err


async def test_a_restart_of_the_platform_is_lived_through(memory_dir: Path) -> None:
    first = await Up.start(memory_dir / "data")
    asking = await spawn("run", "x [[mock delay=2]]", "--data-dir", first.data_dir, "--agents", "1")
    assert asking.stderr is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        while b"Researcher working" not in await asking.stderr.readline():
            continue
    assert (await first.stop()).status == 0
    said = (first.data_dir / "logs" / "piecework.log").read_text()
    assert "a step is given back when its lease ends" not in said

    second = await Up.start(first.data_dir, port=int(first.gateway.rpartition(":")[2]))
    try:
        ended = await finish(asking)
        assert ended.status == 0, ended.err
        assert ended.out.strip()
    finally:
        await second.stop()


async def test_what_is_refused(busy: Up, memory_dir: Path) -> None:
    (memory_dir / "empty.txt").touch()
    for arguments, reason in (
        (("x", "--model", "nothing"), 'model "nothing" is not available (HTTP 400)\nModels: piecework/mock'),
        (("x", "--file", str(memory_dir / "none")), "cannot be read"),
        (("x", "--file", str(memory_dir)), "cannot be read: Is a directory"),
        (("x", "--file", str(memory_dir / "empty.txt")), "empty.txt: Uploaded file is empty (HTTP 400)"),
        (("x", "--budget", "1000000000"), "Insufficient credits"),
    ):
        ended = await run("run", *arguments, "--data-dir", busy.data_dir)
        assert ended.status == 1, ended.err
        assert reason in ended.err
        assert "Traceback" not in ended.err
    assert (await run("run", " ", "--data-dir", busy.data_dir)).status == 2
    ended = await run("run", "x", "--data-dir", memory_dir)
    assert "no platform to run on" in ended.err
    ended = await run("run", "x", "--url", busy.gateway, "--key", "wrong")
    assert "Invalid or missing API key" in ended.err
    assert "--key" in ended.err
    ended = await run("run", "x", "--url", "http://127.0.0.1:9", "--key", "x")
    assert "cannot reach the platform: 127.0.0.1:9: Connection refused" in ended.err
    ended = await run("run", "x", "--url", f"{busy.gateway}/api", "--key", "x")
    assert "is not the address of a gateway" in ended.err


async def test_a_prompt_that_is_not_text_is_refused(busy: Up) -> None:
    command = (sys.executable, "-m", "launch", "run", "-", "--data-dir", str(busy.data_dir))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment())
    _, complaint = await process.communicate(b"\xff\xfe")
    assert process.returncode == 2
    assert complaint.decode() == "piecework: the prompt is not text in UTF-8\n"
    ended = await run("run", os.fsdecode(b"\xff"), "--data-dir", busy.data_dir)
    assert ended.err == "piecework: the prompt is not text in UTF-8\n"


@pytest.mark.parametrize(
    ("status", "text"), [(501, "<html>Unsupported method</html>"), (200, "<html>"), (200, '{"a": 1}')]
)
async def test_something_else_that_answers_there_is_told(status: int, text: str) -> None:
    async with stranger(status, text) as url:
        ended = await run("run", "x", "--url", url, "--key", "x")
    assert ended.status == 1
    assert f"not one of Piecework (HTTP {status})" in ended.err
    assert "piecework doctor" in ended.err
    assert "<html>" not in ended.err


async def test_a_plan_that_is_used_up(up: Up) -> None:
    lowered = await run("admin", "plans", "set", "free", "--operator", "worker", "--data-dir", up.data_dir)
    assert lowered.status == 0, lowered.err
    worker = up.credentials["operators"][1]["key"]
    arguments = ("run", "x", "--url", up.gateway, "--key", worker, "--mock")
    ended = [await run(*arguments) for _ in range(3)]
    assert [each.status for each in ended] == [0, 0, 1]
    assert "Upgrade your plan" in " ".join(ended[-1].err.split())
    command = ended[-1].err.rstrip().splitlines()[-1]
    assert command == "piecework admin plans set super --operator 2"
    upgraded = await run(*command.split()[1:], "--data-dir", up.data_dir)
    assert upgraded.status == 0, upgraded.err
    assert (await run(*arguments)).status == 0


async def test_interrupting_it_cancels_the_run(busy: Up) -> None:
    prompt = "[[mock delay=50]] x"
    process = await spawn("run", prompt, "--data-dir", busy.data_dir, "--mock", "--agents", "1")
    assert process.stderr is not None
    line = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
    assert line.startswith("Researcher")
    process.send_signal(signal.SIGINT)
    ended = await finish(process)
    assert ended.status == 130, ended.err
    assert "cancel" in ended.err


async def test_a_gateway_that_restarts_is_waited_for(memory_dir: Path) -> None:
    platform = await Up.start(memory_dir / "data")
    port = int(platform.gateway.rpartition(":")[2])
    prompt = "[[mock delay=3]] x"
    process = await spawn("run", prompt, "--data-dir", platform.data_dir, "--mock", "--agents", "1")
    assert process.stderr is not None
    await asyncio.wait_for(process.stderr.readline(), 30)
    await platform.crash()
    platform = await Up.start(memory_dir / "data", port=port)
    ended = await finish(process)
    assert ended.status == 0, ended.err
    assert "the connection was lost" in ended.err
    assert ended.out.strip()
    await platform.stop()
