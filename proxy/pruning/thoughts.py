"""Which reasoning is still what the provider signed: it is bound to the very prompt that it was made
under.

Anthropic, "Prefix checks on thinking blocks"; OpenAI, "Preserved reasoning". A thought's origin is a
hash of all that stood before it in the prompt whose answer it was, earlier thoughts included. It stays
while the prompt before it is the same, goes where it is not, and never comes back elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from foveate.policies.reasoning import loose
from foveate.policies.types import Key, PruneState, Segment, Selection
from foveate.proxy.formats.layout import Row, rows_of
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.pruning.record import NOTHING_YET, Recollection

Origins = Mapping[Key, bytes]  # of each segment with bound reasoning: a hash of the prompt before it
UNKNOWN = b"unknown"  # an origin that no prompt has


def origins_of(parsed: Parsed, earlier: Recollection | None, distrusted: bool = False) -> Origins:
    """Return the origin of each bound thought: what is new was made under the previous prompt and what
    follows it.

    Where a provider insists on an open loop's thoughts, those that the previous prompt had are at home
    in it, whatever they were made under: it was taken. None of them has a known one where the upstream
    has refused them, `distrusted`.
    """
    if not parsed.thinks:
        return earlier.origins if earlier and not distrusted else {}
    if distrusted:
        return {s.key: UNKNOWN for s in parsed.segments if s.bound}
    earlier = earlier or NOTHING_YET
    state = earlier.state
    stood = state.dropped | state.bare
    insists = parsed.outline.insists
    bound = [s.key for s in parsed.segments if s.bound]
    new = {key[0]: key for key in bound if key not in earlier.origins or (insists and key not in stood)}
    if not new:
        return earlier.origins
    kept = [i for i, s in enumerate(parsed.segments) if s.key not in state.dropped]
    rows = rows_of(parsed, kept, state)
    found = dict(earlier.origins)
    for row, before in zip(rows, linked_rows(parsed, rows), strict=True):
        if row.item in new:
            found[new[row.item]] = before
    return found


def without_strangers(
    parsed: Parsed, selection: Selection, before: PruneState, origins: Origins
) -> Selection:
    """Return the selection with the reasoning taken out that was made under another prompt than it
    makes.

    What was out `before`, in the decisions that held until now, stays out. A cut writes the prefix
    anew: bound reasoning of closed turns comes back where the prompt before it is again what it was made
    under, and the plain one behind the first change goes too, as many models' templates drop it
    themselves.
    """
    if not parsed.thinks:
        return selection
    thinking = [s for s in parsed.segments if s.thought and s.key not in selection.state.dropped]
    if not thinking:
        return selection
    opened = latest_user(parsed.segments)
    again = {s.key for s in thinking if selection.cut and s.bound and s.key[0] < opened}
    out = selection.state.bare | (before.bare - again)
    bare = {s.key for s in thinking if s.key in out}
    if selection.cut:
        start = min(_changed(before, selection.state), default=None)
        loosened = loose(parsed.segments, parsed.outline.insists)
        bare |= {s.key for s in loosened if not s.bound and start is not None and s.key > start}
    bare |= strangers(parsed, selection.state, bare, origins)
    if bare == selection.state.bare:
        return selection
    return replace(selection, state=replace(selection.state, bare=frozenset(bare)))


def _changed(before: PruneState, after: PruneState) -> set[Key]:
    """Return the keys of all that is another in one prompt than in the other."""
    results = {
        key
        for key in before.shown.keys() | after.shown.keys()
        if before.shown.get(key) != after.shown.get(key)
    }
    return results | (before.dropped ^ after.dropped)


def strangers(parsed: Parsed, state: PruneState, bare: set[Key], origins: Origins) -> set[Key]:
    """Return the kept segments whose bound reasoning was made under another prompt than stands before
    it now.
    """
    opened = latest_user(parsed.segments) if parsed.outline.insists else len(parsed.items)
    kept = [i for i, s in enumerate(parsed.segments) if s.key not in state.dropped]
    thinking = [i for i in kept if parsed.segments[i].bound]
    owner = {item: parsed.segments[i].key for i in thinking for item in parsed.places[i].items}
    found: set[Key] = set()
    link = b""
    for row in rows_of(parsed, kept, replace(state, bare=frozenset(bare))):
        key = owner.get(row.item)
        if key is not None and key[0] == row.item and origins.get(key) != link and row.item < opened:
            found.add(key)
        link = linked_row(parsed, row._replace(bare=row.bare or key in found), link)
    return found


def linked_rows(parsed: Parsed, rows: Sequence[Row]) -> Iterator[bytes]:
    """Yield a hash of all that stands before each row."""
    link = b""
    for row in rows:
        yield link
        link = linked_row(parsed, row, link)


def linked_row(parsed: Parsed, row: Row, before: bytes) -> bytes:
    """Return the hash of a prompt that ends with `row`."""
    made = blake2b(before, digest_size=8, person=b"foveate-prompt")
    made.update(parsed.items[row.item].id.encode())
    if row.left is not None:
        made.update(repr([(block, sorted(pieces or ())) for block, pieces in row.left]).encode())
    for segment in (*row.forgotten, *[parsed.segments[i] for i in row.excerpts]):
        made.update(segment.id.encode())
    for extract in row.extracts:
        made.update(repr((extract.result, extract.runs)).encode())
    made.update(b"bare" if row.bare else b"")
    for block, part, shown in row.shown:
        made.update(repr((block, part, shown.runs, shown.same)).encode())
    return made.digest()


def latest_user(segments: Sequence[Segment]) -> int:
    """Return the position of the latest user's item, -1 where no user has spoken.

    Words beside results, in a block behind theirs, do not close the loop that the results belong to.
    """
    return max((s.key[0] for s in segments if s.role == "user" and s.key[1] == 0), default=-1)
