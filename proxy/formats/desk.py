"""Reads the inside of results and writes it anew; what was read once is remembered by its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foveate.policies.results.explaining import Stretch, stretches
from foveate.policies.results.instead import Read, pointer, read_divided, read_whole, written
from foveate.policies.types import Extract, Key, Segment, Shown, ToolResult
from foveate.proxy.cache import Cache
from foveate.proxy.formats.tokens import TokenCounter

PIECE = 400  # bytes that a piece takes, about, with what is read of it


class Desk:
    """Lays out the results of requests, and counts with the tokens of one vocabulary. CPU only."""

    def __init__(self, cache: Cache, counter: TokenCounter) -> None:
        self._counter = counter
        self._divided = cache.space("result in pieces")
        self._whole = cache.space("text as one piece")
        self._written = cache.space("result in part")
        self._told = cache.space("result in stretches")

    def divided(self, text: str) -> Read:
        """Return a result in its pieces."""
        found: Read | None = self._divided.get(text)
        if found is None:
            found = read_divided(text)
            self._divided.put(
                text, found, size=600 + PIECE * len(found.pieces) + 8 * found.reading.terms.places.size
            )
        return found

    def whole(self, text: str) -> Read:
        """Return a text as one piece."""
        found: Read | None = self._whole.get(text)
        if found is None:
            found = read_whole(text)
            self._whole.put(text, found, size=1200 + 8 * found.reading.terms.places.size + len(text))
        return found

    def count(self, text: str) -> int:
        """Return the tokens of a text."""
        return self._counter.lines(text)

    def texts(self, segments: Sequence[Segment], shown: Mapping[Key, Shown]) -> Mapping[Key, str]:
        """Return what is written in place of results, by their keys."""
        if not shown:
            return {}
        results = {r.key: r for segment in segments for r in segment.results}
        return {
            key: self._text(results[key], instead, results)
            for key, instead in shown.items()
            if key in results
        }

    def quotes(self, segments: Sequence[Segment], extracts: Sequence[Extract]) -> list[tuple[str, str]]:
        """Return which call each result is of, and what is quoted of it."""
        results = {r.key: r for segment in segments for r in segment.results}
        found = [(results[e.result], Shown(e.runs)) for e in extracts if e.result in results]
        return [
            (f"tool {result.call or result.tool}".rstrip(), self._text(result, shown, results))
            for result, shown in found
        ]

    def stretches(self, _: int, result: ToolResult, shown: Shown) -> Sequence[Stretch]:
        """Return what became of a result, in stretches."""
        if shown.same is not None:
            return ()
        found: Sequence[Stretch] | None = self._told.get((result.text, shown.runs))
        if found is None:
            found = stretches(self.divided(result.text), shown)
            self._told.put((result.text, shown.runs), found, size=400 + PIECE * len(found))
        return found

    def _text(self, result: ToolResult, shown: Shown, results: dict[Key, ToolResult]) -> str:
        if shown.same is not None:
            return pointer(result.text, results[shown.same].call)
        text: str | None = self._written.get((result.text, shown.runs))
        if text is None:
            text = written(self.divided(result.text).pieces, shown)
            self._written.put((result.text, shown.runs), text, size=400 + len(text))
        return text
