"""What a message's content is made of, and which of it can go without the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foveate.policies.types import MARKS
from foveate.proxy.formats.messages.reasoning import THOUGHTS
from foveate.proxy.formats.wire.reading import part_kind

Part = dict[str, Any]  # a content block, as the API calls it
USES = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
RESULT = "tool_result"  # what a client returns; those of the provider's own tools end in `_tool_result`
FALLBACK = "fallback"  # where another model went on with the turn; no part of the prompt
# Whatever else there is may be what the rest of the request depends on, so it stays.
KNOWN = USES | THOUGHTS | {"text", "image", "document", "search_result", RESULT, FALLBACK}
TOLD = frozenset({"text", "image", "document", "search_result", "browser_state"})  # by a client's tool
OWN_KINDS = USES | THOUGHTS | {RESULT}  # of this API alone
REFERENCE = "tool_reference"  # names a tool whose definition is loaded only because of it
COMPACTION = "compaction"
# What can carry a cache mark, beside the results of the provider's tools
MARKABLE = (KNOWN - THOUGHTS - {FALLBACK}) | {COMPACTION, "container_upload"}
# What agents tell the model beside a tool's result; no user has said it.
OPENED, CLOSED = "<system-reminder>", "</system-reminder>"


def parts_of(content: Any) -> list[Part] | None:
    """Return a message's content as a list of blocks, None where it is neither text nor such a list."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    blocks = isinstance(content, list) and all(isinstance(part, dict) for part in content)
    return content if blocks else None


def sections(role: str, parts: Sequence[Part]) -> list[list[int]]:
    """Return the positions of the parts that go together, one list a block of the item.

    Of a user's message each tool result, and then all else; of others everything. What stands beside
    results and is no user's word, such as an agent's reminder, goes with the last of them.
    """
    places = list(range(len(parts)))
    results = [[i] for i in places if parts[i].get("type") == RESULT] if role == "user" else []
    if not results:
        return [places]
    rest = [i for i in places if parts[i].get("type") != RESULT]
    if not rest:
        return results
    if any(_is_said(parts[i]) for i in rest):
        return [*results, rest]
    return [*results[:-1], sorted([*results[-1], *rest])]


def said_in(text: str) -> str:
    """Return a user's text less an agent's reminders; all of it where there is nothing else."""
    if OPENED not in text:
        return text
    return unreminded(text).strip() or text


def unreminded(text: str) -> str:
    """Return a text less an agent's reminders and the space behind each.

    No regular expression: it would read all that follows for each of many that are never closed.
    """
    left: list[str] = []
    end = 0
    while True:
        start = text.find(OPENED, end)
        close = text.find(CLOSED, start) if start >= 0 else -1
        if close < 0:
            return "".join([*left, text[end:]])
        left.append(text[end:start])
        end = close + len(CLOSED)
        while text[end : end + 1].isspace():
            end += 1


def texts_of(content: Any) -> list[str]:
    """Return what a content says in words, results within it included."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return []
    said: list[str] = []
    for part in content:
        if not isinstance(part, dict):
            continue
        said += [
            part[name]
            for name in ("title", "text", "stdout", "stderr")
            if isinstance(part.get(name), str)
        ]
        source = part.get("source")
        if isinstance(source, dict) and part_kind(source) in ("text", "content"):
            said += texts_of(source.get("data", source.get("content")))
        said += texts_of(part.get("content"))
    return said


def can_be_marked(part: Any) -> bool:
    """Say whether a part can carry a cache mark: a text does where it says something."""
    kind = part_kind(part)
    if kind == "text":
        return bool(str(part.get("text")).strip())
    return kind in MARKABLE or kind.endswith("_tool_result")


def bare_of_marks(part: Part) -> Part:
    """Return a part less its cache marks, those inside it included, and less what is null."""
    left = {name: value for name, value in part.items() if value is not None and name not in MARKS}
    inside = left.get("content")
    if isinstance(inside, list):
        left["content"] = [bare_of_marks(each) if isinstance(each, dict) else each for each in inside]
    return left


def _is_said(part: Part) -> bool:
    """Say whether a part beside results is a user's word, or of a kind that nobody here knows."""
    if part.get("type") != "text":
        return part_kind(part) not in KNOWN
    return bool(unreminded(str(part.get("text"))).strip())
