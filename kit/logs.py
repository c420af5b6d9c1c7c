"""Logs: one JSON object a line, with the ids of the trace it belongs to and without secrets.

Libraries that log through the standard library end up in the same lines.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, Protocol

import msgspec
import structlog
from opentelemetry import trace

from kit.log_file import RotatingFile
from kit.redaction import redact

Event = MutableMapping[str, Any]

_QUIET_LIBRARIES = ("pymongo", "aiohttp.access", "asyncio", "grpc", "urllib3", "opentelemetry")


class Output(Protocol):
    """Where lines go."""

    def write(self, line: bytes, /) -> object:
        """Take one line with its end."""
        ...

    def flush(self) -> object:
        """Hand on what was taken."""
        ...


def configure(level: str = "INFO", *, file: str = "", stream: BinaryIO | None = None) -> None:
    """Send the log of this process to one place. Called once, before the first line; another call starts anew.

    Args:
        level: the least severe level that is logged, for example `INFO`.
        file: the file that gets the lines; it is rotated before it grows too large.
        stream: where they go when there is no file; by default standard error.
    """
    output: Output = RotatingFile(file) if file else (stream or sys.stderr.buffer)
    writer = LineWriter(output)
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _add_exception, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *names: _Logger(writer, *names),
        # A module keeps its logger for good; caching it would tie the module to the first configuration.
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=number, handlers=[_StandardHandler(writer)], force=True)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def render(_logger: object, method: str, event: Event) -> bytes:
    """Return the line of an event: JSON, redacted, with its end."""
    line: dict[str, Any] = {"time": _now(), "level": method, "event": event.pop("event", "")}
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = trace.format_trace_id(context.trace_id)
        line["span_id"] = trace.format_span_id(context.span_id)
    line.update(event)
    return redact(_encode(line)) + b"\n"


class LineWriter:
    """Writes lines and never fails: a full disk or a closed pipe must not break the work that is logged.

    Args:
        output: where the lines go.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self.lost = 0
        """How many lines could not be written."""

    def write(self, line: bytes) -> None:
        """Write one line at once."""
        try:
            self._output.write(line)
            self._output.flush()
        except (OSError, ValueError):
            self.lost += 1


class _Logger:
    """What structlog ends in: every level is the same write."""

    def __init__(self, writer: LineWriter, *_names: object) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = writer.write
        self.exception = self.fatal = self.msg = writer.write


class _StandardHandler(logging.Handler):
    """Takes the records of libraries."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a library's wrong format string is no reason to fail
            text = str(record.msg)
        event: Event = {"event": text, "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        self._writer.write(render(None, record.levelname.lower(), _add_exception(None, "", event)))


def _add_exception(_logger: object, _method: str, event: Event) -> Event:
    if event.get("exc_info"):
        return structlog.processors.format_exc_info(None, "", event)
    event.pop("exc_info", None)
    return event


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _encode(line: dict[str, Any]) -> bytes:
    try:
        return _encoder.encode(line)
    except (TypeError, ValueError, RecursionError):
        # Half a surrogate, a key that is no string, a loop: the line is written anyway, as text.
        return _encoder.encode({str(key): _plain(value) for key, value in line.items()})


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "backslashreplace").decode()


_encoder = msgspec.json.Encoder(enc_hook=repr)
