"""What files are, by their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orchestrator.files.model import clean_filename
from services.orchestrator.files.sniffing import HEAD_BYTES, SUPPORTED, Sniffer, decode


def sniff(content: bytes, filename: str = "", claimed: str = "", size: int = 1000) -> str:
    sniffer = Sniffer(filename, claimed)
    for start in range(0, len(content), size):
        sniffer.add(content[start : start + size])
    return sniffer.result()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_character_may_be_parted(size: int) -> None:
    text = "Grüße, 蜜蜂 🐝".encode() * 3
    assert sniff(text, size=size) == "text/plain"
    assert sniff(b"\xff\xfeG\x00r\x00", size=size) == "text/plain"
    assert sniff(b"%PDF-1.7\n", size=size) == "application/pdf"


def test_what_comes_late_counts_too() -> None:
    assert sniff(b"x" * (HEAD_BYTES * 3) + b"\x00") == "application/octet-stream"
    assert sniff(b"x" * (HEAD_BYTES * 3) + b"\xe9") == "text/plain"


def test_what_nobody_can_use_is_known_early() -> None:
    sniffer = Sniffer("a.txt", "")
    sniffer.add(b"PK\x03\x04")
    assert sniffer.early() == "application/zip"
    sniffer = Sniffer("a.txt", "")
    sniffer.add(b"GIF89a")
    assert sniffer.early() is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<svg>", "image/svg+xml"),
        ("<?xml version='1.0'?><!DOCTYPE svg PUBLIC 'a' 'b'>\n<!-- <svg> -->\n<svg a='b'>", "image/svg+xml"),
        ("<!-- <svg> --><html><svg>", "text/plain"),
        ("<html><svg></svg>", "text/plain"),
        ("<svgx>", "text/plain"),
        ("<!--" * 900, "text/plain"),
    ],
)
def test_svg_is_known_by_its_first_element(text: str, kind: str) -> None:
    assert sniff(text.encode()) == kind


@given(st.binary(min_size=1, max_size=300), st.text(max_size=20), st.text(max_size=20))
def test_anything_is_something(content: bytes, filename: str, claimed: str) -> None:
    kind = sniff(content, filename, claimed, size=7)
    assert kind == sniff(content, filename, claimed)
    if kind in SUPPORTED and kind.startswith("text/"):
        decode(content).encode()


@given(st.text(max_size=300))
def test_a_clean_name_stays(name: str) -> None:
    clean = clean_filename(name)
    assert 1 <= len(clean) <= 255
    assert clean_filename(clean) == clean
    assert not set(clean) & set("/\\\r\n\x00")
    clean.encode()
