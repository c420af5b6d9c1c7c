"""One trace leads from the client through gateway and service to the commands of MongoDB."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from piecework.agents.v1 import identity_pb2 as identity
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub
from piecework.tasks.v1 import queue_pb2 as queue
from piecework.tasks.v1.queue_pb2_grpc import QueueServiceStub

from kit.caller import OPERATOR_SCOPES, Caller, service_caller
from kit.settings import Settings
from launch.platform import Platform
from launch.targets import SERVICES
from tests.e2e.piecework import until

AUTHENTICATE = "piecework.agents.v1.IdentityService/Authenticate"
QUEUE = "piecework.tasks.v1.QueueService"
WATCH = "piecework.tasks.v1.EventService/Watch"
TASKS = "/api/projects/{projectId}/tasks"

Edge = tuple[str, str]


class Site:
    """A traced platform with an operator, a project and a type.

    Attributes:
        in_process: whether gateway and services live in one process.
    """

    def __init__(self, settings: Settings, exporter: InMemorySpanExporter, *, in_process: bool) -> None:
        self.in_process = in_process
        self.http: Any = None
        self.key = ""
        self.project_id = ""
        self.type_id = ""
        self._settings = settings
        self._exporter = exporter

    async def furnish(self) -> None:
        """Make what requests need, on a platform that is not traced, so that the traced one has nothing cached."""
        platform = Platform(self._settings, SERVICES, "127.0.0.1:0", {})
        await platform.start()
        identities: Any = IdentityServiceStub(platform.channels.get("agents"))
        projects: Any = QueueServiceStub(platform.channels.get("tasks"))
        us = platform.outgoing(service_caller("tests"))
        operator = (await identities.CreateOperator(identity.CreateOperatorRequest(name="acme"), **us)).operator
        key = await identities.CreateOperatorKey(identity.CreateOperatorKeyRequest(operator_id=operator.id), **us)
        owner = platform.outgoing(Caller(kind="operator", operator_id=operator.id, scopes=OPERATOR_SCOPES))
        made = await projects.CreateProject(queue.CreateProjectRequest(name="traced", description="d"), **owner)
        self.key, self.project_id = key.secret, made.project.id
        kind = queue.CreateTaskTypeRequest(project_id=self.project_id, name="work")
        self.type_id = (await projects.CreateTaskType(kind, **owner)).task_type.id
        await platform.stop()

    async def open(self, stack: AsyncExitStack) -> None:
        """Start the traced platform."""
        services = Platform(self._settings, SERVICES, "127.0.0.1:0", {}, self._exporter)
        await services.start()
        stack.push_async_callback(services.stop)
        front = services
        if not self.in_process:
            peers = dict.fromkeys(SERVICES, f"127.0.0.1:{services.grpc_port}")
            front = Platform(self._settings, (), "", peers, self._exporter)
            await front.start()
            stack.push_async_callback(front.stop)
        port = await front.open_gateway("127.0.0.1", 0)
        headers = {"x-api-key": self.key}
        self.http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers))

    async def send(self, path: str, body: Any, trace: str, **headers: str) -> Any:
        """Make a POST request as part of a trace and return the data of the answer."""
        parent = {"traceparent": f"00-{trace}-{trace[:16]}-01"}
        async with self.http.post(path, json=body, headers={**parent, **headers}) as response:
            answer = await response.json()
        assert answer["success"], answer
        return answer["data"]

    def spans(self, trace: str) -> list[ReadableSpan]:
        """Return the spans of a trace that have ended."""
        return [span for span in self.all_spans() if f"{span.context.trace_id:032x}" == trace]

    def all_spans(self) -> Sequence[ReadableSpan]:
        """Return all spans that have ended."""
        return self._exporter.get_finished_spans()


@pytest.fixture(params=["in-process", "network"])
async def site(
    request: pytest.FixtureRequest, mongodb_uri: str, redis_url: str, database_prefix: str
) -> AsyncIterator[Site]:
    """A traced platform: gateway and services in one process, and with the network between them."""
    settings = Settings(
        mongodb_uri=mongodb_uri,
        redis_url=redis_url,
        caller_key="k" * 32,
        database_prefix=database_prefix,
        rate_limits=False,
        drain_seconds=1.0,
    )
    site = Site(settings, InMemorySpanExporter(), in_process=request.param == "in-process")
    await site.furnish()
    async with AsyncExitStack() as stack:
        await site.open(stack)
        yield site


def graph(spans: Sequence[ReadableSpan]) -> set[Edge]:
    """Return the edges: kind and name of a span, and those of its parent; `client` is the parent that is not ours."""
    names = {span.context.span_id: _name(span) for span in spans}
    parents = {span.context.span_id: span.parent.span_id if span.parent else 0 for span in spans}
    return {(names[span], names.get(parent, "client" if parent else "nobody")) for span, parent in parents.items()}


def _name(span: ReadableSpan) -> str:
    return f"{span.kind.name} {span.name}"


def call(method: str, caller: str) -> set[Edge]:
    """Return the edges of a call over gRPC."""
    return {(f"CLIENT {method}", caller), (f"SERVER {method}", f"CLIENT {method}")}


def commands(method: str, *names: str) -> set[Edge]:
    """Return the edges of the commands that a method sends to MongoDB."""
    return {(f"CLIENT {name}", f"SERVER {method}") for name in names}


def new_trace() -> str:
    """Return the id of a trace of the client."""
    return secrets.token_hex(16)


async def test_a_task_is_made_in_one_trace(site: Site) -> None:
    trace = new_trace()
    path = f"/api/projects/{site.project_id}/tasks"
    await site.send(path, {"typeId": site.type_id}, trace, **{"Idempotency-Key": trace})
    request, method = f"SERVER POST {TASKS}", f"{QUEUE}/CreateTask"
    expected = (
        {(request, "client")}
        | call(AUTHENTICATE, request)
        | commands(AUTHENTICATE, "find operator_keys")
        | call(method, request)
        | commands(
            *(method, "insert idempotency", "find projects", "find task_types"),
            *("insert work_items", "update idempotency"),
        )
    )
    assert graph(site.spans(trace)) == expected


async def test_a_task_is_handed_out_and_completed_in_a_trace_each(site: Site) -> None:
    made = await site.send(f"/api/projects/{site.project_id}/tasks", {"typeId": site.type_id}, new_trace())
    leasing, completing = new_trace(), new_trace()
    leased = await site.send("/api/agents/me/next-task", {"projectId": site.project_id}, leasing)
    body = {"result": "done", "agentName": "me", "leaseToken": leased["task"]["leaseToken"]}
    await site.send(f"/api/tasks/{made['id']}/complete", body, completing)

    request, method = "SERVER POST /api/agents/{agentName}/next-task", f"{QUEUE}/NextTask"
    found = graph(site.spans(leasing))
    assert found >= {(request, "client")} | call(method, request)
    assert found >= commands(method, "aggregate work_items", "update work_items")
    request, method = "SERVER POST /api/tasks/{taskId}/complete", f"{QUEUE}/CompleteTask"
    found = graph(site.spans(completing))
    assert found >= {(request, "client")} | call(method, request) | commands(method, "update work_items")
    for trace in (leasing, completing):
        roots = [name for name, parent in graph(site.spans(trace)) if parent in ("client", "nobody")]
        assert len(roots) == 1, roots


async def test_processes_have_names(site: Site) -> None:
    trace = new_trace()
    await site.send(f"/api/projects/{site.project_id}/tasks", {"typeId": site.type_id}, trace)
    named = {_name(span): span.resource.attributes["service.name"] for span in site.spans(trace)}
    assert named["CLIENT insert work_items"] == "piecework"
    assert named[f"SERVER POST {TASKS}"] == ("piecework" if site.in_process else "piecework-gateway")


async def test_requests_that_share_a_write_keep_their_traces_apart(site: Site) -> None:
    traces = [new_trace() for _ in range(20)]
    path = f"/api/projects/{site.project_id}/tasks"
    await asyncio.gather(*(site.send(path, {"typeId": site.type_id}, trace) for trace in traces))
    request, method = f"SERVER POST {TASKS}", f"{QUEUE}/CreateTask"
    writes = 0
    for trace in traces:
        found = graph(site.spans(trace))
        assert found >= {(request, "client")} | call(method, request)
        assert not [edge for edge in found if edge[1] == "nobody"]
        writes += ("CLIENT insert work_items", f"SERVER {method}") in found
    # A write that several requests share belongs to the trace of the first of them.
    assert 1 <= writes <= len(traces)


async def test_a_stream_of_events_belongs_to_the_trace_of_its_request(site: Site) -> None:
    trace = new_trace()
    headers = {"traceparent": f"00-{trace}-{trace[:16]}-01"}
    async with site.http.get(f"/api/projects/{site.project_id}/events", headers=headers) as response:
        assert response.status == 200
        await response.content.readline()
    request = "SERVER GET /api/projects/{projectId}/events"
    expected = {(request, "client"), (f"SERVER {WATCH}", request), *call(f"{QUEUE}/GetProject", request)}
    await until(lambda: graph(site.spans(trace)) >= expected, "the stream ends in the trace", 10)


async def test_what_runs_by_itself_is_not_traced(site: Site) -> None:
    trace = new_trace()
    await site.send(f"/api/projects/{site.project_id}/tasks", {"typeId": site.type_id}, trace)
    assert {f"{span.context.trace_id:032x}" for span in site.all_spans()} == {trace}
