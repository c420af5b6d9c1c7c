"""`piecework admin` and `piecework doctor` beside a running platform."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from piecework.agents.v1 import registry_pb2 as registry

from launch.admin.connection import connected
from tests.e2e.piecework import Up, run


async def admin(up: Up, *arguments: str) -> Any:
    """Run an administration command and return its JSON."""
    ended = await run("admin", *arguments, "--data-dir", up.data_dir, "--json")
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


async def test_what_is_made_can_be_used_and_revoked(up: Up) -> None:
    name = f"acme-{uuid.uuid4().hex[:8]}"
    operator = await admin(up, "operators", "create", name)
    key = await admin(up, "keys", "create", "--operator", name)
    project = await admin(up, "projects", "create", "mail", "--operator", str(operator["id"]))
    agent = await admin(up, "agents", "create", "reader", "--operator", name)
    assert agent["key"].startswith("th_agent_")
    assert [row["name"] for row in await admin(up, "agents", "list", "--operator", name)] == ["reader"]
    assert [row["id"] for row in await admin(up, "projects", "list", "--operator", name)] == [project["id"]]

    path = f"/api/projects/{project['id']}"
    async with aiohttp.ClientSession(up.gateway, headers={"x-api-key": key["key"]}) as http:
        async with http.get(path) as response:
            assert (await response.json())["data"]["name"] == "mail"
        revoked = await admin(up, "keys", "revoke", key["id"])
        assert revoked["revoked_at"] is not None
        async with http.get(path) as response:
            assert response.status == 401
    assert "key" not in (await admin(up, "keys", "list", "--operator", name))[0]


async def test_an_agent_is_claimed_paused_and_activated(up: Up) -> None:
    name = f"acme-{uuid.uuid4().hex[:8]}"
    operator = await admin(up, "operators", "create", name)
    async with connected(up.data_dir) as platform:
        request = registry.RegisterAgentRequest(name=f"w-{uuid.uuid4().hex[:8]}", description="Looks for work")
        made = await platform.registry.RegisterAgent(request, **platform.options)
    claimed = await admin(up, "agents", "claim", "--code", made.verification_code, "--operator", name)
    assert (claimed["id"], claimed["operator"], claimed["status"]) == (made.profile.id, name, "active")
    async with aiohttp.ClientSession(up.gateway, headers={"Authorization": f"Bearer {made.secret}"}) as http:
        for command, status, answer in (
            ("pause", "paused", 403),
            ("suspend", "suspended", 403),
            ("activate", "active", 200),
        ):
            assert (await admin(up, "agents", command, str(claimed["id"])))["status"] == status
            async with http.get("/api/projects") as response:
                assert response.status == answer
            listed = await admin(up, "agents", "list", "--operator", str(operator["id"]))
            assert [row["status"] for row in listed] == [status]
    unknown = await run("admin", "agents", "claim", "--code", "hive-X", "--operator", name, "--data-dir", up.data_dir)
    assert unknown.status == 1
    assert "No unclaimed agent has this verification code" in unknown.err


async def test_people_get_a_table_and_options_may_come_first(up: Up) -> None:
    ended = await run("admin", "--data-dir", up.data_dir, "operators", "list")
    assert ended.status == 0, ended.err
    heading, *rows = ended.out.splitlines()
    assert heading.split() == ["id", "name", "created_at"]
    assert rows[0].split()[:2] == ["1", "poster"]


async def test_a_refusal_says_what_is_wrong(up: Up) -> None:
    taken = await run("admin", "operators", "create", "poster", "--data-dir", up.data_dir)
    assert taken.status == 1
    assert "poster" in taken.err
    assert "Traceback" not in taken.err
    unknown = await run("admin", "keys", "list", "--operator", "nobody", "--data-dir", up.data_dir)
    assert unknown.status == 1
    assert "there is no operator nobody" in unknown.err
    assert "Operators: poster, worker" in unknown.err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("operators create -- _", 2, "1 to 63 letters"),
        ("agents create --operator poster a,b", 2, "1 to 50 letters"),
        ("agents rotate-key 99999999999999999999", 2, "is not a number"),
        ("agents rotate-key 999999", 1, "piecework admin agents list --operator NAME"),
        ("agents pause 999999", 1, "piecework admin agents list --operator NAME"),
        ("keys revoke nothing", 1, "piecework admin keys list --operator NAME"),
        ("keys revoke 01a00000-0000-7000-8000-000000000000", 1, "piecework admin keys list --operator NAME"),
        ("credits grant --operator poster 99999999999999999999", 2, "less than or equal to 1000000000000"),
        ("credits grant --operator poster 5 --transfer-id=", 1, "transfer_id: must be at least 1 characters"),
        ("plans set pro --operator worker --limit hour=99999999999999999999", 1, "is no limit"),
        ("plans set pro --operator worker --max-agents 9999999999", 2, "less than or equal to 1000"),
        ("dispute resolve 99999999999999999999 --worker-percent 1", 2, "is not a number"),
        ("dispute resolve 999999 --worker-percent 1", 1, "piecework admin dispute list"),
        ("dispute resolve 999999 --worker-percent 101", 2, "must be from 0 to 100"),
    ],
)
async def test_wrong_input_is_told_with_what_would_be_right(up: Up, arguments: str, status: int, said: str) -> None:
    ended = await run("admin", "--data-dir", up.data_dir, *arguments.split())
    assert ended.status == status, ended
    assert said in " ".join(ended.err.replace("│", "").split())
    assert "Traceback" not in ended.err


async def test_a_grant_of_the_same_name_is_not_another_one(up: Up) -> None:
    grant = ("admin", "--data-dir", up.data_dir, "credits", "grant", "--operator", "poster", "--transfer-id", "march")
    assert (await run(*grant, "5")).status == 0
    other = await run(*grant, "6")
    assert other.status == 1
    assert "another amount" in other.err


async def test_where_nothing_runs_it_says_so(memory_dir: Path) -> None:
    ended = await run("admin", "operators", "list", "--data-dir", memory_dir)
    assert ended.status == 1
    assert "no platform runs on" in ended.err


async def test_a_platform_that_was_killed_does_not_count_as_running(memory_dir: Path) -> None:
    (memory_dir / "platform.json").write_text('{"gateway":"http://127.0.0.1:9","grpc":"127.0.0.1:9","pid":4194304}')
    (memory_dir / "secrets.json").write_text('{"caller_key":"0123456789abcdef0123456789abcdef"}')
    ended = await run("admin", "operators", "list", "--data-dir", memory_dir)
    assert ended.status == 1
    assert "no platform runs on" in ended.err


async def test_it_finds_a_platform_by_the_settings(up: Up) -> None:
    platform = json.loads((up.data_dir / "platform.json").read_text())
    secrets = json.loads((up.data_dir / "secrets.json").read_text())
    ended = await run(
        *("admin", "operators", "list", "--json"),
        PIECEWORK_AGENTS_ADDRESS=platform["grpc"],
        PIECEWORK_TASKS_ADDRESS=platform["grpc"],
        PIECEWORK_CALLER_KEY=secrets["caller_key"],
    )
    assert json.loads(ended.out)[0]["name"] == "poster"


async def test_doctor_is_content_with_a_running_platform(up: Up) -> None:
    port = up.gateway.rpartition(":")[2]
    ended = await run("doctor", "--data-dir", up.data_dir, "--port", port, "--json")
    report = json.loads(ended.out)
    assert ended.status == 0, report
    assert report["healthy"]
    found = {finding["check"]: finding for finding in report["findings"]}
    assert {"Python", "Clock", "Disk", "Memory", "Data directory", "Port", "MongoDB", "Valkey", "Platform"} <= set(
        found
    )
    assert "is healthy" in found["Platform"]["detail"]


async def test_doctor_names_each_problem_and_what_to_do(up: Up, memory_dir: Path) -> None:
    (memory_dir / "credentials.json").write_text("{}")
    (memory_dir / "credentials.json").chmod(0o644)
    ended = await run(
        *("doctor", "--data-dir", memory_dir, "--port", up.gateway.rpartition(":")[2], "--json"),
        PIECEWORK_MONGODB_URI="mongodb://127.0.0.1:9/?connectTimeoutMS=200&serverSelectionTimeoutMS=200",
        PIECEWORK_REDIS_URL="redis://127.0.0.1:9",
        PIECEWORK_AGENTS_ADDRESS="127.0.0.1:9",
    )
    assert ended.status == 1
    problems = [finding for finding in json.loads(ended.out)["findings"] if finding["verdict"] == "problem"]
    assert [finding["check"] for finding in problems] == [
        "Data directory",
        "Port",
        "MongoDB",
        "Redis",
        "Service agents",
    ]
    assert all(finding["advice"] for finding in problems)


async def test_doctor_goes_on_where_a_file_cannot_be_read(memory_dir: Path) -> None:
    file = memory_dir / "data" / "platform.json"
    file.parent.mkdir()
    file.write_text("broken")
    ended = await run("doctor", "--data-dir", file.parent, "--port", "0", "--json")
    assert ended.status == 1, ended.err
    (problem,) = [finding for finding in json.loads(ended.out)["findings"] if finding["verdict"] == "problem"]
    assert problem["check"] == "Platform"
    assert "platform.json cannot be read" in problem["detail"]
    ended = await run("doctor", "--data-dir", file, "--port", "0")
    assert ended.status == 1
    assert f"{file} is not a directory" in ended.out


async def test_wrong_settings_are_named() -> None:
    ended = await run("doctor", PIECEWORK_PORT="no-port")
    assert ended.status == 2
    assert "PIECEWORK_PORT" in ended.err
    assert "Traceback" not in ended.err
