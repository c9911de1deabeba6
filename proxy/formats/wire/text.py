"""Plain text inside messages: what kind it is, and where it can be cut."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from foveate.policies.types import Kind
from foveate.proxy.formats.parsed import Piece
from foveate.proxy.formats.tokens import TokenCounter

_BLOCK = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[ \t]*$\n?|\Z)", re.MULTILINE | re.DOTALL)
_PARAGRAPH = re.compile(r".+?(?:\n[ \t]*\n+|\Z)", re.DOTALL)
_LOG_LINE = re.compile(
    r"^\W{0,3}(?:\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:|(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b)"
)
_CODE_LINE = re.compile(
    r"[{};]\s*$|^\s*(?:def |class |import |from \w+ import|return\b|func |fn |if \(|for \(|#include|</?\w+)"
    r"|^\s*[\w.]+\(.*\)$"
)
DOCUMENT_CHARACTERS = 1500
AT_ONCE = 128 * 1024  # characters that are searched in one go: nobody else can compute meanwhile
LOOK = 32 * 1024  # characters that tell what a text is
# The most that a message may hold beside its text and still be split: each part that stays brings it
# along.
MOST_BESIDE = 30
MARK_TOKENS = 14  # of the mark that stands where parts were dropped, its line breaks included
# What stands where nothing else is left, and a place must not be empty.
BEGINNING_LEFT_OUT = "[... the beginning was left out ...]"
ANSWER_LEFT_OUT = "[... the answer was left out ...]"
THOUGHT_LEFT_OUT = "[... reasoning left out ...]"


def text_kind(text: str) -> Kind:
    """Return what a stretch of text mostly is."""
    head = text[:LOOK]
    lines = [line for line in head.splitlines() if line.strip()][:200]
    if len(lines) >= 4:
        fenced = (
            sum(len(match[0]) for match in _BLOCK.finditer(head))
            if "```" in head or "~~~" in head
            else 0
        )
        if fenced * 2 > len(head) or sum(bool(_CODE_LINE.search(line)) for line in lines) * 2 > len(
            lines
        ):
            return "code"
        if sum(bool(_LOG_LINE.match(line)) for line in lines) * 2 > len(lines):
            return "log"
    return "document" if len(text) > DOCUMENT_CHARACTERS else "conversation"


def split(text: str, size: int) -> list[str]:
    """Return stretches of about `size` characters whose concatenation is `text`.

    Cut at code fences, else at blank lines, else at lines; a single line is never cut.
    """
    stretches: list[str] = []
    current: list[str] = []
    length = 0
    for piece in _cut(text, size):
        if current and length + len(piece) > size:
            stretches.append("".join(current))
            current, length = [], 0
        current.append(piece)
        length += len(piece)
    return [*stretches, "".join(current)] if current else stretches


def _cut(text: str, size: int) -> Iterator[str]:
    """Yield the smallest stretches that a text may be cut into, those of about `size` characters whole."""
    for part in _slices(text):
        if len(part) > AT_ONCE:
            yield part
            continue
        for block in _blocks(part):
            yield from [block] if len(block) <= size else _lines(block, size)


def _slices(text: str) -> Iterator[str]:
    """Yield runs of whole lines of up to AT_ONCE characters, and a line that is longer by itself."""
    start = 0
    while start < len(text):
        end = len(text)
        if end - start > AT_ONCE:
            end = (
                text.rfind("\n", start, start + AT_ONCE) + 1
                or text.find("\n", start + AT_ONCE) + 1
                or end
            )
        yield text[start:end]
        start = end


def _blocks(text: str) -> Iterator[str]:
    """Yield code blocks whole, and the paragraphs between them."""
    end = 0
    for match in _BLOCK.finditer(text):
        yield from _PARAGRAPH.findall(text[end : match.start()])
        yield match[0]
        end = match.end()
    yield from _PARAGRAPH.findall(text[end:])


def _lines(block: str, size: int) -> Iterator[str]:
    """Yield runs of whole lines of up to `size` characters."""
    run = ""
    for line in block.splitlines(keepends=True):
        if run and len(run) + len(line) > size:
            yield run
            run = ""
        run += line
    if run:
        yield run


def block_pieces(
    texts: Iterable[str], tokens: int, counter: TokenCounter, split_over: int
) -> tuple[Piece, ...]:
    """Return the pieces of a message of so many `tokens`, whose content is `texts`; none where one
    would be all.
    """
    pieces = tuple(
        Piece(n, stretch, counter.text(stretch), text_kind(stretch))
        for n, text in enumerate(texts)
        for stretch in split(text, size=4 * (split_over // 4))
    )
    beside = tokens - sum(piece.tokens for piece in pieces)
    return pieces if len(pieces) > 1 and beside <= MOST_BESIDE else ()


def text_beside(pieces: Sequence[Piece], text: str) -> str:
    """Return a block's text to keep beside its pieces: empty where they spell it, one behind another."""
    end = 0
    for piece in pieces:
        if not text.startswith(piece.text, end):
            return text
        end += len(piece.text)
    return "" if pieces and end == len(text) else text


def beside_of(tokens: int, pieces: Sequence[Piece]) -> int:
    """Return the most that keeping one piece costs beside its text.

    The message's frame, a mark on either side, and one in each other text of a content list.
    """
    if not pieces:
        return 0
    texts = len({piece.part for piece in pieces})
    return tokens - sum(piece.tokens for piece in pieces) + MARK_TOKENS * (1 + texts)


def mark(tokens: int) -> str:
    """Return the text that stands where parts of a message were dropped."""
    return f"[... {tokens:,} tokens left out ...]"


def left_out(pieces: Sequence[Piece], kept: Collection[int]) -> dict[int, str]:
    """Return what is left of each of a message's texts, by its number: a mark stands in the place of each
    run of pieces that are not `kept`.
    """
    texts: dict[int, list[str]] = {}
    dropped = 0
    for n, piece in enumerate(pieces):
        text = texts.setdefault(piece.part, [])
        if n in kept:
            text.append(piece.text)
            continue
        dropped += piece.tokens
        goes_on = n + 1 < len(pieces) and pieces[n + 1].part == piece.part
        if goes_on and n + 1 not in kept:
            continue
        lead = "" if not text or text[-1].endswith("\n") else "\n"
        text.append(lead + mark(dropped) + ("\n" if goes_on else ""))
        dropped = 0
    return {part: "".join(written) for part, written in texts.items()}
