"""The documented answers about the gateway itself."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.times import Time


class Storage(msgspec.Struct):
    """Whether what the platform keeps can be reached."""

    healthy: bool
    provider: Literal["mongodb"]


class Health(msgspec.Struct):
    """Whether the platform works; `uptime` in seconds."""

    status: Literal["healthy", "unhealthy"]
    timestamp: Time
    uptime: int
    storage: Storage


class FaceAddress(msgspec.Struct):
    """A public API of this gateway: what it is for, and what its paths begin with."""

    name: str
    path: str
    about: str


class Welcome(msgspec.Struct):
    """Where everything is."""

    service: str
    version: str
    docs: str
    openapi: str
    health: str
    metrics: str
    faces: list[FaceAddress]


class System(msgspec.Struct):
    """The process of the gateway; memory and processor in percent of the machine, `uptime` in seconds."""

    memory_usage: float
    cpu_usage: float
    uptime: int


class Numbers(msgspec.Struct):
    """Requests since the start; the mean response time in milliseconds."""

    requests_total: int
    requests_success: int
    requests_error: int
    response_time_avg: float
    active_sessions: int
    system: System
