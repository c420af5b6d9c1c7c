"""Sends the bytes of a file so that no browser takes them for a page of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import grpc.aio
from aiohttp import hdrs, web
from piecework.orchestrator.v1 import files_pb2

from gateway.call import Call

_UNKNOWN = "application/octet-stream"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class FileContent:
    """One file on its way to a client.

    Args:
        file: what it is.
        inline: whether a browser may show it.
    """

    def __init__(self, file: files_pb2.File, *, inline: bool) -> None:
        self._size = file.size_bytes
        kind = "inline" if inline else "attachment"
        self._headers = {
            hdrs.CONTENT_TYPE: file.mime_type or _UNKNOWN,
            hdrs.CONTENT_DISPOSITION: f"{kind}; {_name(file.filename)}",
            "Content-Security-Policy": _POLICY,
            hdrs.CACHE_CONTROL: "private, no-store",
        }

    async def send(self, call: Call, rpc: Any) -> web.StreamResponse:
        """Answer `call` with the messages of `rpc`, whose first has been read."""
        if call.request.method == hdrs.METH_HEAD:
            return web.Response(headers={**self._headers, hdrs.CONTENT_LENGTH: str(self._size)})
        response = web.StreamResponse(headers=self._headers)
        response.content_length = self._size
        await response.prepare(call.request)
        try:
            while (part := await rpc.read()) is not grpc.aio.EOF:
                await response.write(part.chunk)
            await response.write_eof()
        except (grpc.aio.AioRpcError, ConnectionError):
            # The answer has begun: an early end is all that can be told, and it must not look like a whole file.
            if call.request.transport is not None:
                call.request.transport.abort()
        return response


def _name(filename: str) -> str:
    """Return the name as a parameter, in the form for old readers and in that for all letters (RFC 6266)."""
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%' else "_" for letter in filename)
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
