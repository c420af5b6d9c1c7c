"""Attachments: files that come with one run, in the two ways that clients send them."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from piecework.orchestrator.v1 import files_pb2

from gateway.call import Call
from gateway.errors import Detail
from gateway.faces.runs.errors import failed, invalid
from gateway.faces.runs.requests import NewRun
from gateway.faces.runs.upload import CHUNK_BYTES

MOST = 5
PURPOSE = "attachment"
_ID = re.compile(r"u:(\d{1,18}):([0-9a-f-]{36})", re.ASCII)
_FILE = "file-"
_SECONDS = 60.0
# How long an attachment waits for the run that it is to go with.
_LIFE_SECONDS = 600


def attachment_id(operator_id: int, file_id: str) -> str:
    """Return the id under which clients name an attachment."""
    return f"u:{operator_id}:{file_id.removeprefix(_FILE)}"


def check_purpose(purpose: str) -> None:
    """Check that an ordinary file does not pass for an attachment, which would be removed after some days.

    Raises:
        RunsFailure: 400, it would.
    """
    if purpose == PURPOSE:
        raise invalid([Detail("purpose", f"must not be {PURPOSE}")])


async def file_ids(call: Call, body: NewRun) -> list[str]:
    """Return the files that the attachments of a run are; those that the body itself holds are stored first.

    Raises:
        RunsFailure: 400, there are too many, or none can be found or read; 403, one is another operator's.
        AioRpcError: a file is refused.
    """
    named = body.attachment_ids if isinstance(body.attachment_ids, list) else []
    held = body.attachments if isinstance(body.attachments, list) else []
    if len(named) + len(held) > MOST:
        raise invalid([Detail("attachment_ids", f"must contain less than or equal to {MOST} items")])
    found = await _resolved(call, named)
    if named and not found:
        raise failed(400, "INVALID_REQUEST", "None of the provided attachments could be resolved")
    contents = [_content(each, index) for index, each in enumerate(held)]
    return found + [await _store(call, *content) for content in contents]


async def _resolved(call: Call, named: list[str]) -> list[str]:
    ids = [match for match in map(_ID.fullmatch, named) if match is not None]
    if any(int(match[1]) != call.identity.caller.operator_id for match in ids):
        raise failed(403, "FORBIDDEN", "One or more attachments are not accessible")
    found = []
    for match in ids:
        request = files_pb2.GetFileRequest(file_id=_FILE + match[2])
        try:
            answer: files_pb2.GetFileResponse = await call.send(call.peers.files.GetFile, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        else:
            if answer.file.purpose == PURPOSE and answer.file.created_at.seconds >= time.time() - _LIFE_SECONDS:
                found.append(answer.file.id)
    return found


def _content(given: Any, index: int) -> tuple[files_pb2.NewFile, bytes]:
    place = f"attachments[{index}]"
    if not isinstance(given, dict) or not isinstance(given.get("data"), str):
        raise invalid([Detail(f"{place}.data", "must be a string in base64")])
    try:
        content = base64.b64decode(given["data"].rpartition("base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise invalid([Detail(f"{place}.data", "must be a string in base64")]) from None
    mime_type, name = str(given.get("mime_type") or ""), str(given.get("name") or f"attachment-{index + 1}")
    return files_pb2.NewFile(filename=name[:255], purpose=PURPOSE, mime_type=mime_type[:255]), content


async def _store(call: Call, about: files_pb2.NewFile, content: bytes) -> str:
    async def parts() -> AsyncIterator[files_pb2.UploadFileRequest]:
        yield files_pb2.UploadFileRequest(file=about)
        for start in range(0, len(content), CHUNK_BYTES):
            yield files_pb2.UploadFileRequest(chunk=content[start : start + CHUNK_BYTES])

    options = call.peers.outgoing(call.identity.caller, timeout=_SECONDS)
    stored: files_pb2.UploadFileResponse = await call.peers.files.UploadFile(parts(), **options)
    return stored.file.id
