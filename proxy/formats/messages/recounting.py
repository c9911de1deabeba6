"""A count that the provider refuses: it checks the reasoning there too, which was made under pruned
prompts.
"""

from __future__ import annotations

import re

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.messages.content import parts_of
from foveate.proxy.formats.messages.reasoning import is_thinking
from foveate.proxy.formats.messages.request import messages_outline
from foveate.proxy.formats.wire.reading import decoded, elements_of, fields_of
from foveate.proxy.formats.wire.writing import array, changed, obj

# Anthropic, "Prefix checks on thinking blocks".
_BOUND = re.compile(rb"bound to a different conversation", re.IGNORECASE)
# A manual budget asks for the reasoning, and edits of it for the budget
_MANUAL = ("thinking", "context_management")


def recount(body: bytes, answer: bytes) -> bytes | None:
    """Return a request for a count that leaves out reasoning, None where the answer does not complain
    of that.
    """
    if not _BOUND.search(answer):
        return None
    try:
        outline = messages_outline(body)
        messages = [_thoughtless(raw) for raw in (*outline.ahead, *outline.items)]
    except FormatError:
        return None
    fields = fields_of(body)
    if outline.insists:
        fields = {name: given for name, given in fields.items() if name not in _MANUAL}
    return obj({**fields, "messages": array([raw for raw in messages if raw])})


def _thoughtless(raw: bytes) -> bytes:
    """Return a message less its reasoning, empty where it holds nothing else."""
    wire = decoded(raw)
    parts = parts_of(wire.get("content")) if isinstance(wire, dict) else None
    if not parts or not any(is_thinking(part) for part in parts):
        return raw
    spoken = [part for part in elements_of(fields_of(raw)["content"]) if not is_thinking(decoded(part))]
    return changed(raw, content=array(spoken)) if spoken else b""
