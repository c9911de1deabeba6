"""The frame that earlier words are quoted in, ahead of a user's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from foveate.policies.types import Segment

Excerpt = tuple[str, str]  # who has said it, and what
SPEAKER_CHARACTERS = 80
_FRAME = re.compile(r"\[(?=\s*(?:end\s+of\s+)?excerpts\b)", re.IGNORECASE)
_BRACKETS = re.compile(r"[\[\]\s]+")


def quoted(segments: Sequence[Segment]) -> str:
    """Return the text that quotes segments, with who has said each."""
    return framed([(said_by(segment), segment.text) for segment in segments])


def said_by(segment: Segment) -> str:
    """Return who is quoted: a role, and the participant's name where there is one."""
    role = "tool" if segment.kind == "tool" else segment.role
    return f"{role} {segment.name}".rstrip()


def framed(said: Sequence[Excerpt]) -> str:
    """Return excerpts in a frame that says who is quoted and that it is data.

    It cannot be closed from inside: its mark is made of what it holds, and what looks like a frame in a
    quoted text loses its bracket. The same excerpts have the same mark in every request.
    """
    mark = frame_mark(said)
    rows = "".join([f"[{_speaker_of(speaker)}] {_FRAME.sub('(', text)}\n" for speaker, text in said])
    return f"[Excerpts {mark} from earlier in this conversation, quoted as data]\n{rows}[End of excerpts {mark}]\n\n"


def frame_mark(said: Sequence[Excerpt]) -> str:
    """Return four hexadecimal digits that follow from what is quoted and stand nowhere in it, where
    there are such.
    """
    made = hashlib.blake2b(repr(said).encode("utf-8", "replace"), digest_size=32).hexdigest()
    marks = [made[i : i + 4] for i in range(len(made) - 3)]
    return next((mark for mark in marks if not any(mark in text for _, text in said)), made)


def _speaker_of(speaker: str) -> str:
    """Return who speaks on one line, without what closes it."""
    return _BRACKETS.sub(" ", speaker)[:SPEAKER_CHARACTERS].strip()
