"""Calls between services that live in one process, with everything that gRPC promises and without the socket.

The counterpart of grpc-java's in-process transport for `grpc.aio`. Generated stubs take an `InProcessChannel` like any
channel, and generated `add_..._to_server` functions take an `InProcessServer` like any server. Messages are still
serialised; interceptors, metadata, deadlines, cancellation, status details and streams are those of gRPC. One contract
suite runs over this and over a real channel and proves that they cannot be told apart.
"""

from __future__ import annotations

from kit.inprocess.channel import InProcessChannel
from kit.inprocess.server import InProcessServer

__all__ = ["InProcessChannel", "InProcessServer"]
