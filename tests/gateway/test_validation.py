"""What breaks a rule is told, all of it at once, in the words of the documentation; nothing is stored."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.gateway.site import Reply, Site


def told(reply: Reply) -> dict[str, str]:
    """Return the messages by field, and check the form of the answer."""
    assert reply.status == 422, reply.text
    body = reply.json
    assert set(body) == {"success", "error", "timestamp", "correlationId", "validationDetails"}
    assert body["success"] is False
    details = body["validationDetails"]
    assert all(set(detail) == {"field", "message", "value"} for detail in details)
    listed = ", ".join(f"{detail['field']}: {detail['message']}" for detail in details)
    assert body["error"] == f"Validation failed: {listed}"
    return {detail["field"]: detail["message"] for detail in details}


async def test_the_documented_example(site: Site) -> None:
    reply = await site.send("POST", "/api/projects", json={"name": "invalid name!", "description": "x"})
    message = "Project name can only contain letters, numbers, hyphens, and underscores"
    assert told(reply) == {"name": message}
    assert reply.json["error"] == f"Validation failed: name: {message}"
    assert reply.json["validationDetails"] == [{"field": "name", "message": message, "value": "invalid name!"}]


async def test_everything_is_told_at_once(site: Site) -> None:
    body = {
        "description": "",
        "instructions": 7,
        "bogus": [1],
        "config": {"defaultMaxRetries": 11, "defaultLeaseDurationMinutes": "x", "reaperIntervalMinutes": 0, "y": 1},
    }
    assert told(await site.send("POST", "/api/projects", json=body)) == {
        "name": '"name" is required',
        "description": '"description" is not allowed to be empty',
        "instructions": '"instructions" must be a string',
        "bogus": '"bogus" is not allowed',
        "config.defaultMaxRetries": '"config.defaultMaxRetries" must be less than or equal to 10',
        "config.defaultLeaseDurationMinutes": '"config.defaultLeaseDurationMinutes" must be a number',
        "config.reaperIntervalMinutes": '"config.reaperIntervalMinutes" must be greater than or equal to 1',
        "config.y": '"config.y" is not allowed',
    }


async def test_rules_that_the_service_finds_have_the_same_form(site: Site) -> None:
    body = {"name": "x" * 101, "description": "y" * 501, "config": {"defaultMaxRetries": -1}}
    assert told(await site.send("POST", "/api/projects", json=body)) == {
        "name": '"name" length must be less than or equal to 100 characters long',
        "description": '"description" length must be less than or equal to 500 characters long',
        "config.defaultMaxRetries": '"config.defaultMaxRetries" must be greater than or equal to 0',
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"duplicateHandling": "maybe"}, {"duplicateHandling": "must be one of [allow, fail, ignore]"}),
        ({"variables": ["ok", "1x"]}, {"variables[1]": None}),
        ({"variables": ["a", "a"]}, {"variables": "contains a duplicate value"}),
        ({"variables": ["a", 5, "b-"]}, {"variables[1]": "must be a string", "variables[2]": None}),
        ({"variables": "a"}, {"variables": "must be an array"}),
        (
            {"variables": [f"v{n}" for n in range(21)]},
            {"variables": "must contain less than or equal to 20 items"},
        ),
        ({"maxRetries": 2.5}, {"maxRetries": "must be an integer"}),
        ({"maxRetries": True}, {"maxRetries": "must be a number"}),
        ({"maxRetries": 10**30}, {"maxRetries": "must be less than or equal to 10"}),
        ({"maxRetries": None}, {"maxRetries": "must be a number"}),
        ({"leaseDurationMinutes": 0.05}, {"leaseDurationMinutes": "must be greater than or equal to 0.1"}),
        ({"leaseDurationMinutes": 1e300}, {"leaseDurationMinutes": "must be less than or equal to 1440"}),
        ({"template": ""}, {"template": "is not allowed to be empty"}),
    ],
)
async def test_task_types(site: Site, shared_project: Any, body: Any, expected: dict[str, str | None]) -> None:
    path = f"/api/projects/{shared_project['id']}/task-types"
    found = told(await site.send("POST", path, json={"name": "kind", **body}))
    assert found.keys() == expected.keys()
    for field, words in expected.items():
        if words is not None:
            assert found[field] == f'"{field}" {words}'
    listed = await site.send("GET", path)
    assert "kind" not in [each["name"] for each in listed.data]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"typeId": "is required"}),
        ({"typeId": "x"}, {"typeId": "must be a valid GUID"}),
        ({"typeId": str(uuid.uuid4()), "variables": {"1x": "a"}}, {"variables.1x": "is not allowed"}),
        ({"typeId": str(uuid.uuid4()), "variables": {"x": 5}}, {"variables.x": "must be a string"}),
        (
            {"typeId": str(uuid.uuid4()), "variables": {"x": "a" * 1001}},
            {"variables.x": "length must be less than or equal to 1000 characters long"},
        ),
        (
            {"typeId": str(uuid.uuid4()), "variables": {f"x{n}": "" for n in range(51)}},
            {"variables": "must have less than or equal to 50 keys"},
        ),
        ({"typeId": str(uuid.uuid4()), "variables": []}, {"variables": "must be of type object"}),
    ],
)
async def test_tasks(site: Site, shared_project: Any, body: Any, expected: dict[str, str]) -> None:
    path = f"/api/projects/{shared_project['id']}/tasks"
    found = told(await site.send("POST", path, json=body))
    assert found == {field: f'"{field}" {words}' for field, words in expected.items()}


async def test_items_of_a_bulk_request_are_named_by_index(site: Site, shared_project: Any) -> None:
    good = {"typeId": str(uuid.uuid4())}
    items = [good, {"typeId": 5}, "x", {**good, "description": "y" * 501}, {**good, "batchId": "b"}]
    path = f"/api/projects/{shared_project['id']}/tasks/bulk"
    assert told(await site.send("POST", path, json={"tasks": items})) == {
        "tasks[1].typeId": '"tasks[1].typeId" must be a string',
        "tasks[2]": '"tasks[2]" must be of type object',
        "tasks[3].description": '"tasks[3].description" length must be less than or equal to 500 characters long',
        "tasks[4].batchId": '"tasks[4].batchId" is not allowed',
    }
    assert told(await site.send("POST", path, json={"tasks": []})) == {"tasks": '"tasks" must contain at least 1 items'}
    many = {"tasks": [good] * 1001}
    words = '"tasks" must contain less than or equal to 1000 items'
    assert told(await site.send("POST", path, json=many))["tasks"] == words


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=0", {"limit": "must be greater than or equal to 1"}),
        ("limit=101", {"limit": "must be less than or equal to 100"}),
        ("limit=abc&offset=-1", {"limit": "must be a number", "offset": "must be greater than or equal to 0"}),
        ("limit=1.5", {"limit": "must be a number"}),
        ("limit=99999999999999999999999", {"limit": "must be less than or equal to 100"}),
        ("status=weird&color=red", {"status": "must be one of [active, all, closed]", "color": "is not allowed"}),
    ],
)
async def test_query_parameters(site: Site, query: str, expected: dict[str, str]) -> None:
    found = told(await site.send("GET", f"/api/projects?{query}"))
    assert found == {field: f'"{field}" {words}' for field, words in expected.items()}


async def test_a_route_without_parameters_refuses_them(site: Site, shared_project: Any) -> None:
    reply = await site.send("GET", f"/api/projects/{shared_project['id']}?x=1")
    assert told(reply) == {"x": '"x" is not allowed'}


@pytest.mark.parametrize("name", ["a b", "x" * 51, "%00", "ü", "a%2fb", "..%2f..", "%ff%fe", "<script>", "a'b", "💥"])
async def test_hostile_worker_names(site: Site, shared_project: Any, name: str) -> None:
    path = f"/api/agents/{name}/next-task"
    found = told(await site.send("POST", path, json={"projectId": shared_project["id"]}))
    assert set(found) == {"agentName"}


async def test_a_whole_number_may_have_a_point(site: Site) -> None:
    body = b'{"name":"n-%s","description":"d","config":{"defaultMaxRetries":5.0}}' % uuid.uuid4().hex.encode()
    reply = await site.send("POST", "/api/projects", data=body, headers={"Content-Type": "application/json"})
    assert reply.status == 201, reply.text
    assert reply.data["config"]["defaultMaxRetries"] == 5


async def test_huge_values_are_cut_in_the_answer(site: Site) -> None:
    reply = await site.send("POST", "/api/projects", json={"name": "x" * 1_000_000, "description": "d"})
    told(reply)
    assert len(reply.text) < 2000


async def test_what_the_service_alone_can_tell(site: Site, shared_project: Any) -> None:
    kind = await site.task_type(shared_project["id"], template="Do {{this}} and {{that}}")
    path = f"/api/projects/{shared_project['id']}/tasks"
    reply = await site.send("POST", path, json={"typeId": kind["id"], "variables": {"this": "x"}})
    assert reply.status == 422
    assert "that" in reply.json["error"]
    assert reply.json["validationDetails"]
