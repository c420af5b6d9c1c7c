"""What every test of a service needs: a host in this process, the way to it, and words for a refusal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import grpc.aio
import pytest
from prometheus_client import CollectorRegistry

from kit.caller import CallerSigner
from kit.channels import Channels
from kit.errors import DomainError
from kit.host import GrpcHost, Registration
from kit.inprocess import InProcessServer
from kit.interceptors.access import AccessInterceptor, RpcMetrics
from kit.interceptors.caller import CallerInterceptor
from kit.interceptors.errors import ErrorsInterceptor
from kit.interceptors.validation import ValidationInterceptor


class LateChannels(Channels):
    """Channels that are made before the host that they lead to.

    Args:
        addresses: the peers that live elsewhere.
        inprocess: the server of the others, if it is there already.
    """

    def __init__(self, addresses: Mapping[str, str] | None = None, inprocess: InProcessServer | None = None) -> None:
        super().__init__(addresses or {}, inprocess)

    def lead_to(self, host: GrpcHost) -> None:
        self._inprocess = host.inprocess


def host_for(
    registrations: Sequence[Registration], signer: CallerSigner, *innermost: grpc.aio.ServerInterceptor
) -> GrpcHost:
    """Return a host with the interceptors of a real one, and `innermost` behind them, on any free port."""
    interceptors = [
        AccessInterceptor(RpcMetrics(CollectorRegistry())),
        ErrorsInterceptor(),
        CallerInterceptor(signer),
        ValidationInterceptor(),
        *innermost,
    ]
    return GrpcHost(registrations, "127.0.0.1:0", interceptors, drain_seconds=5)


@contextlib.contextmanager
def refused(reason: str, kind: type[DomainError] = DomainError) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """Expect a call to be refused for `reason`."""
    with pytest.raises(kind) as caught:
        yield caught
    assert caught.value.reason == reason, caught.value
