"""What became of a result, stretch by stretch, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from foveate.policies.results.instead import NAMED, Read, Reader, positions_of
from foveate.policies.results.needing import need_of
from foveate.policies.results.pieces.concordance import Concordance
from foveate.policies.results.pieces.piece import Pieces
from foveate.policies.results.pieces.render import gaps
from foveate.policies.results.pieces.tokens import tokens_of
from foveate.policies.results.reading import Reading
from foveate.policies.results.scoring import Need
from foveate.policies.terms import distinct
from foveate.policies.types import (
    Extract,
    Key,
    PruneState,
    Scores,
    Selection,
    Shown,
    ToolResult,
)

COMMON = 0.5  # share of pieces from which a cue tells nothing
LEFT_OUT = "no room"
REPEATED = "repeats what is shown"
LEADING = "leads to what is shown"
VALUES = "values"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of pieces that met one fate."""

    start: int  # characters of the result
    end: int
    where: str  # its lines, or what leads to it in JSON
    shown: bool
    reasons: tuple[str, ...]


# Tells the stretches of a result of the segment at a position.
Teller = Callable[[int, ToolResult, Shown], Sequence[Stretch]]


def results_of(selection: Selection, tell: Teller) -> list[list[dict[str, Any]]]:
    """Return for each segment its results that are not whole, or that are quoted, with their stretches."""
    shown, quoted = selection.state.shown, quotes_of(selection.state)
    if not shown and not quoted:
        return [[] for _ in selection.segments]
    found = []
    for n, segment in enumerate(selection.segments):
        parts = [r for r in segment.results if r.key in shown or r.key in quoted]
        found.append([_told(n, r, shown.get(r.key), quoted.get(r.key, ()), tell) for r in parts])
    return found


def quotes_of(state: PruneState) -> dict[Key, list[tuple[int, Extract]]]:
    """Return where each result is quoted, by its key: the items, and what is quoted there."""
    found: dict[Key, list[tuple[int, Extract]]] = {}
    for item, extracts in state.extracts.items():
        for extract in extracts:
            found.setdefault(extract.result, []).append((item, extract))
    return found


def _told(
    n: int,
    result: ToolResult,
    shown: Shown | None,
    quoted: Sequence[tuple[int, Extract]],
    tell: Teller,
) -> dict[str, Any]:
    places = [(item, tell(n, result, Shown(extract.runs))) for item, extract in quoted]
    return {
        "message": result.key[0],
        "tool": result.tool,
        "call": result.call[:NAMED],
        "tokens": result.tokens,
        "saved": shown.saved if shown else 0,
        "when": None if shown is None else "birth" if shown.born else "cut",
        "same": shown.same[0] if shown and shown.same else None,
        "stretches": [asdict(stretch) for stretch in tell(n, result, shown)] if shown else [],
        "quoted": [
            {"message": item, "where": [s.where for s in found if s.shown]} for item, found in places
        ],
    }


def needed(selection: Selection, query: str, reader: Reader) -> Teller:
    """Return what also tells which needs a piece served: at a cut those of now, at a result's first
    appearance those of then. `query` is the latest user turn.
    """
    segments = selection.segments
    now = need_of(segments, query, reader)

    def tell(n: int, result: ToolResult, shown: Shown) -> Sequence[Stretch]:
        if shown.same is not None:
            return ()
        need = need_of(segments[: n + 1], query, reader) if shown.born else now
        return stretches(reader.divided(result.text), shown, need)

    return tell


def stretches(read: Read, shown: Shown, need: Need | None = None) -> list[Stretch]:
    """Return the runs of pieces that are shown and those that are left out, in their order."""
    pieces, reading = read
    n = len(pieces)
    there = frozenset([i for i in positions_of(shown) if i < n])
    cues = dict(_cues(reading, need))
    found = []
    for first, last, stays in _runs(n, there):
        start, end = pieces.all[first].start, _end(pieces, last)
        why = _kept(cues, reading, first, last) if stays else _gone(read, first, last)
        found.append(Stretch(start, end, place_of(pieces, first, last), stays, tuple(why)))
    return found


def _runs(n: int, shown: frozenset[int]) -> Iterator[tuple[int, int, bool]]:
    at = 0
    for first, last in gaps(n, shown):
        if first > at:
            yield at, first - 1, True
        yield first, last, False
        at = last + 1
    if at < n:
        yield at, n - 1, True


def _end(pieces: Pieces, last: int) -> int:
    """Return where a run ends: where the next piece begins."""
    return pieces.all[last + 1].start if last + 1 < len(pieces) else len(pieces.text)


def _cues(reading: Reading, need: Need | None) -> Iterator[tuple[str, Scores]]:
    """Yield why a piece may have stayed, and which pieces that is true of."""
    cues = [
        ("reports a failure", reading.failure),
        ("speaks of trouble", reading.trouble),
        ("sums up", reading.total),
        ("defines a name", reading.definition),
    ]
    for name, marks in cues:
        if 0 < marks.mean() < COMMON:
            yield name, marks
    if need is None:
        return
    n = reading.size.size
    terms = [("words of the user's turn", need.turn), ("words of the agent's last step", need.step)]
    for name, text in terms:
        yield name, having(reading.terms, tokens_of(text)[0], n)
    yield "named lately", having(reading.values, sorted(need.named), n)


def having(said: Concordance, wanted: Sequence[int], n: int) -> Scores:
    """Return 1 for each of `n` pieces that has one of the wanted ids which few of them have."""
    ids = distinct(np.array(wanted, dtype=np.uint32))
    places, which, _ = said.hits(ids)
    few = np.bincount(which, minlength=ids.size) <= COMMON * n
    found = np.zeros(n)
    found[places[few[which]]] = 1.0
    return found


def _kept(cues: Mapping[str, Scores], reading: Reading, first: int, last: int) -> list[str]:
    found = [name for name, marks in cues.items() if marks[first : last + 1].any()]
    found += ["its beginning"] if first == 0 else []
    found += ["its end"] if last == reading.size.size - 1 else []
    carrying = reading.values.places
    valued = ((carrying >= first) & (carrying <= last)).any()
    return found or [VALUES if valued else LEADING]


def _gone(read: Read, first: int, last: int) -> list[str]:
    plain = read.pieces.kind in ("log", "text")
    alike = plain and bool((read.reading.repeats[first : last + 1] > 1).all())
    return [REPEATED if alike else LEFT_OUT]


def place_of(pieces: Pieces, first: int, last: int) -> str:
    """Return where a run of pieces stands: its lines, or what leads to it in JSON."""
    begin, end = pieces.all[first], pieces.all[last]
    if pieces.kind == "json":
        one, two = path_of(pieces, first), path_of(pieces, last)
        return one if one == two else f"{one} to {two}"
    low, high = begin.number, end.number + max(0, end.extent - 1)
    return f"line {low:,}" if low == high else f"lines {low:,}-{high:,}"


def path_of(pieces: Pieces, i: int) -> str:
    """Return the keys and items that lead to a piece of JSON, and its own."""
    names: list[str] = []
    at = i
    while at >= 0:
        piece = pieces.all[at]
        above = pieces.all[piece.parent].form if piece.parent >= 0 else ""
        if above == "object":
            names.append(str(json.JSONDecoder().raw_decode(pieces.text, piece.start)[0])[:40])
        elif above == "array":
            names.append(f"item {piece.number:,}")
        at = piece.parent
    return " ".join(reversed(names)) or "all"
