"""What the agent's next step needs of results that are not whole: the lines that say what it names."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from foveate.policies.results.competing import shown as with_what_leads
from foveate.policies.results.instead import Read, Reader, positions_of, runs_of, written
from foveate.policies.results.pieces.concordance import covered, laid_together
from foveate.policies.results.pieces.kinds import unnumbered
from foveate.policies.results.pieces.reports import BODY
from foveate.policies.results.pieces.tokens import LONGEST, TOKEN, is_value, tokens_of
from foveate.policies.terms import distinct
from foveate.policies.types import Extract, Key, PruneState, Segment, Shown, ToolResult

SHORTEST = 4  # characters of a name
MOST_NAMES = 24  # of one step
LOOKED_AT = 20  # earlier steps whose names have had their turn
LATEST = 3  # steps that say what a file is opened for
MOST_PLACES = 8  # pieces that are out and carry a name: one that is everywhere tells nothing
MOST_SEEN = 2  # and of one that stands in a result that the prompt has
PER_NAME = 3  # pieces that are quoted for one name
AROUND = (1, 2)  # lines ahead of such a piece and behind it that are quoted with it
SPEAKER = 80  # characters of a call that an excerpt names
BESIDE = 8  # tokens of the frame's words beside those that it has at a user's turn
RECORD = 400  # characters: an object of JSON up to there is quoted as a whole
COVERED = 0.6  # of a turn's rare words: what a piece must have that is quoted for words alone
PER_TURN = 4  # pieces that are quoted for words
# A string among a call's arguments that is one word: a name, whatever it looks like.
_ARGUMENT = re.compile(r'"([^"\\\s]{4,80})"(?!\s*:)')
_PARTS = re.compile(r"[/:\\@]")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: by the agent's latest step, or by the user's turn."""

    said: str
    before: str = ""  # what the agent said and did in the same turn ahead of it
    about: str = ""  # what it is doing: what it opens a file for
    fresh: frozenset[Key] = frozenset()  # results that have come with it
    words: bool = False  # plain words ask too, beside names


@dataclass(frozen=True, slots=True)
class _Source:
    """A result of which something is out."""

    result: ToolResult
    read: Read
    there: frozenset[int]  # pieces that the prompt has
    order: int  # among all of them, the newest the highest
    wanted: list[int] = field(default_factory=list)  # pieces, the most wanted first

    def homes(self, name: str) -> set[int]:
        """Return the pieces that carry a name."""
        starts = [piece.start for piece in self.read.pieces.all]
        return {bisect_right(starts, at) - 1 for at in places_of(self.result.text, name)}

    def telling(self, i: int) -> bool:
        """Say whether a piece defines something or reports a failure."""
        reading = self.read.reading
        return bool(reading.definition[i] or reading.failure[i] > BODY)


def extracts_for(
    wish: Wish, segments: Sequence[Segment], state: PruneState, room: int, reader: Reader
) -> tuple[Extract, ...]:
    """Return what to quote of results, oldest first, within `room` tokens; nothing that the prompt has."""
    came = "\n".join([r.text for s in segments for r in s.results if r.key in wish.fresh])
    names = [n for n in names_in(wish.said) if n not in wish.before and not stands(came, n)]
    names = names[:MOST_NAMES]
    if room <= 0 or not (names or wish.words):
        return ()
    sources = list(_sources(segments, state, wish, names, reader))
    if not sources:
        return ()
    plain = [r.text for s in segments for r in s.results if _whole(s, r, state)]
    seeds: list[tuple[_Source, int]] = []
    for name in names:
        seen = any(stands(text, name) for text in plain)
        seeds += _carrying(sources, name, seen)
    for source in sources:
        if any(stands(source.result.call, name) for name in names):
            about = [n for n in names_in(wish.about) if n not in names and not stands(came, n)]
            for name in about[:MOST_NAMES]:
                seeds += _carrying([source], name, False)
    if wish.words:
        seeds += _saying(sources, wish.said)
    return _fitting([seed for seed in seeds if not _said(*seed, came)], room, reader)


def wish_of(segments: Sequence[Segment], item: int, query: str) -> Wish:
    """Return what the newest item asks for: the user's turn, or the step that its results answer."""
    steps = [i for i, s in enumerate(segments) if s.role == "assistant"]
    latest = steps[-1] if steps else len(segments)
    fresh = frozenset([r.key for s in segments[latest:] for r in s.results])
    turn = max([i for i, s in enumerate(segments) if s.role == "user"], default=-1)
    if turn > latest or (turn >= 0 and segments[turn].key[0] == item):
        return Wish(query, fresh=fresh, words=True)
    done = [segments[i].words for i in steps if turn < i < latest]
    return Wish(
        segments[latest].words if steps else "",
        before="\n".join(done[-LOOKED_AT:]),
        about="\n".join([query, *done[-LATEST:]]),
        fresh=fresh,
    )


def names_in(text: str) -> list[str]:
    """Return what a text names: identifiers, paths, long numbers, and arguments that are one word."""
    tokens = [t for t in TOKEN.findall(text) if len(t) <= LONGEST]
    parts = [part for t in tokens for part in (t, *_PARTS.split(t)) if is_value(part)]
    return [n for n in dict.fromkeys([*parts, *_ARGUMENT.findall(text)]) if len(n) >= SHORTEST]


