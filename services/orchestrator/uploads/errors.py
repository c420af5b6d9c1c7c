"""What can go wrong with announced uploads, besides what can go wrong with files."""

from __future__ import annotations

from kit.errors import FieldViolation, InvalidInput, NotFound, Unauthenticated, WrongState


class UploadTokenInvalid(Unauthenticated):
    """There is no such token, or it was used, or has expired, or is another file's."""

    def __init__(self) -> None:
        super().__init__("UPLOAD_TOKEN_INVALID", "The upload token is not valid any more, or was used")


class FileContentNotFound(NotFound):
    """The file was announced, but its bytes were not sent to their end."""

    def __init__(self, file_id: str) -> None:
        super().__init__("FILE_CONTENT_NOT_FOUND", f"Nothing was sent for {file_id} yet", metadata={"file_id": file_id})


class FileAlreadyCompleted(WrongState):
    """It is a file already."""

    def __init__(self, file_id: str) -> None:
        super().__init__("FILE_ALREADY_COMPLETED", f"{file_id} is completed", metadata={"file_id": file_id})


class PathnameWrong(InvalidInput):
    """The path is not that of the announced file."""

    def __init__(self) -> None:
        text = "must be the one that came with the token"
        violation = FieldViolation("pathname", text, "upload.pathname")
        super().__init__("VALIDATION_FAILED", f"pathname {text}", violations=(violation,))


class UploadBroken(InvalidInput):
    """The parts of an upload do not come as they must."""

    def __init__(self) -> None:
        text = "must come once, before all bytes"
        violation = FieldViolation("upload", text, "upload.order")
        super().__init__("VALIDATION_FAILED", f"upload {text}", violations=(violation,))
