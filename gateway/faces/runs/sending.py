"""Passes the bytes of an announced upload on as they come: nothing of them is kept here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc.aio
from aiohttp import web
from piecework.orchestrator.v1 import uploads_pb2

from gateway.call import Call
from gateway.faces.runs.errors import failed
from gateway.faces.runs.upload import CHUNK_BYTES, LIMIT_BYTES

_SECONDS = 300.0


async def pass_on(call: Call, upload: uploads_pb2.UploadToken) -> uploads_pb2.SendUploadResponse:
    """Send the body of a request as the bytes of an announced upload.

    Raises:
        RunsFailure: 400, the body cannot be read to its end, or takes too long; 413, it is larger than any file.
        AioRpcError: the upload is refused.
    """
    if (call.request.content_length or 0) > LIMIT_BYTES:
        raise failed(413, "FILE_TOO_LARGE", f"File exceeds maximum size of {LIMIT_BYTES} bytes")
    rpc: Any = call.peers.uploads.SendUpload(**call.peers.outgoing(call.identity.caller, timeout=_SECONDS))
    try:
        async with asyncio.timeout(_SECONDS):
            # A refusal may come before the last byte; then nobody wants the rest. The answer says why, not the write.
            with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
                await rpc.write(uploads_pb2.SendUploadRequest(upload=upload))
                async for chunk in _chunks(call.request):
                    await rpc.write(uploads_pb2.SendUploadRequest(chunk=chunk))
                await rpc.done_writing()
            answer: uploads_pb2.SendUploadResponse = await rpc
            return answer
    except TimeoutError:
        raise failed(400, "INVALID_REQUEST", "The upload took too long") from None
    finally:
        rpc.cancel()


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.content.iter_chunked(CHUNK_BYTES):
            yield chunk
    except (web.RequestPayloadError, ValueError, OSError) as error:
        raise failed(400, "INVALID_REQUEST", "The body cannot be read") from error
