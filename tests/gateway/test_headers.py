"""The headers that every answer carries."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
import structlog

from tests.gateway.site import Site

_SECURITY = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "X-XSS-Protection": "1; mode=block"}
_ANY = [
    ("GET", "/health", 200),
    ("GET", "/api/projects", 200),
    ("POST", "/api/projects", 400),
    ("GET", "/api/nope", 404),
    ("GET", "/nope", 404),
    ("PATCH", "/api/projects", 405),
    ("GET", "/api/docs", 200),
    ("OPTIONS", "/api/projects", 204),
]


@pytest.mark.parametrize(("method", "path", "status"), _ANY)
async def test_security_headers(site: Site, method: str, path: str, status: int) -> None:
    reply = await site.send(method, path, headers={"Content-Type": "application/json"})
    assert reply.status == status
    for name, value in _SECURITY.items():
        assert reply.headers.getall(name) == [value]
    assert "Strict-Transport-Security" not in reply.headers
    assert reply.headers["Server"] == "piecework"
    assert uuid.UUID(reply.headers["X-Correlation-ID"])


async def test_hsts_only_when_the_request_came_over_https(site: Site, another_gateway: Any) -> None:
    forwarded = {"X-Forwarded-Proto": "https"}
    assert "Strict-Transport-Security" not in (await site.send("GET", "/health", headers=forwarded)).headers
    behind_proxy = await another_gateway(trusted_proxies=(ip_network("127.0.0.0/8"),))
    assert "Strict-Transport-Security" in (await behind_proxy.send("GET", "/health", headers=forwarded)).headers
    assert "Strict-Transport-Security" not in (await behind_proxy.send("GET", "/health")).headers


async def test_the_correlation_id_is_repeated_when_it_is_harmless(site: Site) -> None:
    for name in ("X-Correlation-ID", "X-Request-ID"):
        reply = await site.send("GET", "/api/nope", headers={name: "req-123-456"})
        assert reply.headers["X-Correlation-ID"] == reply.json["correlationId"] == "req-123-456"
    for harmful in ("a b", "x" * 129, "ü", ""):
        reply = await site.send("GET", "/api/nope", headers={"X-Correlation-ID": harmful})
        assert reply.headers["X-Correlation-ID"] == reply.json["correlationId"] != harmful


async def test_preflight_comes_before_everything(site: Site) -> None:
    asked = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    for path in ("/api/projects", "/api/projects/x", "/api/nope"):
        reply = await site.send("OPTIONS", path, key=None, headers=asked)
        assert reply.status == 204
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["Access-Control-Allow-Methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
        assert reply.headers["Access-Control-Allow-Headers"] == "authorization, content-type"


async def test_origins_are_configurable(another_gateway: Any) -> None:
    site = await another_gateway(cors_origins=("https://a.example.com", "https://b.example.com"))
    allowed = await site.send("GET", "/api/projects", headers={"Origin": "https://b.example.com"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://b.example.com"
    assert allowed.headers["Vary"] == "Origin"
    assert "X-RateLimit-Remaining" in allowed.headers["Access-Control-Expose-Headers"]
    other = await site.send("GET", "/api/projects", headers={"Origin": "https://evil.example.com"})
    assert "Access-Control-Allow-Origin" not in other.headers
    assert other.headers["Vary"] == "Origin"


async def test_a_replayed_answer_says_so(site: Site, shared_project: Any) -> None:
    kind = await site.task_type(shared_project["id"])
    path = f"/api/projects/{shared_project['id']}/tasks"
    headers = {"Idempotency-Key": f"k-{uuid.uuid4()}"}
    first = await site.send("POST", path, json={"typeId": kind["id"], "instructions": "a"}, headers=headers)
    assert first.status == 201
    assert "Idempotency-Replayed" not in first.headers
    again = await site.send("POST", path, json={"typeId": kind["id"], "instructions": "a"}, headers=headers)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.data["id"] == first.data["id"]
    other = await site.send("POST", path, json={"typeId": kind["id"], "instructions": "b"}, headers=headers)
    assert other.status == 422
    bad = await site.send("POST", path, json={"typeId": kind["id"]}, headers={"Idempotency-Key": "a b"})
    assert bad.json["validationDetails"][0]["field"] == "Idempotency-Key"


async def test_health_and_metrics(site: Site) -> None:
    health = await site.send("GET", "/health", key=None)
    assert health.json["success"] is True
    assert set(health.data) == {"status", "timestamp", "uptime", "storage"}
    assert health.data["status"] == "healthy"
    assert health.data["storage"] == {"healthy": True, "provider": "mongodb"}
    numbers = (await site.send("GET", "/metrics/json", key=None)).data
    assert set(numbers) == {
        "requests_total",
        "requests_success",
        "requests_error",
        "response_time_avg",
        "active_sessions",
        "system",
    }
    assert set(numbers["system"]) == {"memory_usage", "cpu_usage", "uptime"}
    assert numbers["requests_total"] == numbers["requests_success"] + numbers["requests_error"] > 0
    assert 0 < numbers["system"]["memory_usage"] < 100


class _Recorder:
    """The end of the log: keeps what is written."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self.written = asyncio.Event()

    def info(self, batch: bytes) -> None:
        self.lines += [json.loads(line) for line in batch.splitlines()]
        self.written.set()


@pytest.fixture
def log() -> Iterator[_Recorder]:
    """What is logged from now on."""
    recorder = _Recorder()
    before = structlog.get_config()["logger_factory"]
    structlog.configure(logger_factory=lambda *_names: recorder)
    yield recorder
    structlog.configure(logger_factory=before)


async def test_every_request_has_its_log_line_without_secrets(site: Site, log: _Recorder) -> None:
    headers = {"x-api-key": "pw_live_secret", "X-Correlation-ID": "pw_live_careless"}
    await site.send("GET", f"/api/projects/{uuid.uuid4()}?x=pw_live_query", headers=headers)
    await asyncio.wait_for(log.written.wait(), 5)
    line = log.lines[-1]
    assert line.pop("duration_ms") > 0
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "request",
        "method": "GET",
        "route": "/api/projects/{projectId}",
        "status": 422,
        "correlation_id": "pw_live_***",
        "operator_id": site.owner.id,
    }


async def test_metrics_have_bounded_labels(site: Site, shared_project: Any) -> None:
    await site.send("GET", f"/api/projects/{shared_project['id']}")
    await site.send("GET", f"/api/nope-{uuid.uuid4()}")
    text = (await site.send("GET", "/metrics", key=None)).text
    assert 'route="/api/projects/{projectId}",status="200"' in text
    assert 'route="unmatched",status="404"' in text
    assert shared_project["id"] not in text
