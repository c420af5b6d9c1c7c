"""Files that are sent with a token: announced, sent, completed. Clients do so with large ones."""

from __future__ import annotations

from piecework.orchestrator.v1 import uploads_pb2

from gateway import auth
from gateway.call import Call
from gateway.faces.runs import store_render, store_schemas
from gateway.faces.runs.attachments import check_purpose
from gateway.faces.runs.generations import generation
from gateway.faces.runs.requests import NewUpload, SentUpload
from gateway.faces.runs.routes.files import LISTS
from gateway.faces.runs.routes.table import Rows
from gateway.faces.runs.sending import pass_on
from gateway.routing import Access, Route

_TOKEN = "/upload-token"  # noqa: S105 - a path
_PLACES = {
    "filename": "file.filename",
    "purpose": "file.purpose",
    "mime_type": "file.mime_type",
    "bytes": "size_bytes",
}
_REPEATED = dict.fromkeys(("filename", "purpose", "mime_type"), "")


async def announce(call: Call) -> store_schemas.UploadTicket:
    """Announce a file, and tell how its bytes are to be sent."""
    check_purpose(call.message.file.purpose)
    made: uploads_pb2.CreateUploadResponse = await call.send(call.peers.uploads.CreateUpload)
    origin = f"{'https' if call.exchange.secure else 'http'}://{call.request.host}"
    files = call.request.path.removesuffix(_TOKEN)
    return store_schemas.UploadTicket(
        file_id=made.file_id,
        upload_url=f"{origin}{files}/{made.file_id}/content",
        upload_token=made.token,
        pathname=made.pathname,
        expires_at=made.expires_at.seconds,
        max_bytes=made.max_bytes,
    )


async def send(call: Call) -> store_schemas.ReceivedUpload:
    """Take the bytes of an announced file."""
    token = auth.credential(call.request.headers)
    if token is None:
        raise auth.required()
    file_id: str = call.message.file_id
    sent = await pass_on(call, uploads_pb2.UploadToken(file_id=file_id, token=token))
    return store_schemas.ReceivedUpload(file_id, sent.pathname, sent.size_bytes, sent.mime_type)


async def complete(call: Call) -> store_schemas.StoredFile:
    """Make a file of what was sent."""
    made: uploads_pb2.CompleteUploadResponse = await call.send(call.peers.uploads.CompleteUpload)
    return store_render.stored_file(made.file, generation(call.request))


def routes(rows: Rows) -> list[Route]:
    """Return the rows of announced uploads."""
    return [*_announcement(rows), *_content(rows)]


def _announcement(rows: Rows) -> list[Route]:
    return [
        *rows.at(
            [f"{path}{_TOKEN}" for path in LISTS],
            "POST",
            "createUpload",
            "Announce a file, to send its bytes with a token",
            announce,
            answer=store_schemas.UploadTicket,
            request=uploads_pb2.CreateUploadRequest,
            places=_PLACES,
            body=NewUpload,
            errors=(403,),
            tag="Files",
            description="`PUT` the bytes to `upload_url` with `Authorization: Bearer <upload_token>` within 15 "
            "minutes, then complete it. The token is for this file, for so many bytes, and for one use.",
        ),
        *rows.at(
            [f"{path}/complete" for path in LISTS],
            "POST",
            "completeUpload",
            "Make a file of what was sent",
            complete,
            answer=store_schemas.StoredFile,
            request=uploads_pb2.CompleteUploadRequest,
            places=_REPEATED,
            body=SentUpload,
            errors=(403, 404, 409),
            tag="Files",
            description="What is not completed within 15 minutes is removed.",
        ),
    ]


def _content(rows: Rows) -> list[Route]:
    return rows.at(
        [f"{path}/{{fileId}}/content" for path in LISTS],
        "PUT",
        "sendUpload",
        "Send the bytes of an announced file",
        send,
        answer=store_schemas.ReceivedUpload,
        request=uploads_pb2.UploadToken,
        raw="application/octet-stream",
        access=Access.TICKET,
        errors=(400, 403, 409, 413, 415),
        tag="Files",
    )
