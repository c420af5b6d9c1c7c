"""Sessions and keys: how they begin, how they end, and how soon everybody knows."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import pytest
from piecework.agents.v1 import identity_pb2

from tests.gateway.site import Site


async def test_login_answers_what_is_documented_and_what_other_clients_read(site: Site, shared_project: Any) -> None:
    opened = await site.login(shared_project["id"], "reader")
    assert opened["token"] == opened["sessionToken"]
    assert opened["sessionId"] == opened["session"]["id"]
    assert opened["session"]["agentName"] == "reader"
    assert opened["session"]["projectId"] == shared_project["id"]
    assert opened["resumed"] is False
    session = (await site.send("GET", "/api/auth/session", key=opened["token"])).data
    assert set(session) == {"sessionId", "agentName", "projectId", "createdAt", "expiresAt", "lastActivity"}
    assert session["sessionId"] == opened["sessionId"]
    length = datetime.fromisoformat(session["expiresAt"]) - datetime.fromisoformat(session["createdAt"])
    assert length.total_seconds() == 3 * 3600


async def test_a_session_is_extended_and_ended(site: Site, shared_project: Any) -> None:
    token = (await site.login(shared_project["id"], "extender"))["token"]
    before = (await site.send("GET", "/api/auth/session", key=token)).data
    after = await site.send("PUT", "/api/auth/session", key=token, json={"extendBy": 3600})
    assert after.status == 200
    moved = datetime.fromisoformat(after.data["expiresAt"]) - datetime.fromisoformat(before["expiresAt"])
    assert moved.total_seconds() == 3600
    bad = await site.send("PUT", "/api/auth/session", key=token, json={"extendBy": 0})
    assert [detail["field"] for detail in bad.json["validationDetails"]] == ["extendBy"]
    out = await site.send("POST", "/api/auth/logout", key=token)
    assert (out.status, out.data) == (200, {"message": "Logged out successfully"})
    again = await site.send("POST", "/api/auth/logout", key=token)
    assert (again.status, again.json["error"]) == (401, "Invalid or expired session")


async def test_a_second_login_ends_the_first_session_at_once(site: Site, shared_project: Any) -> None:
    first = (await site.login(shared_project["id"], "twice"))["token"]
    assert (await site.send("GET", "/api/auth/session", key=first)).status == 200
    second = (await site.login(shared_project["id"], "twice"))["token"]
    assert (await site.send("GET", "/api/auth/session", key=second)).status == 200
    assert (await site.send("GET", "/api/auth/session", key=first)).status == 401


async def test_sessions_may_be_resumed_or_kept(site: Site, shared_project: Any) -> None:
    body = {"agentName": "many", "projectId": shared_project["id"]}
    first = (await site.send("POST", "/api/auth/login", key=None, json=body)).data
    kept = await site.send("POST", "/api/auth/login", key=None, json={**body, "allowMultipleSessions": True})
    assert kept.data["sessionId"] != first["sessionId"]
    assert (await site.send("GET", "/api/auth/session", key=first["token"])).status == 200
    resumed = await site.send("POST", "/api/auth/login", key=None, json={**body, "resumeExisting": True})
    assert resumed.data["resumed"] is True
    assert resumed.data["sessionId"] in (kept.data["sessionId"], first["sessionId"])


async def test_login_errors(site: Site, shared_project: Any) -> None:
    body = {"agentName": "w", "projectId": str(uuid.uuid4())}
    assert (await site.send("POST", "/api/auth/login", key=None, json=body)).status == 404
    assert (await site.send("POST", "/api/auth/login", key=None, json={})).status == 422
    body = {"agentName": "w", "projectId": shared_project["id"]}
    assert (await site.send("POST", "/api/auth/login", key="wrong", json=body)).status == 401
    headers = {"x-api-key": "wrong"}
    assert (await site.send("POST", "/api/auth/login", key=None, json=body, headers=headers)).status == 401


async def test_a_project_may_ask_for_a_key(site: Site) -> None:
    project = await site.project(config={"requireKey": True})
    assert project["config"]["requireKey"] is True
    body = {"agentName": "w", "projectId": project["id"]}
    assert (await site.send("POST", "/api/auth/login", key=None, json=body)).status == 401
    headers = {"x-api-key": site.owner.key}
    assert (await site.send("POST", "/api/auth/login", key=None, json=body, headers=headers)).status == 200


async def test_a_key_has_no_session(site: Site) -> None:
    for method, path, body in (
        ("GET", "/api/auth/session", None),
        ("POST", "/api/auth/logout", None),
        ("PUT", "/api/auth/session", {"extendBy": 1}),
    ):
        assert (await site.send(method, path, json=body)).status == 409


async def test_both_ways_to_show_a_key(site: Site) -> None:
    for headers in (
        {"x-api-key": site.owner.key},
        {"Authorization": f"bearer   {site.owner.key}"},
        {"Authorization": f"Bearer {site.owner.key}", "x-api-key": "ignored"},
    ):
        assert (await site.send("GET", "/api/projects", key=None, headers=headers)).status == 200


async def test_a_revoked_key_ends_at_once(site: Site) -> None:
    operator = await site.new_operator(f"brief-{uuid.uuid4().hex[:8]}")
    assert (await site.send("GET", "/api/projects", key=operator.key)).status == 200
    listed = await site.identities.ListOperatorKeys(
        identity_pb2.ListOperatorKeysRequest(operator_id=operator.id), **site.as_service()
    )
    for key in listed.keys:
        await site.identities.RevokeOperatorKey(
            identity_pb2.RevokeOperatorKeyRequest(key_id=key.id), **site.as_service()
        )
    # The announcement is heard in the next turns of the loop, long before the five seconds of the cache.
    reply = await site.eventually("GET", "/api/projects", 401, key=operator.key)
    assert reply.json["error"] == "Invalid or revoked key"


@pytest.mark.parametrize(
    ("shown", "error"),
    [
        ("wrong", "Invalid or revoked key"),
        ("pw_live_wrong", "Invalid or revoked key"),
        ("pws_wrong", "Invalid or expired session"),
    ],
)
async def test_what_is_shown_as_a_key_is_called_one(site: Site, shown: str, error: str) -> None:
    reply = await site.send("GET", "/api/projects", key=None, headers={"x-api-key": shown})
    assert (reply.status, reply.json["error"]) == (401, error)


async def test_scopes_are_honoured(site: Site) -> None:
    made = await site.identities.CreateOperatorKey(
        identity_pb2.CreateOperatorKeyRequest(operator_id=site.owner.id, scopes=["queue:read"]), **site.as_service()
    )
    assert (await site.send("GET", "/api/projects", key=made.secret)).status == 200
    body = {"name": "no", "description": "x"}
    reply = await site.send("POST", "/api/projects", key=made.secret, json=body)
    assert reply.status == 403
    assert "queue:write" in reply.json["error"]
