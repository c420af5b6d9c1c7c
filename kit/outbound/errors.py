"""Why a request to the outside is not made, or fails.

OutboundError
├── TargetRefused     the URL may not be asked: `kind` says which rule forbids it
└── RequestFailed     the target was asked, or looked for, and gave no answer
    └── NameUnknown   its name has no address now
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["url", "scheme", "address"]


class OutboundError(Exception):
    """A request was not answered. The message is fit for whoever named the target: it holds nothing of our network."""


class TargetRefused(OutboundError):
    """The URL may not be asked.

    Args:
        kind: `url` (malformed), `scheme` (not HTTPS) or `address` (leads to an address that is not public).
        message: what is wrong, in a sentence.
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind


class RequestFailed(OutboundError):
    """There was no answer."""


class NameUnknown(RequestFailed):
    """The name of the target has no address now."""
