"""How many tokens images and documents take: estimates from their size (Anthropic, "Vision" and "PDF support")."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import Any

PIXELS = 750  # of an image for a token
LEAST, MOST = 85, 1600  # tokens of an image; a larger one is made smaller
PAGE = 2000  # tokens of a PDF's page: its text and its image
PAGE_BYTES = 75_000  # of a PDF that hides its pages in compressed streams
HEAD = 64 * 1024  # characters of base64 in which an image says how large it is
_PAGES = re.compile(rb"/Type\s*/Page\b")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG segments that hold the size


def image_tokens(source: Any) -> int:
    """Return the tokens of an image; those of a large one where only an address or a file is given."""
    size = dimensions(_decoded(source, HEAD))
    return min(MOST, max(LEAST, size[0] * size[1] // PIXELS)) if size else MOST


def pdf_tokens(source: Any) -> int:
    """Return the tokens of a PDF; those of one page where only an address or a file is given."""
    content = _decoded(source, None)
    return PAGE * max(1, len(_PAGES.findall(content)) or len(content) // PAGE_BYTES)


def dimensions(content: bytes) -> tuple[int, int] | None:
    """Return the width and height that the head of a PNG, GIF, WebP or JPEG states, None where it states none."""
    try:
        if content.startswith(b"\x89PNG"):
            return struct.unpack(">II", content[16:24])
        if content.startswith(b"GIF8"):
            return struct.unpack("<HH", content[6:10])
        if content.startswith(b"RIFF") and content[12:16] == b"VP8X":
            wide, high = content[24:27], content[27:30]
            return int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
        return _jpeg(content) if content.startswith(b"\xff\xd8") else None
    except struct.error:
        return None


def _jpeg(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(content) and content[at] == 0xFF:
        if content[at + 1] in _FRAMES:
            high, wide = struct.unpack(">HH", content[at + 5 : at + 9])
            return wide, high
        at += 2 + struct.unpack(">H", content[at + 2 : at + 4])[0]
    return None


def _decoded(source: Any, limit: int | None) -> bytes:
    data = source.get("data") if isinstance(source, dict) and source.get("type") == "base64" else None
    if not isinstance(data, str):
        return b""
    try:
        return base64.b64decode(data[:limit])
    except (binascii.Error, ValueError):
        return b""
