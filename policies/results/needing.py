"""What a result is read for: the user's turn, what the agent is doing, the values named."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.policies.recall import need
from foveate.policies.results.instead import Reader
from foveate.policies.results.scoring import Need
from foveate.policies.types import INSTRUCTIONS, Segment

LATEST = 3  # steps that say what the agent is doing
BRIEF = 200  # characters: a result up to there is a word of the conversation, not to be looked into
NAMED_HALF_LIFE = 8.0  # segments since a value was named


def need_of(segments: Sequence[Segment], query: str, reader: Reader) -> Need:
    """Return what the end of a conversation needs; `query` is the latest user turn."""
    since = 0
    steps: list[str] = []
    named: dict[int, float] = {}
    spoken = False
    for age, segment in enumerate(reversed([s for s in segments if s.role not in INSTRUCTIONS])):
        spoken = spoken or segment.role == "user"
        since += not spoken
        words = _words_of(segment)
        if segment.role == "assistant" and len(steps) < LATEST:
            steps.append(words)
        weight = 2 ** (-age / NAMED_HALF_LIFE)
        for value in reader.whole(words).reading.values.ids.tolist():
            named[value] = max(named.get(value, 0.0), weight)
    return Need(query, need(query) or 0.0, since, "\n".join(reversed(steps)), named)


def _words_of(segment: Segment) -> str:
    """Return what is said in a segment, its brief results with it."""
    brief = [r.text for r in segment.results if len(r.text) <= BRIEF]
    return "\n".join([segment.words, *brief]) if brief else segment.words
