"""The first start of `piecework up`, killed at its worst moments: afterwards everything is there, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from piecework.agents.v1 import identity_pb2 as identity
from piecework.billing.v1 import ledger_pb2 as ledger
from piecework.tasks.v1 import queue_pb2 as queue

from launch.admin.connection import Administration, connected
from tests.e2e.piecework import Up, finish, spawn, until

_MOMENTS: dict[str, Callable[[Path], bool]] = {
    "while the database was made": lambda data: (data / "mongodb" / "data" / "WiredTiger").exists(),
    "before anything was made": lambda data: (data / "credentials.json.draft").exists(),
    "with the first operator made": lambda data: '"poster"' in _draft(data),
    "with the second operator made": lambda data: '"worker"' in _draft(data),
    "with everything made": lambda data: (data / "credentials.json").exists(),
}


@pytest.mark.parametrize("moment", _MOMENTS)
async def test_a_first_start_that_was_killed_is_completed_by_the_next(memory_dir: Path, moment: str) -> None:
    data = memory_dir / "data"
    process = await spawn("up", "--data-dir", data, "--port", "0")
    await until(lambda: _MOMENTS[moment](data), moment)
    process.kill()
    await finish(process)

    up = await Up.start(data)
    try:
        assert not (data / "credentials.json.draft").exists()
        await _check(up)
    finally:
        assert (await up.stop()).status == 0


async def _has_its_welcome_credits(platform: Administration, operator_id: int) -> None:
    """Wait until an operator has what it and its first agent bring; a kill may have come between."""
    request = ledger.GetAccountRequest(operator_id=operator_id)

    async def given() -> bool:
        answer = await platform.ledger.GetAccount(request, **platform.options)
        return answer.account.available_credits == 600

    await until(given, f"the welcome of operator {operator_id}")


async def _check(up: Up) -> None:
    """Compare what is written with what is stored."""
    written = up.credentials
    async with connected(up.data_dir) as platform:
        operators = await platform.operators()
        assert [(operator.id, operator.name) for operator in operators] == [(1, "poster"), (2, "worker")]
        for operator in written["operators"]:
            agents = identity.ListAgentsRequest(operator_id=operator["id"])
            found = (await platform.identities.ListAgents(agents, **platform.options)).agents
            assert [(agent.uuid, agent.name) for agent in found] == [
                (agent["uuid"], agent["name"]) for agent in operator["agents"]
            ]
            keys = identity.ListOperatorKeysRequest(operator_id=operator["id"])
            listed = (await platform.identities.ListOperatorKeys(keys, **platform.options)).keys
            live = [key for key in listed if not key.HasField("revoked_at")]
            assert len(live) == 1
            assert operator["key"].startswith(live[0].prefix)
            await _has_its_welcome_credits(platform, operator["id"])
        projects = (await platform.queue.ListProjects(queue.ListProjectsRequest(), **platform.options_for(1))).projects
    assert [(project.id, project.name) for project in projects] == [(up.project_id, "demo")]
    secrets = [operator["key"] for operator in written["operators"]]
    secrets += [agent["key"] for operator in written["operators"] for agent in operator["agents"]]
    async with connected(up.data_dir) as platform:
        for secret in secrets:
            request = identity.AuthenticateRequest(secret=secret)
            assert (await platform.identities.Authenticate(request, **platform.options)).operator_id in (1, 2)


def _draft(data: Path) -> str:
    try:
        return (data / "credentials.json.draft").read_text()
    except FileNotFoundError:
        return ""
