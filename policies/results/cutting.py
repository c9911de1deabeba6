"""A cut in which the pieces of long results compete with everything else for the room."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from foveate.policies.results.birth import asks_for_part, subject
from foveate.policies.results.competing import compete
from foveate.policies.results.instead import Reader, runs_of, written
from foveate.policies.results.needing import BRIEF
from foveate.policies.results.pieces.kinds import is_json
from foveate.policies.results.scoring import Need, Offer
from foveate.policies.results.settings import Results
from foveate.policies.types import INSTRUCTIONS, Key, Segment, Shown, ToolResult

MARK = 14  # tokens of a result that is a mark alone
LATEST = 0.75  # of the room: up to there what the model has just asked for stays whole
TEXT = 0.15  # of the room: up to there a short text is one piece
# Where a short history has little room, what tells what is left out of a result takes what would keep
# whole messages: there only long results are shown in part
SHORT = 4000  # tokens of a history beside its instructions
TIGHT = 1000  # and of its room
LONG = 1000  # tokens of a result
STALE = 0.2  # how much a result counts that the same call has brought anew since
# What of a result the policy judges its unit by: of lines, which speak for themselves, the best. Leaves of
# JSON need their path and marks: where no more than SCARCE of what competes fits, it is judged whole, and
# like lines from AMPLE on
PART = 180  # tokens
SCARCE, AMPLE = 0.25, 0.5
TOOLS = 0.3  # share of tool tokens from which talk has no more say than its pieces
TALK = 4.0  # how much stronger the policy's favour is where there is nothing but talk


# The results that compete in their pieces, by the position of their segment.
Divided = Mapping[int, Sequence[ToolResult]]


@dataclass(frozen=True, slots=True)
class Cut:
    """What a cut keeps."""

    kept: frozenset[int]  # positions of segments
    shown: Mapping[Key, Shown]  # what stands for the results that are kept in part


@dataclass(frozen=True, slots=True)
class Lot:
    """Something that competes: a result in its pieces, or all of a segment."""

    position: int  # of its segment
    offer: Offer
    result: ToolResult | None = None


def dividable(segment: Segment, results: Results, least: int, text: int) -> tuple[ToolResult, ...]:
    """Return the results of a segment that can be shown in part: those of more than `least` tokens, of
    plain text more than `text`; none of one that the format has pinned.
    """
    if segment.pin or not segment.results or not results.cut:
        return ()
    return tuple(
        [
            r
            for r in segment.results
            if r.tokens > (least if is_json(r.text) else text) and not results.exempt_tool(r.tool)
        ]
    )


def divided_of(segments: Sequence[Segment], results: Results, room: int) -> Divided:
    """Return the results that can be shown in part, by the position of their segment.

    Where there is room, a short text stays or goes as a whole: it reads better than its lines. At the
    end none goes: there even short ones are shown in part where they do not fit.
    """
    ours = sum([s.tokens for s in segments if s.role in INSTRUCTIONS])
    size = sum([s.tokens for s in segments]) - ours
    tight = size < SHORT and room - ours < TIGHT
    least = max(results.whole, LONG) if tight else results.whole
    text = max(least, min(results.whole_text, int(TEXT * room)))
    last = len(segments) - 1
    found = {
        i: dividable(segment, results, least, text)
        for i, segment in enumerate(segments[:last])
        if segment.results
    }
    if segments:
        found[last] = dividable(segments[last], results, results.whole, results.whole)
    return {i: parts for i, parts in found.items() if parts}


def bare_tokens(segment: Segment, results: Sequence[ToolResult]) -> int:
    """Return what a segment takes without those results."""
    return segment.tokens - sum([r.tokens for r in results])


def whole_at_end(results: Sequence[ToolResult], room: int) -> frozenset[Key]:
    """Return which of the last segment's results stay whole: all where they fit, else the very last
    where it does.
    """
    for some in (results, results[-1:]):
        if sum([r.tokens for r in some]) <= LATEST * room:
            return frozenset([r.key for r in some])
    return frozenset()


def cut_pieces(lots: Sequence[Lot], room: int, need: Need, results: Results, reader: Reader) -> Cut:
    """Return what of the lots fills `room` tokens."""
    return _settle(
        lots, compete([lot.offer for lot in lots], need, room, results, reader.count), reader
    )


def lots_of(
    segments: Sequence[Segment],
    divided: Divided,
    priors: Mapping[int, float],
    reader: Reader,
) -> list[Lot]:
    """Return what competes: of the segments at the positions in `divided` those results, of the others
    all.
    """
    stale = superseded(segments)
    found: list[Lot] = []
    for position, prior in priors.items():
        segment = segments[position]
        age = len(segments) - 1 - position
        parts = divided.get(position, ())
        if not parts and not segment.pin:
            found.append(Lot(position, offer_of(segment, position, age, prior, reader)))
        if parts and not segment.pin:
            found.append(Lot(position, _frame_of(segment, parts, position, age, prior, reader)))
        for result in parts:
            read = reader.divided(result.text)
            counts = prior * (STALE if result.key in stale else 1.0)
            found.append(
                Lot(
                    position,
                    Offer(
                        *read,
                        age=age,
                        call=result.call,
                        unit=position,
                        ratio=result.tokens / max(1, len(result.text)),
                        prior=counts,
                        pinned=bool(segment.pin),
                        whole=result.tokens,
                    ),
                    result,
                )
            )
    return found


def offer_of(segment: Segment, unit: int, age: int, prior: float, reader: Reader) -> Offer:
    """Return a segment that stays or goes as one."""
    ratio = segment.tokens / max(1, len(segment.text))
    return Offer(
        *reader.whole(segment.text), age, "", unit, ratio=ratio, prior=prior, whole=segment.tokens
    )


def _frame_of(
    segment: Segment, parts: Sequence[ToolResult], unit: int, age: int, prior: float, reader: Reader
) -> Offer:
    """Return what has to stay of a segment with any piece of its results: the calls, and what is said
    beside them.
    """
    read = reader.whole(segment.said)
    return Offer(
        *read, age, "", unit, bare_tokens(segment, parts), ratio=0.0, prior=prior, whole=0, frame=True
    )


def _settle(lots: Sequence[Lot], chosen: Sequence[Collection[int]], reader: Reader) -> Cut:
    """Return the cut in which those pieces of each lot stay."""
    kept = {
        lot.position for lot, pieces in zip(lots, chosen, strict=True) if pieces or lot.offer.pinned
    }
    shown = {}
    for lot, pieces in zip(lots, chosen, strict=True):
        result = lot.result
        if result is None or lot.position not in kept or len(pieces) == len(lot.offer.pieces):
            continue
        runs = runs_of(pieces)
        saved = result.tokens - reader.count(written(lot.offer.pieces, Shown(runs)))
        if saved > 0:
            shown[result.key] = Shown(runs, saved)
    return Cut(frozenset(kept), shown)


def superseded(segments: Sequence[Segment]) -> frozenset[Key]:
    """Return the results that a later one stands for: of the very same call, or of one that asks for all
    of what the earlier asked a part of.
    """
    latest: set[str] = set()
    found = set()
    for segment in reversed(segments):
        found.update([r.key for r in segment.results if r.call in latest or subject(r.call) in latest])
        # A brief one may be a refusal, and stands for nothing
        calls = [r.call for r in segment.results if r.call and len(r.text) > BRIEF]
        latest.update(calls)
        latest.update([subject(call) for call in calls if not asks_for_part(call)])
    return frozenset(found)


def judged_tokens(segment: Segment, results: Sequence[ToolResult], share: float) -> int:
    """Return the tokens that a segment is judged by as a whole: those that would be shown of it, where
    `share` of what competes fits.
    """
    if not results:
        return segment.tokens
    leaves = sum([r.tokens for r in results if is_json(r.text)])
    lines = sum([r.tokens for r in results]) - leaves
    scarcity = min(1.0, max(0.0, (AMPLE - share) / (AMPLE - SCARCE)))
    leaves = min(leaves, PART) + int(max(0, leaves - PART) * scarcity)
    return min(segment.tokens, bare_tokens(segment, results) + leaves + min(lines, PART))


def favour_of(favour: float, tool_share: float) -> float:
    """Return how much more the pieces of a segment count that the policy would keep: in talk its word
    decides.
    """
    talk = 1.0 - min(1.0, tool_share / TOOLS)
    return float(favour ** (1.0 + TALK * talk))
