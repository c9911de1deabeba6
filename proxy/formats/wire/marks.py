"""Cache marks of every vendor: they say nothing, and move from request to request."""

from __future__ import annotations

from typing import Any

from foveate.policies.types import MARKS

# How a block of Claude Code's instructions begins: another in each request, and for no model
BILLING = "x-anthropic-billing-header:"


def found(wire: dict[str, Any]) -> str:
    """Return the name of the mark that a message or block carries, empty where it carries none."""
    content = wire.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return next((mark for mark in MARKS for place in (wire, *parts) if place.get(mark)), "")


def without(wire: dict[str, Any]) -> dict[str, Any]:
    """Return a message or block less its marks, those of its content's parts included."""
    left = {name: value for name, value in wire.items() if name not in MARKS}
    if isinstance(left.get("content"), list):
        left["content"] = unmarked(left["content"])
    return left


def unmarked(parts: Any) -> Any:
    """Return a list of parts, or of tools, each less its marks; anything else as it is."""
    return [_unmarked(part) for part in parts] if isinstance(parts, list) else parts


def is_billing(part: Any) -> bool:
    """Say whether a part of the instructions is a client's note on billing, which no model reads."""
    text = part.get("text") if isinstance(part, dict) else None
    return isinstance(text, str) and text.startswith(BILLING)


def _unmarked(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {name: value for name, value in part.items() if name not in MARKS}
