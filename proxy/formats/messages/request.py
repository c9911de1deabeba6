"""A request's top level: its messages told apart, and what stands whatever is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.messages.content import COMPACTION
from foveate.proxy.formats.parsed import Outline
from foveate.proxy.formats.wire.beginnings import AFRESH, Earlier
from foveate.proxy.formats.wire.reading import (
    TopLevel,
    decoded,
    named,
    part_kind,
    read_top_level,
    standing_fields,
    token_limit,
    value,
)

STANDING = ("system", "tools")
THREAD = "thread"  # the history is at the server, or is to be
CLEARS_THINKING = "clear_thinking"  # which is not what makes a prompt long


class _Wire(msgspec.Struct):
    """What is read of a request's top level, its values still the caller's bytes; empty where it has
    none.
    """

    messages: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    model: msgspec.Raw = msgspec.Raw()
    max_tokens: msgspec.Raw = msgspec.Raw()
    system: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    thinking: msgspec.Raw = msgspec.Raw()
    thread: msgspec.Raw = msgspec.Raw()
    compaction: msgspec.Raw = msgspec.Raw()
    fallback_credit_token: msgspec.Raw = msgspec.Raw()
    context_management: msgspec.Raw = msgspec.Raw()


_TOP = TopLevel(msgspec.json.Decoder(_Wire), "messages", "no Messages request")


def messages_outline(body: bytes, earlier: Earlier = AFRESH) -> Outline:
    """Return a request with its messages told apart; FormatError where it is none of this API."""
    wire, items = read_top_level(body, _TOP, earlier)
    if wire.messages is msgspec.UNSET:
        raise FormatError("the body has no messages")
    ahead = compacted(items)
    model, thinking = named(value(wire.model)), value(wire.thinking)
    return Outline(
        body,
        items=items[ahead:],
        ahead=tuple(items[:ahead]),
        model=model,
        max_output=reserved(model, value(wire.max_tokens)),
        standing=standing_fields(wire, STANDING),
        stays=THREAD if value(wire.thread) else "",
        insists=isinstance(thinking, dict) and thinking.get("type") == "enabled",
        # To be summed up, or paid less for as the very prompt that was refused
        settled=bool(value(wire.compaction) or value(wire.fallback_credit_token)),
        edited=clears(value(wire.context_management)),
    )


def clears(management: Any) -> bool:
    """Say whether the provider is asked to clear results or to sum up where a prompt is long."""
    edits = management.get("edits") if isinstance(management, dict) else None
    kinds = [part_kind(edit) for edit in edits] if isinstance(edits, list) else []
    return any(not kind.startswith(CLEARS_THINKING) for kind in kinds)


def reserved(model: str, most: Any) -> int | None:
    """Return what the answer has to be left of the window, None where the caller's `max_tokens` does
    not say.

    The field is required, and mostly far above what an answer takes. Claude's answers end where the
    window does ("Context windows", `model_context_window_exceeded`); other servers of this API refuse
    what might not fit.
    """
    return None if "claude" in model else token_limit(most)


def compacted(messages: Sequence[bytes]) -> int:
    """Return how many messages the latest compaction stands for: the provider leaves out all ahead of
    it.
    """
    for i in range(len(messages) - 1, -1, -1):
        if b'"compaction"' in messages[i] and _compacts(messages[i]):
            return i
    return 0


def _compacts(raw: bytes) -> bool:
    """Say whether a message has a compaction that succeeded."""
    wire = decoded(raw)
    content = wire.get("content") if isinstance(wire, dict) else None
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return any(part.get("type") == COMPACTION and part.get("content") for part in parts)