def places_of(text: str, name: str) -> Iterator[int]:
    """Yield where a name stands by itself."""
    if name in text:
        pattern = rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])"
        yield from (found.start() for found in re.finditer(pattern, text))


def stands(text: str, name: str) -> bool:
    """Say whether a name stands somewhere in a text, by itself."""
    return next(places_of(text, name), None) is not None


def _whole(segment: Segment, result: ToolResult, state: PruneState) -> bool:
    quoted = segment.key in state.quoted
    return quoted or (segment.key not in state.dropped and result.key not in state.shown)


def _sources(
    segments: Sequence[Segment], state: PruneState, wish: Wish, names: Sequence[str], reader: Reader
) -> Iterator[_Source]:
    """Yield the results of which something is out that a name may ask for; with words, any may be asked
    for.
    """
    quoted = quoted_pieces(state)
    order = 0
    for segment in segments:
        for result in segment.results:
            instead = state.shown.get(result.key)
            pointing = instead is not None and instead.same is not None
            if result.key in wish.fresh or _whole(segment, result, state) or pointing:
                continue
            said = (result.text, result.call)
            if not wish.words and not any(name in text for name in names for text in said):
                continue
            gone = segment.key in state.dropped or instead is None
            there = set() if gone or instead is None else set(positions_of(instead))
            order += 1
            there |= quoted.get(result.key, set())
            yield _Source(result, reader.divided(result.text), frozenset(there), order)


def quoted_pieces(state: PruneState) -> Mapping[Key, set[int]]:
    """Return the pieces of each result that stand somewhere as excerpts."""
    found: dict[Key, set[int]] = {}
    for extract in state.extracted:
        found.setdefault(extract.result, set()).update(positions_of(Shown(extract.runs)))
    return found


def _carrying(sources: Sequence[_Source], name: str, seen: bool) -> list[tuple[_Source, int]]:
    """Return the pieces to quote for a name, fewer where it is `seen` in another result.

    Those that define it or report a failure come first, and are the only ones where too many carry it.
    """
    found = [(source, i) for source in sources for i in sorted(source.homes(name))]
    out = [(source, i) for source, i in found if i not in source.there]
    known = seen or len(out) < len(found)
    if len(out) > (MOST_SEEN if known else MOST_PLACES):
        out = [(source, i) for source, i in out if source.telling(i)]
    if len(out) > MOST_PLACES:
        return []
    best = sorted(out, key=lambda at: (not at[0].telling(at[1]), -at[0].order, at[1]))
    return best[: 1 if known else PER_NAME]


def _saying(sources: Sequence[_Source], text: str) -> list[tuple[_Source, int]]:
    """Return the pieces that are out and have most of a text's rare words, two at least."""
    wanted = distinct(np.array(tokens_of(text)[0], dtype=np.uint32))
    starts = np.concatenate([[0], np.cumsum([len(s.read.pieces) for s in sources])]).astype(np.intp)
    places, terms, _ = laid_together([s.read.reading.terms for s in sources], starts).hits(wanted)
    cover = covered(places, terms, int(starts[-1]))
    several = np.bincount(places, minlength=cover.size) > 1
    good = np.flatnonzero((cover >= COVERED) & several)
    found = []
    for at in good[np.argsort(-cover[good], kind="stable")].tolist():
        which = int(np.searchsorted(starts, at, side="right")) - 1
        place = at - int(starts[which])
        if place not in sources[which].there:
            found.append((sources[which], place))
    return found[:PER_TURN]


def _said(source: _Source, i: int, came: str) -> bool:
    """Say whether a result that has just come says a piece anyhow."""
    text = source.read.pieces.text_of(i)
    line = unnumbered(text).strip()
    return not line or line in came


def _fitting(seeds: Sequence[tuple[_Source, int]], room: int, reader: Reader) -> tuple[Extract, ...]:
    """Return the excerpts of as many of the pieces, the first ones foremost, as fit."""
    chosen: dict[Key, Extract] = {}
    pieces: dict[Key, frozenset[int]] = {}
    for source, i in seeds:
        key = source.result.key
        more = _with_neighbours(source, i) | pieces.get(key, frozenset())
        extract = _extract(source, more, reader)
        others = sum([e.tokens for k, e in chosen.items() if k != key])
        if others + extract.tokens <= room:
            chosen[key], pieces[key] = extract, more
    return tuple([chosen[key] for key in sorted(chosen)])


def _with_neighbours(source: _Source, i: int) -> frozenset[int]:
    """Return a piece with those that it is read with: its record in JSON, else the lines around it."""
    pieces = source.read.pieces
    piece = pieces.all[i]
    if pieces.kind != "json":
        low, high = max(0, i - AROUND[0]), min(len(pieces) - 1, i + AROUND[1])
        return frozenset(range(low, high + 1))
    above = piece.parent
    if above >= 0 and pieces.all[above].form == "object":
        record = pieces.all[above]
        if record.end - record.start <= RECORD:
            return frozenset([k for k, p in enumerate(pieces.all) if p.parent == above])
    return frozenset([i])


def _extract(source: _Source, chosen: frozenset[int], reader: Reader) -> Extract:
    result = source.result
    ratio = result.tokens / max(1, len(result.text))
    runs = runs_of(with_what_leads(source.read.pieces, chosen, ratio))
    text = written(source.read.pieces, Shown(runs))
    tokens = reader.count(f"[tool {result.call[:SPEAKER]}] {text}\n")
    return Extract(result.key, runs, tokens + BESIDE)
