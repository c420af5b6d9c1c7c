"""Failures of engines and services, told in a sentence instead of a stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc.aio
from pymongo.errors import PyMongoError

from kit.engines import EngineError
from kit.errors import DomainError
from launch.errors import CommandFailed


@contextmanager
def explained(what: str, advice: str) -> Iterator[None]:
    """Turn what can go wrong outside of this process into the failure of the command.

    Args:
        what: what could not be done.
        advice: what to do about it.

    Raises:
        CommandFailed: something went wrong.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise CommandFailed(f"{what}: {error.details() or error.code().name}", advice) from error
    except (EngineError, DomainError, PyMongoError, OSError) as error:
        # What MongoDB's driver says is followed by the state of every server it knows.
        reason = str(error).split(", Topology Description")[0]
        raise CommandFailed(f"{what}: {reason}", advice) from error
