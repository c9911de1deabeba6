"""A message's or a result's content as the wires have it: a string, or a list of parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from foveate.proxy.formats.parsed import Told
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.reading import Json, elements_of, fields_of, part_kind
from foveate.proxy.formats.wire.writing import array, changed, json_of

PLAIN = frozenset({"text"})  # kinds of parts that are text and nothing else


def is_plain_text(part: Any, kinds: Collection[str] = PLAIN) -> bool:
    """Say whether a part is plain text: one of those `kinds`, and a text."""
    return part_kind(part) in kinds and isinstance(part.get("text"), str)


def texts_told(
    content: Any, tokens: int, counter: TokenCounter, kinds: Collection[str] = PLAIN
) -> tuple[Told, ...]:
    """Return the texts of a result, each under the position of its part; `tokens` are those of a content
    that is a string.
    """
    if isinstance(content, str):
        return (Told(0, content, tokens),)
    parts = enumerate(content) if isinstance(content, list) else ()
    texts = [(n, part["text"]) for n, part in parts if is_plain_text(part, kinds)]
    return tuple([Told(n, text, counter.text(text)) for n, text in texts])


def retold(content: Json, texts: Mapping[int, str], emptied: Collection[str] = ()) -> bytes:
    """Return a content with other texts, each under the position of its part, all else in the caller's
    bytes; of those parts the fields `emptied` are empty lists.
    """
    if content[:1] != b"[":
        return json_of(texts[0])
    parts = elements_of(content)
    for n, text in texts.items():
        empty = {name: b"[]" for name in fields_of(parts[n]) if name in emptied}
        parts[n] = changed(parts[n], text=json_of(text), **empty)
    return array(parts)


def with_frame_ahead(content: Json, frame: str, kind: str) -> bytes:
    """Return a content with a frame ahead of its words, in a part of that `kind` where it is a list.

    It goes into the first text, so that what the message says is the same whether its content comes as a
    string or, where the caller has put a mark on it, as a list.
    """
    if content[:1] == b"[":
        return array(_parts_quoting(elements_of(content), frame, kind))
    if content[:1] == b'"':
        return _ahead(frame, content)
    said = "" if content == b"null" else bytes(content).decode("utf-8", "replace")
    return json_of(frame + said)


def _parts_quoting(parts: list[bytes], frame: str, kind: str) -> list[bytes]:
    first = fields_of(parts[0]) if parts and parts[0].startswith(b"{") else {}
    text, known = first.get("text", b""), first.get("type", b"")
    if text[:1] == b'"' and bytes(known) == json_of(kind):
        return [changed(parts[0], text=_ahead(frame, text)), *parts[1:]]
    return [json_of({"type": kind, "text": frame}), *parts]


def _ahead(frame: str, text: Json) -> bytes:
    """Return the JSON of a text with a frame ahead of it."""
    return json_of(frame)[:-1] + text[1:]
