"""Tokens of messages and of what stands beside them. The provider's own count differs by a factor,
which is learnt.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import Any

from foveate.proxy.formats.messages.content import RESULT, USES, Part
from foveate.proxy.formats.messages.reasoning import SEALED_CHARACTERS, is_thinking, thinking_tokens
from foveate.proxy.formats.tokens import FILE, TokenCounter
from foveate.proxy.formats.wire.reading import part_kind
from foveate.proxy.formats.wire.tools import call_tokens
from foveate.proxy.formats.wire.writing import json_of

# Of images and documents, by their size ("Vision" and "PDF support").
PIXELS = 750  # of an image for a token
LEAST, MOST = 85, 1600  # tokens of an image; a larger one is made smaller
PAGE = 2000  # tokens of a PDF's page: its text and its image
PAGE_BYTES = 75_000  # of a PDF that hides its pages in compressed streams
HEAD = 64 * 1024  # characters of base64 in which an image says how large it is
_PAGES = re.compile(rb"/Type\s*/Page\b")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG segments that hold the size
PER_MESSAGE = 4  # tokens that set a message apart
PRIMING = 3
SEALED = frozenset({"encrypted_content", "encrypted_index", "encrypted_stdout", "signature", "data"})
_SILENT = frozenset({"type", "tool_use_id", "cache_control"})


def parts_tokens(parts: list[Part], counter: TokenCounter) -> int:
    """Return the tokens of content blocks."""
    return sum([block_tokens(part, counter) for part in parts])


def block_tokens(part: Part, counter: TokenCounter) -> int:
    """Return the tokens of one content block; those of what is no text are stated estimates."""
    kind = part_kind(part)
    if kind == "text" and isinstance(part.get("text"), str):
        return counter.text(part["text"])
    if kind == RESULT:
        return _content_tokens(part.get("content"), counter)
    if kind in USES:
        return call_tokens(part.get("id"), part.get("name"), input_of(part), counter)
    if is_thinking(part):
        return thinking_tokens(part, counter)
    if kind == "image":
        return image_tokens(part.get("source"))
    return document_tokens(part, counter) if kind == "document" else other_tokens(part, counter)


def input_of(use: Part) -> str:
    """Return what a call gives to its tool as the text that a chat completion has it in."""
    return json_of(use.get("input")).decode()


def holds_guesses(parts: Any) -> bool:
    """Say whether content blocks, or results among them, hold a picture or a file, whose tokens are
    estimates.
    """
    blocks = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return any(_is_file(part) or holds_guesses(part.get("content")) for part in blocks)


def _is_file(part: Part) -> bool:
    if part.get("type") != "document":
        return part.get("type") == "image"
    source = part.get("source")
    return part_kind(source) not in ("text", "content")


def _content_tokens(content: Any, counter: TokenCounter) -> int:
    """Return the tokens of what stands inside a block: text, or a list of blocks."""
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return parts_tokens(content, counter)
    return other_tokens(content, counter)


def document_tokens(part: Part, counter: TokenCounter) -> int:
    """Return the tokens of a document with its title and context."""
    said = sum(
        [counter.text(part[name]) for name in ("title", "context") if isinstance(part.get(name), str)]
    )
    given = part.get("source")
    source: Part = given if isinstance(given, dict) else {}
    kind = source.get("type")
    if kind == "base64":
        return said + pdf_tokens(source)
    if kind == "text":
        return said + counter.text(str(source.get("data")))
    return said + (_content_tokens(source.get("content"), counter) if kind == "content" else FILE)


def other_tokens(value: Any, counter: TokenCounter) -> int:
    """Return the tokens of any other value: what it says, and a guess at what is encrypted."""
    if isinstance(value, str):
        return counter.text(value)
    if isinstance(value, list):
        return sum([other_tokens(each, counter) for each in value])
    if not isinstance(value, dict):
        return 0 if value is None else 1
    sealed = sum(
        [len(text) // SEALED_CHARACTERS for name, text in value.items() if _is_sealed(name, text)]
    )
    told = [each for name, each in value.items() if name not in _SILENT and not _is_sealed(name, each)]
    return sealed + other_tokens(told, counter)


def field_tokens(name: str, value: Any, counter: TokenCounter) -> int:
    """Return the tokens of the top level `system`, or of `tools`."""
    if name == "system":
        return PER_MESSAGE + _content_tokens(value, counter) if value else 0
    tools = value if isinstance(value, list) else []
    # Without blanks: within a twentieth of the counts in Anthropic's guide
    return sum([counter.compact(_defined(tool)) for tool in tools if not _is_deferred(tool)])


def _is_deferred(tool: Any) -> bool:
    """Say whether the model sees a tool only once a search has found it."""
    return isinstance(tool, dict) and tool.get("defer_loading") is True


def _defined(tool: Any) -> Any:
    return {n: v for n, v in tool.items() if n != "cache_control"} if isinstance(tool, dict) else tool


def _is_sealed(name: str, value: Any) -> bool:
    return name in SEALED and isinstance(value, str)


def image_tokens(source: Any) -> int:
    """Return the tokens of an image; those of a large one where only an address or a file is given."""
    size = dimensions(_decoded(source, HEAD))
    return min(MOST, max(LEAST, size[0] * size[1] // PIXELS)) if size else MOST


def pdf_tokens(source: Any) -> int:
    """Return the tokens of a PDF; those of one page where only an address or a file is given."""
    content = _decoded(source, None)
    return PAGE * max(1, len(_PAGES.findall(content)) or len(content) // PAGE_BYTES)


def dimensions(content: bytes) -> tuple[int, int] | None:
    """Return the width and height that the head of a PNG, GIF, WebP or JPEG states, None where it
    states none.
    """
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
