"""Times and durations between Python and protobuf, to the millisecond and without detours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_timestamp(at: datetime) -> Timestamp:
    """Return `at` as a protobuf timestamp."""
    message = Timestamp()
    write_timestamp(message, at)
    return message


def write_timestamp(message: Timestamp, at: datetime) -> None:
    """Write `at` into `message`, the field of another message: cheaper than to make a timestamp and copy it there."""
    since = at - _EPOCH
    message.seconds = since.days * 86_400 + since.seconds
    message.nanos = since.microseconds * 1_000


def from_timestamp(timestamp: Timestamp) -> datetime:
    """Return a protobuf timestamp as a time in UTC, cut to whole milliseconds."""
    return _EPOCH + timedelta(seconds=timestamp.seconds, milliseconds=timestamp.nanos // 1_000_000)


def to_duration(length: timedelta) -> Duration:
    """Return `length` as a protobuf duration."""
    return Duration(seconds=length.days * 86_400 + length.seconds, nanos=length.microseconds * 1_000)


def write_milliseconds(message: Duration, milliseconds: int) -> None:
    """Write a length of time into `message`, the field of another message."""
    message.seconds, rest = divmod(milliseconds, 1_000)
    message.nanos = rest * 1_000_000


def from_duration(duration: Duration) -> timedelta:
    """Return a protobuf duration, cut to whole milliseconds."""
    return timedelta(seconds=duration.seconds, milliseconds=duration.nanos // 1_000_000)
