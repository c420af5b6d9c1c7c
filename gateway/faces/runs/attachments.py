"""Attachments: files that come with one run, in the two ways that clients send them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from piecework.orchestrator.v1 import runs_pb2

from gateway.call import Call
from gateway.errors import Detail
from gateway.faces.runs.errors import failed, invalid
from gateway.faces.runs.requests import NewRun

MOST = 5
PURPOSE = "attachment"
_ID = re.compile(r"u:(\d{1,18}):([0-9a-f-]{36})", re.ASCII)
_FILE = "file-"


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


def fill(call: Call, message: runs_pb2.StartRunRequest, body: NewRun) -> None:
    """Put the attachments of a run into `message`. The service finds and stores them: a repeated request is the same.

    Raises:
        RunsFailure: 400, there are too many, or one cannot be read; 403, one is another operator's.
    """
    named = body.attachment_ids if isinstance(body.attachment_ids, list) else []
    held = body.attachments if isinstance(body.attachments, list) else []
    if len(named) + len(held) > MOST:
        raise invalid([Detail("attachment_ids", f"must contain less than or equal to {MOST} items")])
    # What is no id of an attachment is looked for all the same, and not found.
    matches = [(each, _ID.fullmatch(each)) for each in named]
    if any(match and int(match[1]) != call.identity.caller.operator_id for _, match in matches):
        raise failed(403, "FORBIDDEN", "One or more attachments are not accessible")
    message.attachment_ids.extend(_FILE + match[2] if match else each for each, match in matches)
    message.attachments.extend(_content(each, index) for index, each in enumerate(held))


def _content(given: Any, index: int) -> runs_pb2.Attachment:
    place = f"attachments[{index}]"
    if not isinstance(given, dict) or not isinstance(given.get("data"), str):
        raise invalid([Detail(f"{place}.data", "must be a string in base64")])
    try:
        content = base64.b64decode(given["data"].rpartition("base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise invalid([Detail(f"{place}.data", "must be a string in base64")]) from None
    mime_type, name = str(given.get("mime_type") or ""), str(given.get("name") or f"attachment-{index + 1}")
    return runs_pb2.Attachment(filename=name[:255], mime_type=mime_type[:255], content=content)
