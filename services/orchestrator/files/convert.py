"""Files as messages, and back."""

from __future__ import annotations

from collections.abc import Sequence

from piecework.orchestrator.v1 import files_pb2 as pb

from kit.timestamps import to_timestamp
from services.orchestrator.files.model import CATEGORIES, File, NewFile, Usage


def file_to_proto(file: File) -> pb.File:
    """Return the message of a file."""
    return pb.File(
        id=file.id,
        filename=file.filename,
        purpose=file.purpose,
        size_bytes=file.size,
        mime_type=file.mime_type,
        created_at=to_timestamp(file.created_at),
    )


def new_file_from_proto(message: pb.NewFile) -> NewFile:
    """Return what a client says of a file."""
    return NewFile(message.filename, message.purpose, message.mime_type)


def storage_to_proto(usage: Sequence[Usage], quota: int) -> pb.GetStorageResponse:
    """Return the message of what files take."""
    return pb.GetStorageResponse(
        used_bytes=sum(each.size for each in usage),
        quota_bytes=quota,
        categories=[
            pb.StorageCategory(
                id=each.category, label=CATEGORIES[each.category], size_bytes=each.size, count=each.count
            )
            for each in usage
        ],
    )
