"""Announced uploads as messages."""

from __future__ import annotations

from piecework.orchestrator.v1 import uploads_pb2 as pb

from kit.timestamps import to_timestamp
from services.orchestrator.uploads.model import PendingUpload


def created_to_proto(upload: PendingUpload, token: str) -> pb.CreateUploadResponse:
    """Return how the bytes of an announced file are to be sent."""
    return pb.CreateUploadResponse(
        file_id=upload.id,
        token=token,
        pathname=upload.pathname,
        expires_at=to_timestamp(upload.expires_at),
        max_bytes=upload.max_bytes,
    )


def sent_to_proto(upload: PendingUpload) -> pb.SendUploadResponse:
    """Return what has come."""
    return pb.SendUploadResponse(pathname=upload.pathname, size_bytes=upload.size, mime_type=upload.mime_type)
