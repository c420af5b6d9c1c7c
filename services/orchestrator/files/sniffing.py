"""What a file is, as its bytes tell. No I/O.

Binary kinds begin with signs of their own. Everything else must be text: then an image in SVG is known by its first
element, and JSON, CSV and Markdown, which are all just text, by the name that the client gives.
"""

from __future__ import annotations

import codecs
import re

HEAD_BYTES = 4096
TEXT, JSON, PDF, CSV, MARKDOWN, SVG = (
    "text/plain",
    "application/json",
    "application/pdf",
    "text/csv",
    "text/markdown",
    "image/svg+xml",
)
_UNKNOWN = "application/octet-stream"
SUPPORTED = frozenset({TEXT, JSON, PDF, CSV, MARKDOWN, SVG, "image/png", "image/jpeg", "image/gif", "image/webp"})
TEXTS = frozenset({TEXT, JSON, CSV, MARKDOWN, SVG})
_SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    # Known only to be named to whoever sent them.
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x7fELF", "application/x-elf"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"%!PS", "application/postscript"),
)
# Readers of PDF allow some bytes before it.
_PDF, _PDF_WITHIN = b"%PDF-", 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Of the control characters text has tabs, ends of lines and of pages, and the escapes of terminals.
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
# Possessive: who sends many comments and no image after them must not make this try all ways to part them.
_SVG = re.compile(
    r"\s*+(?:<\?xml[^>]{0,500}\?>\s*+)?+(?:(?><!--.{0,3000}?-->)\s*+|<!DOCTYPE\s[^>\[]{0,500}>\s*+)*+<svg[\s>]",
    re.DOTALL,
)
_KINDS = {"json": JSON, "csv": CSV, "md": MARKDOWN, "markdown": MARKDOWN, JSON: JSON, CSV: CSV, MARKDOWN: MARKDOWN}
_JSON_STARTS = tuple('{["-0123456789tfn')


class Sniffer:
    """Looks at the bytes of a file as they come.

    Args:
        filename: its name.
        mime_type: what the client says it is.
    """

    def __init__(self, filename: str, mime_type: str) -> None:
        self._suffix = filename.rpartition(".")[2].lower() if "." in filename else ""
        self._claimed = mime_type.partition(";")[0].strip().lower()
        self._head = b""
        self._is_utf8 = True
        self._has_controls = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, chunk: bytes) -> None:
        """Look at more of it."""
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        if not self._has_controls:
            self._has_controls = _CONTROLS.search(chunk) is not None
        if self._is_utf8:
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError:
                self._is_utf8 = False

    def early(self) -> str | None:
        """Return what it is if its beginning tells that nobody can use it, else None."""
        found = _signed(self._head)
        return found if found is not None and found not in SUPPORTED else None

    def result(self) -> str:
        """Return what it is, when all of it was seen."""
        found = _signed(self._head)
        if found is not None:
            return found
        encoding = _bom(self._head)
        if encoding in (None, "utf-8-sig"):
            # Bytes that are no UTF-8 may be text in an older encoding: there all of them mean something.
            if self._has_controls:
                return _UNKNOWN
            encoding = "utf-8" if self._is_utf8 else "latin-1"
        return self._kind_of_text(self._head.decode(encoding or "utf-8", "replace").lstrip("\ufeff"))

    def _kind_of_text(self, head: str) -> str:
        if _SVG.match(head):
            return SVG
        kind = _KINDS.get(self._suffix) or _KINDS.get(self._claimed) or TEXT
        if kind == JSON and not head.lstrip().startswith(_JSON_STARTS):
            return TEXT
        return kind


def decode(content: bytes, *, whole: bool = True) -> str:
    """Return the text of a file that is text, or of its beginning: half a character at the end of that is left out."""
    encoding = _bom(content)
    if encoding is not None:
        return codecs.getincrementaldecoder(encoding)("replace").decode(content, whole)
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(content, whole)
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _bom(head: bytes) -> str | None:
    return next((encoding for bom, encoding in _BOMS if head.startswith(bom)), None)


def _signed(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    for sign, kind in _SIGNS:
        if head.startswith(sign):
            return kind
    return PDF if _PDF in head[:_PDF_WITHIN] else None
