"""What can go wrong with files."""

from __future__ import annotations

from kit.errors import Exhausted, FieldViolation, InvalidInput, NotFound, WrongState
from services.orchestrator.files.model import MAX_FILE_BYTES


class FileNotFound(NotFound):
    """There is no such file, or it belongs to somebody else."""

    def __init__(self, file_id: str) -> None:
        super().__init__("FILE_NOT_FOUND", f"File {file_id} does not exist", metadata={"file_id": file_id})


class FileEmpty(InvalidInput):
    """A file without a byte."""

    def __init__(self) -> None:
        super().__init__("FILE_EMPTY", "The file is empty")


class FileTooLarge(InvalidInput):
    """More bytes than a file may have."""

    def __init__(self, limit: int = MAX_FILE_BYTES) -> None:
        super().__init__("FILE_TOO_LARGE", f"The file may have {limit} bytes", metadata={"limit": str(limit)})


class FileTypeUnsupported(InvalidInput):
    """A kind of file that no run can use."""

    def __init__(self, mime_type: str) -> None:
        super().__init__(
            "FILE_TYPE_UNSUPPORTED", f"Files of type {mime_type} are not taken", metadata={"mime_type": mime_type}
        )


class StorageQuotaExceeded(Exhausted):
    """The files of the operator would take more than they may."""

    def __init__(self, quota: int) -> None:
        super().__init__("STORAGE_QUOTA_EXCEEDED", f"Your files may take {quota} bytes", metadata={"limit": str(quota)})


class UploadBroken(InvalidInput):
    """The parts of an upload do not come as they must."""

    def __init__(self) -> None:
        text = "must come once, before all bytes"
        violation = FieldViolation("file", text, "upload.order")
        super().__init__("VALIDATION_FAILED", f"file {text}", violations=(violation,))


class UploadExpired(WrongState):
    """The upload took so long that it was given up."""

    def __init__(self) -> None:
        super().__init__("UPLOAD_EXPIRED", "The upload took too long")
