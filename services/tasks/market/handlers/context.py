"""What gRPC hands to every handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    Context: TypeAlias = ServicerContext[Any, Any]
