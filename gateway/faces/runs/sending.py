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
from kit.refusal import REFUSED

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
    pump, answer = asyncio.ensure_future(_pump(call.request, rpc, upload)), asyncio.ensure_future(_answer(rpc))
    try:
        async with asyncio.timeout(_SECONDS):
            # A refusal may come before the last byte, or while the client sends nothing: then nobody wants the rest.
            await asyncio.wait((pump, answer), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await pump
            return await answer
    except TimeoutError:
        raise failed(400, "INVALID_REQUEST", "The upload took too long") from None
    finally:
        rpc.cancel()
        pump.cancel()
        await asyncio.gather(pump, answer, return_exceptions=True)


async def _pump(request: web.Request, rpc: Any, upload: uploads_pb2.UploadToken) -> None:
    # Whether it was refused the answer says, not the write.
    with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
        await rpc.write(uploads_pb2.SendUploadRequest(upload=upload))
        if REFUSED not in await rpc.initial_metadata():
            async for chunk in _chunks(request):
                await rpc.write(uploads_pb2.SendUploadRequest(chunk=chunk))
        await rpc.done_writing()


async def _answer(rpc: Any) -> uploads_pb2.SendUploadResponse:
    answer: uploads_pb2.SendUploadResponse = await rpc
    return answer


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.content.iter_chunked(CHUNK_BYTES):
            yield chunk
    except (web.RequestPayloadError, ValueError, OSError) as error:
        raise failed(400, "INVALID_REQUEST", "The body cannot be read") from error
