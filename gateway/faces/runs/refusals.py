"""The table of refusals: for each reason the status, the code and the sentence of this face."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.admission import RATE_LIMITED


class Refusal(msgspec.Struct, frozen=True):
    """How the runs face answers for a reason.

    Attributes:
        status: the HTTP status.
        message: the sentence; empty: the service's own.
        code: the code; empty: the reason.
    """

    status: int
    message: str = ""
    code: str = ""


# Sentences of one window that is used up, by its name.
QUOTA: Mapping[str, str] = {
    "hour": "Developer API hourly rate limit exceeded",
    "month": "Developer API monthly quota exceeded",
}
QUOTA_OTHER = "Developer API rate limit exceeded. Upgrade your plan for higher limits."

BY_REASON: Mapping[str, Refusal] = {
    "RUN_NOT_FOUND": Refusal(404, "Task not found", "TASK_NOT_FOUND"),
    "THREAD_NOT_FOUND": Refusal(404, "Thread not found"),
    "FILE_NOT_FOUND": Refusal(404, "File not found"),
    "FILE_CONTENT_NOT_FOUND": Refusal(404, "File content not found"),
    "FILE_ALREADY_COMPLETED": Refusal(409, "File already completed"),
    "UPLOAD_TOKEN_INVALID": Refusal(401, "Invalid or expired upload token", "UNAUTHORIZED"),
    "UPLOAD_EXPIRED": Refusal(409, "The upload took too long"),
    "KEY_NOT_FOUND": Refusal(404, "Key not found"),
    "QUOTA_EXCEEDED": Refusal(429, QUOTA_OTHER),
    "ATTACHMENTS_NOT_FOUND": Refusal(400, "", "INVALID_REQUEST"),
    "MODEL_UNKNOWN": Refusal(400, 'model "{model}" is not available'),
    "MODEL_NOT_IN_PLAN": Refusal(403, 'model "{model}" requires a Pro or Super subscription'),
    "MODEL_UNAVAILABLE": Refusal(503, "The model cannot be reached now"),
    "INSUFFICIENT_CREDITS": Refusal(403, "Insufficient credits: {required} needed, {available} available"),
    "THREAD_BUSY": Refusal(409, "Another run is under way in this thread"),
    "NOT_AWAITING_APPROVAL": Refusal(409, "Task is not awaiting approval"),
    "NOT_ACTIVE": Refusal(409, "Task is not active"),
    "TOO_MANY_INPUTS": Refusal(409, "A task takes at most {limit} inputs while it is under way"),
    "CURSOR_INVALID": Refusal(400, "Invalid cursor"),
    "FILE_EMPTY": Refusal(400, "Uploaded file is empty"),
    "FILE_TOO_LARGE": Refusal(413, "File exceeds maximum size of {limit} bytes"),
    "FILE_TYPE_UNSUPPORTED": Refusal(415, "Unsupported file type: {mime_type}"),
    "STORAGE_QUOTA_EXCEEDED": Refusal(403, "Storage quota exceeded"),
    "SCOPE_MISSING": Refusal(403),
    "OTHER_OPERATOR": Refusal(403),
}

# What the edge refuses before a route has its say.
EDGE: Mapping[str, Refusal] = {
    "AUTHENTICATION_REQUIRED": Refusal(401, "Unauthorized", "UNAUTHORIZED"),
    "CREDENTIAL_INVALID": Refusal(401, "Invalid or missing API key", "UNAUTHORIZED"),
    "KEY_REQUIRED": Refusal(401, "Invalid or missing API key", "UNAUTHORIZED"),
    "AGENT_NOT_ACTIVE": Refusal(403, "Account disabled", "FORBIDDEN"),
    "AGENT_PENDING_CLAIM": Refusal(403, "Account disabled", "FORBIDDEN"),
    "ROUTE_NOT_FOUND": Refusal(404, "Route not found"),
    "BODY_TOO_LARGE": Refusal(413, "", "REQUEST_TOO_LARGE"),
    "MALFORMED": Refusal(400, "", "INVALID_REQUEST"),
    RATE_LIMITED: Refusal(429),
    "IDEMPOTENCY_KEY_REUSED": Refusal(422, "This Idempotency-Key was used with another request"),
}
BY_STATUS: Mapping[int, str] = {
    400: "INVALID_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "REQUEST_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    503: "SERVICE_UNAVAILABLE",
}
