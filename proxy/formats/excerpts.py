"""How earlier segments are quoted ahead of a user's words."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.policies.types import Segment


def quoted(segments: Sequence[Segment]) -> str:
    """Return the text that quotes segments, with who has said each."""
    said = "".join([f"[{' '.join(filter(None, (said_by(s), s.name)))}] {s.text}\n" for s in segments])
    return f"[Excerpts from earlier in this conversation]\n{said}[End of excerpts]\n\n"


def said_by(segment: Segment) -> str:
    """Return who is quoted."""
    return "tool" if segment.kind == "tool" else segment.role
