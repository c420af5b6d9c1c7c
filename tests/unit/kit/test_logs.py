"""The log: JSON lines with a time, a level and the ids of the trace, without secrets, and never in the way."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from kit import logs
from kit.log_file import RotatingFile

SECRET = "pw_live_" + "A" * 43
Read = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def former_configuration() -> Iterator[None]:
    """Give the rest of the tests back what they had."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def read() -> Read:
    stream = io.BytesIO()
    logs.configure("INFO", stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_how_severe_and_what(read: Read) -> None:
    structlog.get_logger("gateway").info("request", method="GET", status=200)
    (line,) = read()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {"level": "info", "event": "request", "method": "GET", "status": 200}


def test_what_is_less_severe_than_the_level_is_left_out(read: Read) -> None:
    structlog.get_logger().debug("details")
    logging.getLogger("another.package").debug("details")
    assert read() == []


def test_libraries_end_up_in_the_same_lines(read: Read) -> None:
    logging.getLogger("another.package").warning("%d of %d", 1, 2)
    (line,) = read()
    assert (line["level"], line["event"], line["logger"]) == ("warning", "1 of 2", "another.package")


def test_a_library_with_a_wrong_format_is_logged_anyway(read: Read) -> None:
    ours = logging.getLogger().handlers[0]  # the handlers of pytest would raise
    ours.handle(logging.LogRecord("another.package", logging.WARNING, __file__, 1, "%d of %d", ("one",), None))
    assert read()[0]["event"] == "%d of %d"


def test_an_exception_brings_its_stack(read: Read) -> None:
    try:
        raise ValueError(f"no such key: {SECRET}")
    except ValueError as error:
        structlog.get_logger().exception("failed")
        structlog.get_logger().error("failed", exc_info=error)
        logging.getLogger("another.package").exception("failed")
    lines = read()
    assert len(lines) == 3
    for line in lines:
        assert "ValueError: no such key: pw_live_***" in line["exception"]
        assert "exc_info" not in line


def test_no_secret_gets_through_wherever_it_stands(read: Read) -> None:
    log = structlog.get_logger()
    log.info(f"key {SECRET}", header=f"Bearer {SECRET}", nested={"list": [SECRET], SECRET: 1}, thing=Exception(SECRET))
    logging.getLogger("another.package").warning("key %s", SECRET)
    structlog.get_logger().info("url", uri="mongodb://user:hunter2@host/db")
    text = json.dumps(read())
    assert SECRET not in text
    assert SECRET[8:] not in text
    assert "hunter2" not in text
    assert text.count("pw_live_***") >= 4


@pytest.mark.parametrize("value", [object(), {1: {2: object}}, "\ud800", b"\xff", float("nan"), {("a",): 1}, ...])
def test_no_value_stops_a_line(read: Read, value: object) -> None:
    structlog.get_logger().info("event", value=value)
    (line,) = read()
    assert line["event"] == "event"
    assert "value" in line


def test_a_value_that_contains_itself_stops_no_line(read: Read) -> None:
    loop: list[Any] = []
    loop.append(loop)
    structlog.get_logger().info("event", value=loop)
    assert read()[0]["event"] == "event"


def test_a_line_within_a_span_has_its_ids(read: Read) -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("mine") as span:
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = read()
    context = span.get_span_context()
    assert (inside["trace_id"], inside["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert "trace_id" not in outside


def test_a_broken_stream_breaks_nothing() -> None:
    stream = io.BytesIO()
    writer = logs.LineWriter(stream)
    stream.close()
    writer.write(b"{}\n")
    assert writer.lost == 1


def test_another_configuration_reaches_loggers_that_exist(read: Read) -> None:
    log = structlog.get_logger("module")
    log.info("first")
    other = io.BytesIO()
    logs.configure("INFO", stream=other)
    log.info("second")
    assert [line["event"] for line in read()] == ["first"]
    assert json.loads(other.getvalue())["event"] == "second"


def test_a_file_is_rotated_before_it_grows_too_large(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "piecework.log"
    file = RotatingFile(path, max_bytes=30, kept_files=2)
    for number in range(10):
        file.write(b"line %04d\n" % number)
    file.close()
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, f"{path.name}.1", f"{path.name}.2"]
    assert path.read_bytes() == b"line 0009\n"
    assert path.with_name(f"{path.name}.1").read_bytes() == b"line 0006\nline 0007\nline 0008\n"
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in path.parent.iterdir())


def test_a_file_is_gone_on_with_after_a_restart(tmp_path: Path) -> None:
    for number in range(2):
        logs.configure("INFO", file=str(tmp_path / "piecework.log"))
        structlog.get_logger().info("start", number=number)
    lines = (tmp_path / "piecework.log").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1]
