"""Files that runs may read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from aiohttp import web
from piecework.orchestrator.v1 import files_pb2

from gateway.call import Call
from gateway.faces.runs import store_render, store_schemas
from gateway.faces.runs.attachments import PURPOSE, attachment_id, check_purpose
from gateway.faces.runs.content import FileContent
from gateway.faces.runs.generations import generation
from gateway.faces.runs.inline import check_file
from gateway.faces.runs.requests import ContentQuery, FilePage
from gateway.faces.runs.routes.table import BASES, READ, Rows
from gateway.faces.runs.upload import ATTACHMENT_BYTES, Upload, received
from gateway.routing import Route

_UPLOAD_SECONDS = 60.0
LISTS = (*(f"{base}/files" for base in BASES), "/api/v1/files")
ATTACHMENTS = ("/api/v1/attachments", "/api/attachments")
_PATHS = tuple(f"{path}/{{fileId}}" for path in LISTS)
_FORM: dict[str, dict[str, Any]] = {
    "file": {"type": "string", "format": "binary", "description": "The file, at most 10 MiB"},
    "purpose": {"type": "string", "default": "assistants", "maxLength": 100},
    "mime_type": {"type": "string", "description": "Not believed: the type is found in the bytes"},
}


async def upload_file(call: Call) -> store_schemas.StoredFile:
    """Store a file."""
    async with received(call.request) as upload:
        check_purpose(upload.fields.get("purpose", ""))
        options = call.peers.outgoing(call.identity.caller, timeout=_UPLOAD_SECONDS)
        stored: files_pb2.UploadFileResponse = await call.peers.files.UploadFile(_parts(upload), **options)
    return store_render.stored_file(stored.file, generation(call.request))


async def upload_attachment(call: Call) -> store_schemas.Attachment:
    """Store a file that is to go with a run."""
    async with received(call.request, ATTACHMENT_BYTES) as upload:
        upload.fields["purpose"] = PURPOSE
        options = call.peers.outgoing(call.identity.caller, timeout=_UPLOAD_SECONDS)
        stored: files_pb2.UploadFileResponse = await call.peers.files.UploadFile(_parts(upload), **options)
    file = stored.file
    named = attachment_id(call.identity.caller.operator_id, file.id)
    return store_schemas.Attachment(named, file.mime_type, file.size_bytes)


async def _parts(upload: Upload) -> AsyncIterator[files_pb2.UploadFileRequest]:
    about = files_pb2.NewFile(
        filename=upload.filename,
        purpose=upload.fields.get("purpose", ""),
        mime_type=upload.fields.get("mime_type") or upload.content_type,
    )
    yield files_pb2.UploadFileRequest(file=about)
    async for chunk in upload.chunks():
        yield files_pb2.UploadFileRequest(chunk=chunk)


async def list_files(call: Call) -> store_schemas.StoredFiles:
    """List the files of the caller's operator."""
    found: files_pb2.ListFilesResponse = await call.send(call.peers.files.ListFiles)
    page: FilePage = call.query
    return store_render.stored_files(found, page.limit, page.offset, generation(call.request))


async def get_file(call: Call) -> store_schemas.StoredFile:
    """Read what a file is."""
    found: files_pb2.GetFileResponse = await call.send(call.peers.files.GetFile)
    return store_render.stored_file(found.file, generation(call.request))


async def get_content(call: Call) -> web.StreamResponse:
    """Send the bytes of a file."""
    options = call.peers.outgoing(call.identity.caller, timeout=_UPLOAD_SECONDS)
    rpc: Any = call.peers.files.DownloadFile(call.message, **options)
    try:
        first = await rpc.read()
        if first is grpc.aio.EOF:
            raise web.HTTPInternalServerError
        is_inline = call.query.disposition == "inline"
        if is_inline:
            check_file(first.file)
        content = FileContent(first.file, inline=is_inline)
        return await content.send(call, rpc)
    finally:
        rpc.cancel()


async def delete_file(call: Call) -> store_schemas.RemovedFile:
    """Remove a file."""
    await call.send(call.peers.files.DeleteFile)
    return store_schemas.RemovedFile(call.message.file_id, deleted=True)


async def get_storage(call: Call) -> store_schemas.StorageUse:
    """Tell how much the files of the caller's operator take."""
    found: files_pb2.GetStorageResponse = await call.send(call.peers.files.GetStorage, files_pb2.GetStorageRequest())
    return store_render.storage(found)


def routes(rows: Rows) -> list[Route]:
    """Return the rows of files."""
    return [*_uploads(rows), *_lists(rows), *_single(rows)]


def _uploads(rows: Rows) -> list[Route]:
    return [
        *rows.at(
            LISTS,
            "POST",
            "uploadFile",
            "Store a file that runs may read",
            upload_file,
            answer=store_schemas.StoredFile,
            form=_FORM,
            errors=(400, 403, 413, 415, 503),
            tag="Files",
            description="Plain text, Markdown, CSV, JSON, PDF, PNG, JPEG, GIF, WebP and SVG, at most 10 MiB. Give its "
            "id to a run as `options.fileIds`.",
        ),
        *rows.at(
            [f"{path}/upload" for path in ATTACHMENTS],
            "POST",
            "uploadAttachment",
            "Store a file that is to go with a run, as one of its `attachment_ids`",
            upload_attachment,
            answer=store_schemas.Attachment,
            form={"file": {**_FORM["file"], "description": "The file, at most 20 MiB"}},
            errors=(400, 403, 413, 415, 503),
            tag="Files",
        ),
    ]


def _lists(rows: Rows) -> list[Route]:
    return [
        *rows.at(
            LISTS,
            "GET",
            "listFiles",
            "List files, newest first",
            list_files,
            answer=store_schemas.StoredFiles,
            request=files_pb2.ListFilesRequest,
            query=FilePage,
            errors=(400, 403),
            tag="Files",
        ),
        *rows.under_bases(
            "GET",
            "/storage",
            "getStorage",
            "Tell how much files take",
            get_storage,
            answer=store_schemas.StorageUse,
            errors=(403, 503),
            tag="Files",
        ),
    ]


def _single(rows: Rows) -> list[Route]:
    by_id = {"errors": READ, "tag": "Files"}
    return [
        *rows.at(
            _PATHS,
            "GET",
            "getFile",
            "Read what a file is",
            get_file,
            answer=store_schemas.StoredFile,
            request=files_pb2.GetFileRequest,
            **by_id,
        ),
        *rows.at(
            [f"{path}/content" for path in _PATHS],
            "GET",
            "getFileContent",
            "Download a file",
            get_content,
            request=files_pb2.DownloadFileRequest,
            query=ContentQuery,
            places={"disposition": ""},
            media_type="*/*",
            answer=str,
            errors=(*READ, 413),
            tag="Files",
            description="`disposition=inline` lets a browser show it, up to 4 MiB.",
        ),
        *rows.at(
            _PATHS,
            "DELETE",
            "deleteFile",
            "Remove a file",
            delete_file,
            answer=store_schemas.RemovedFile,
            request=files_pb2.DeleteFileRequest,
            **by_id,
        ),
    ]
