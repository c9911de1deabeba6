"""The prompt that a selection makes, and how much of it the conversation's previous prompt had."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from foveate.policies.types import Selection
from foveate.proxy.formats import Format
from foveate.proxy.formats.layout import Row, rows_of
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.pruning.record import Recollection


class Draft(msgspec.Struct, frozen=True):
    """A prompt to send, in tokens as we count."""

    body: bytes
    tokens: int
    shared: int  # that it begins with as the conversation's previous prompt did
    repeated: int  # of the whole history, that the conversation's previous request had


def draft(wire: Format, parsed: Parsed, selection: Selection, earlier: Recollection | None) -> Draft:
    """Return the prompt of what is left: the caller's own bytes where nothing is dropped."""
    before = earlier if earlier and begins_alike(parsed, earlier) else None
    repeated = repeated_tokens(parsed, before)
    state = selection.state
    changes = state.changes or bool(parsed.forgotten)
    if not changes and not (before and (before.state.changes or before.quoting)):
        return Draft(parsed.outline.body, parsed.tokens, repeated, repeated)
    rows = rows_of(parsed, selection.kept, state)
    prompt = wire.rebuild(parsed, rows, parsed.desk.texts(parsed.segments, state.shown))
    shared = shared_tokens(parsed, rows, prompt.tokens, before)
    body = prompt.body if changes else parsed.outline.body
    return Draft(body, parsed.fixed_tokens + sum(prompt.tokens), shared, repeated)


def begins_alike(parsed: Parsed, earlier: Recollection) -> bool:
    """Say whether the conversation's previous prompt went to the same model, behind the same
    instructions and tools: else nothing of it can be cached.
    """
    return earlier.model == parsed.outline.model and earlier.opening in ("", parsed.opening)


def repeated_tokens(parsed: Parsed, earlier: Recollection | None) -> int:
    """Return the tokens of the whole history that the conversation's previous request had already."""
    if earlier is None:
        return 0
    return parsed.fixed_tokens + sum([item.tokens for item in parsed.items[: earlier.items]])


def shared_tokens(
    parsed: Parsed, rows: Sequence[Row], tokens: Sequence[int], earlier: Recollection | None
) -> int:
    """Return the tokens that this prompt and the conversation's previous one begin with."""
    if earlier is None:
        return 0
    stood = [
        i
        for i, s in enumerate(parsed.segments)
        if s.key[0] < earlier.items and s.key not in earlier.state.dropped
    ]
    before = rows_of(parsed, stood, earlier.state)
    shared = parsed.fixed_tokens
    for new, old, size in zip(rows, before, tokens, strict=False):
        if new != old or bool(new.forgotten) != (new.item in earlier.quoting):
            break
        shared += size
    return shared
