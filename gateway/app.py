"""Builds the gateway from its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.addresses import Origins
from gateway.admission import Admission
from gateway.auth import Authenticator
from gateway.call import Services
from gateway.edge import Edge
from gateway.endpoint import BODY_LIMIT_BYTES, Endpoint
from gateway.faces import market, mcp, ops, queue, runs, tools
from gateway.headers import Cors
from gateway.observation import HttpMetrics, Observer
from gateway.openapi import document
from gateway.peers import Peers
from gateway.routing import Face
from gateway.streams import Streams
from gateway.within import Within
from kit.channels import Channels, Outgoing
from kit.metrics import Registry, new_registry
from kit.outbound.client import OutboundClient
from kit.redis import REVOKED_CHANNEL, Wakeups
from kit.settings import Settings


@dataclass(frozen=True)
class GatewayResources:
    """What the gateway needs of its process.

    Attributes:
        settings: the configuration.
        channels: the way to the services.
        outgoing: signs calls to them.
        redis: a client made by `kit.redis.connect`, which stays the caller's to close; None: limits are counted here
            alone and revocations of other processes are noticed after some seconds.
        registry: where metrics are registered and what `/metrics` shows.
        middlewares: middlewares that go outside of everything, for example tracing.
        heartbeat_seconds: how long an event stream may be silent before a comment is sent.
        streams_per_operator: how many event streams one operator may have open here.
        outbound: asks the pages that clients name; only public ones unless told otherwise.
    """

    settings: Settings
    channels: Channels
    outgoing: Outgoing
    redis: Any = None
    registry: Registry = field(default_factory=new_registry)
    middlewares: Sequence[Any] = ()
    heartbeat_seconds: float = 15.0
    streams_per_operator: int = 100
    outbound: OutboundClient = field(default_factory=OutboundClient)


def build_app(resources: GatewayResources) -> web.Application:
    """Return the gateway, ready to be run; see `gateway.server`. Must be called on the event loop."""
    settings = resources.settings
    peers = Peers(resources.channels, resources.outgoing)
    authenticator = Authenticator(peers.identities, resources.outgoing)
    streams = Streams(per_operator=resources.streams_per_operator, heartbeat_seconds=resources.heartbeat_seconds)
    metrics = HttpMetrics(resources.registry)
    operations = ops.Operations(resources.registry, metrics)
    # The router tries the routes below a common path in this order: `/tasks/task_…` comes before `/tasks/{id}`.
    free = tools.face(resources.outbound)
    rest = (queue.face(settings.queue_rate_limit), runs.face(), *market.faces(), free, ops.face(operations))
    operations.document = document(rest)
    within = Within()
    faces = operations.faces = (*rest, mcp.face(within))
    observer = Observer(metrics)
    admissions = _admissions(faces, resources.redis) if settings.rate_limits else {}
    edge = Edge(
        faces,
        admissions,
        authenticator,
        Origins(settings.trusted_proxies),
        Cors(settings.cors_origins),
        observer,
    )
    app = web.Application(middlewares=[*resources.middlewares, edge.around], client_max_size=BODY_LIMIT_BYTES)
    app.on_response_prepare.append(edge.finish_headers)
    _add_routes(app, faces, Services(peers, authenticator, streams), admissions)
    within.connect(app.router, edge.around)
    _follow_revocations(app, authenticator, resources.redis)
    _end_well(app, streams, observer)
    return app


def _admissions(faces: Sequence[Face], redis: Any) -> dict[str, Admission]:
    pool = None if redis is None else redis.connection_pool
    return {face.name: Admission(face, pool) for face in faces if face.rates or face.buckets or face.caller_rates}


def _add_routes(
    app: web.Application, faces: Sequence[Face], services: Services, admissions: Mapping[str, Admission]
) -> None:
    for face in faces:
        for route in face.routes:
            endpoint = Endpoint(route, face, services, admissions.get(face.name))
            if route.method == "GET" and route.media_type != "text/event-stream":
                app.router.add_get(route.path, endpoint.handle, allow_head=True)
            else:
                app.router.add_route(route.method, route.path, endpoint.handle)


def _follow_revocations(app: web.Application, authenticator: Authenticator, redis: Any) -> None:
    async def follow(_app: web.Application) -> Any:
        revocations = Wakeups(redis, REVOKED_CHANNEL)
        revocations.on_message(authenticator.revoke)
        revocations.on_resume(authenticator.forget_all)
        await revocations.start()
        yield
        await revocations.close()

    app.cleanup_ctx.append(follow)


def _end_well(app: web.Application, streams: Streams, observer: Observer) -> None:
    async def end_streams(_app: web.Application) -> None:
        streams.end()

    async def write_log(_app: web.Application) -> None:
        observer.close()

    app.on_shutdown.append(end_streams)
    app.on_cleanup.append(write_log)
