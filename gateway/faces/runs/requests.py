"""The documented bodies and queries. Unknown names are ignored, and `null` is the same as nothing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

Text = str | UnsetType | None
Flag = bool | UnsetType | None
Texts = list[str] | UnsetType | None

Limit = Annotated[int, Meta(ge=1, le=100)]
Offset = Annotated[int, Meta(ge=0, le=100_000)]


class LenientBody(msgspec.Struct):
    """What all bodies have in common."""

    def __post_init__(self) -> None:
        """Read `null` as nothing."""
        for name in self.__struct_fields__:
            if getattr(self, name) is None:
                setattr(self, name, UNSET)


class NewRun(LenientBody):
    """A prompt to run. `options` may hold anything; what is known of it is documented with the route."""

    prompt: str
    options: dict[str, Any] | UnsetType | None = UNSET
    camel_model: Text = field(name="modelId", default=UNSET)
    snake_model: Text = field(name="model_id", default=UNSET)
    snake_files: Texts = field(name="file_ids", default=UNSET)
    camel_files: Texts = field(name="fileIds", default=UNSET)
    budget: int | float | UnsetType | None = UNSET
    role_models: dict[str, str] | UnsetType | None = UNSET
    attachments: list[Any] | UnsetType | None = UNSET
    attachment_ids: Texts = UNSET
    stream: Flag = UNSET


class NewThreadMessage(LenientBody):
    """Something that was said already."""

    role: str
    content: str


class NewThread(LenientBody):
    """A thread to begin."""

    title: str | UnsetType | None = UNSET
    messages: list[NewThreadMessage] | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET


class NewUpload(LenientBody):
    """A file whose bytes will be sent with a token; `bytes` is how many they are, if that is known."""

    filename: str
    purpose: Text = UNSET
    mime_type: Text = UNSET
    bytes: int | UnsetType | None = UNSET


class SentUpload(LenientBody):
    """An upload whose bytes were sent; what was said of it with the token holds, whatever is repeated here."""

    file_id: str
    pathname: Text = UNSET
    filename: Text = UNSET
    purpose: Text = UNSET
    mime_type: Text = UNSET


class ApprovalAnswer(LenientBody):
    """What the operator says to a step that asked."""

    approved: bool
    result: str | UnsetType | None = UNSET
    error: str | UnsetType | None = UNSET


class SteeringInput(LenientBody):
    """What the operator says to a run under way."""

    input: str


class NewApiKey(LenientBody):
    """A key to make; the tier is that of the operator's plan whatever is asked for."""

    tier: Text = UNSET


class ApiKeyName(LenientBody):
    """Names a key."""

    key_id: str = field(name="keyId")


class AnyRunsQuery(msgspec.Struct):
    """No query parameters; others are ignored."""


class ThreadPage(msgspec.Struct):
    """Which threads to list."""

    limit: Limit = 20
    offset: Offset = 0


class MessagePage(msgspec.Struct):
    """Which messages to list."""

    limit: Limit = 50
    offset: Offset = 0


class FilePage(msgspec.Struct):
    """Which files to list."""

    limit: Limit = 20
    offset: Offset = 0


class ActivePage(msgspec.Struct):
    """How many runs to list."""

    limit: Limit = 25


class ContentQuery(msgspec.Struct):
    """How to send a file."""

    disposition: str | UnsetType = UNSET
