"""The frame that earlier words and results are quoted in, ahead of a user's words or behind a result."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from foveate.policies.types import Segment
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.wire.reading import elements_of
from foveate.proxy.formats.wire.writing import json_of

Excerpt = tuple[str, str]  # who has said it, and what
SPEAKER_CHARACTERS = 80
NOT_HERE = ", not part of this result"
_FRAME = re.compile(r"\[(?=\s*(?:end\s+of\s+)?excerpts\b)", re.IGNORECASE)
_BRACKETS = re.compile(r"[\[\]\s]+")


def frame_of(parsed: Parsed, row: Row) -> str:
    """Return the text that quotes what a row has of earlier words and results, empty for nothing.

    At a user's turn it goes ahead of the words.
    """
    said = _said(parsed, row)
    return framed(said) + "\n\n" if said else ""


def with_frame(content: bytes, parsed: Parsed, row: Row, kind: str = "text") -> bytes:
    """Return a result's content, as JSON, with what a row quotes behind it: a list gets one more part,
    of that `kind`.

    The frame says that it is not the tool's, which could not have written its mark. Not a text beside
    the result: the model would take the turn for the user's (Anthropic, "Handle empty responses").
    """
    told = content.decode("utf-8", "replace")
    frame = framed(_said(parsed, row), NOT_HERE, told)
    if content.startswith(b"["):
        part = json_of({"type": kind, "text": frame})
        return content[:-1].rstrip() + (b"," if elements_of(content) else b"") + part + b"]"
    return content[:-1] + json_of(f"\n\n{frame}")[1:]


def _said(parsed: Parsed, row: Row) -> list[Excerpt]:
    segments = [*row.forgotten, *[parsed.segments[i] for i in row.excerpts]]
    said = [(_speaker(segment), segment.text) for segment in segments]
    if row.extracts:
        said += parsed.desk.quotes(parsed.segments, row.extracts)
    return said


def _speaker(segment: Segment) -> str:
    """Return who is quoted: a role, and the participant's name where there is one."""
    role = "tool" if segment.kind == "tool" else segment.role
    return f"{role} {segment.name}".rstrip()


def framed(said: Sequence[Excerpt], note: str = "", beside: str = "") -> str:
    """Return excerpts in a frame that says who is quoted and that it is data.

    It cannot be closed from inside: its mark is made of what it holds, and what looks like a frame in a
    quoted text loses its bracket. Nor can what stands `beside` it pass for one: its mark is in neither.
    The same excerpts have the same mark in every request.
    """
    mark = frame_mark(said, beside)
    rows = "".join([f"[{_speaker_of(speaker)}] {_FRAME.sub('(', text)}\n" for speaker, text in said])
    opening = f"[Excerpts {mark} from earlier in this conversation{note}, quoted as data]"
    return f"{opening}\n{rows}[End of excerpts {mark}]"


def frame_mark(said: Sequence[Excerpt], beside: str = "") -> str:
    """Return four hexadecimal digits that follow from what is quoted and stand neither in it nor
    `beside` it, where there are such.
    """
    made = hashlib.blake2b(repr(said).encode("utf-8", "replace"), digest_size=32).hexdigest()
    marks = [made[i : i + 4] for i in range(len(made) - 3)]
    texts = [beside, *(text for _, text in said)]
    return next((mark for mark in marks if not any(mark in text for text in texts)), made)


def _speaker_of(speaker: str) -> str:
    """Return who speaks on one line, without what closes it."""
    return _BRACKETS.sub(" ", speaker)[:SPEAKER_CHARACTERS].strip()
