"""The documented answers about threads, files, usage and keys."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from gateway.faces.runs.schemas import AgentStatus, ToolEvent


class Conversation(msgspec.Struct):
    """A thread, in the words of all clients: `user_input` is the title, `execution_time` in seconds."""

    id: int
    title: str
    created_at: str | int
    updated_at: str | int
    timestamp: str
    user_input: str
    result: str
    execution_time: int
    model: str
    agent_count: int
    sources: list[Any]
    agent_statuses: list[AgentStatus] = field(name="agentStatuses")
    tool_events: list[ToolEvent] = field(name="toolEvents")
    metadata: dict[str, Any] | UnsetType = UNSET
    active_task_id: str | UnsetType = field(name="activeTaskId", default=UNSET)


class Conversations(msgspec.Struct):
    """A page of threads, under both names."""

    threads: list[Conversation]
    conversations: list[Conversation]
    total: int
    limit: int
    offset: int
    has_more: bool


class ConversationMessage(msgspec.Struct):
    """Something that was said in a thread."""

    id: int
    message_id: str
    thread_id: int
    role: Literal["user", "assistant"]
    content: str
    is_agent_status: bool
    created_at: str | int
    updated_at: str | int
    rating: int
    elapsed_seconds: float | UnsetType = UNSET
    error: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET


class ConversationMessages(msgspec.Struct):
    """A page of messages, oldest first."""

    messages: list[ConversationMessage]
    total: int
    limit: int
    offset: int
    truncated: bool


class RemovedThread(msgspec.Struct):
    """A thread is removed."""

    id: int
    deleted: bool


class StoredFile(msgspec.Struct):
    """A file; `created_at` in seconds since 1970."""

    id: str
    object: Literal["file"]
    filename: str
    purpose: str
    bytes: int
    created_at: str | int
    mime_type: str | UnsetType = UNSET


class Attachment(msgspec.Struct):
    """A file that is to go with a run."""

    id: str
    mime_type: str
    size: int


class UploadTicket(msgspec.Struct):
    """How the bytes of a file are to be sent: `PUT` to `upload_url`; `expires_at` in seconds since 1970."""

    file_id: str
    upload_url: str
    upload_token: str
    pathname: str
    expires_at: int
    max_bytes: int


class ReceivedUpload(msgspec.Struct):
    """Bytes that have come, to be completed."""

    file_id: str
    pathname: str
    bytes: int
    mime_type: str


class StoredFiles(msgspec.Struct):
    """A page of files, newest first."""

    files: list[StoredFile]
    total: int
    limit: int
    offset: int


class RemovedFile(msgspec.Struct):
    """A file is removed."""

    id: str
    deleted: bool


class StoragePart(msgspec.Struct):
    """Files of one kind."""

    id: str
    label: str
    bytes: int
    count: int


class StorageUse(msgspec.Struct, rename="camel"):
    """How much files take."""

    used_bytes: int
    quota_bytes: int
    categories: list[StoragePart]


class ApiKeyUse(msgspec.Struct, rename="camel"):
    """A key and the limits that it is under, which are its operator's, as is what is used of them.

    `last_used_at` is known to within a minute.
    """

    key_id: str
    display_key: str
    tier: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None
    hourly_limit: int
    monthly_quota: int
    current_hourly_usage: int
    daily_usage: int
    weekly_usage: int
    monthly_usage: int


class DayCount(msgspec.Struct):
    """Runs of one day."""

    date: str
    count: int


class Usage(msgspec.Struct, rename="camel"):
    """Runs that were counted: `totalRequests` ever, `usageHistory` on each of the last 30 days, today last."""

    total_requests: int
    requests_this_month: int
    requests_this_week: int
    requests_today: int
    monthly_quota: int
    monthly_remaining: int
    period_start: str
    period_end: str
    plan: str
    api_keys: list[ApiKeyUse]
    usage_history: list[DayCount]


class ApiKey(msgspec.Struct, rename="camel"):
    """A key without its secret."""

    key_id: str
    display_key: str
    tier: str
    rate_limit: int
    monthly_quota: int
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class ApiKeys(msgspec.Struct):
    """The keys of the operator, newest first."""

    keys: list[ApiKey]


class MadeKey(msgspec.Struct, rename="camel"):
    """A new key, shown this once."""

    message: str
    api_key: str
    warning: str


class Told(msgspec.Struct):
    """It is done."""

    message: str
