"""How a user's turn quotes what was left out of the history before it."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.policies.types import Segment


def quoted(segments: Sequence[Segment]) -> str:
    """Return the text that stands ahead of the turn's own words."""
    lines = "".join([f"[{' '.join(filter(None, (said_by(s), s.name)))}] {s.text}\n" for s in segments])
    return f"[Excerpts from earlier in this conversation]\n{lines}[End of excerpts]\n\n"


def said_by(segment: Segment) -> str:
    """Return who is quoted."""
    return "tool" if segment.kind == "tool" else segment.role
