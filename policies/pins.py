"""What may never go, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from foveate.policies.types import INSTRUCTIONS, MARKS, Key, Segment

Reasons = dict[int, str]  # why a segment stays, by its position

# Of `share`, for the first user turn: of a room of 64,000 tokens it takes the task of a coding agent
FIRST = 0.3


@dataclass(frozen=True, slots=True)
class Pins:
    """Segments that stay whatever they score.

    Always: system and developer messages, of equal ones the first and the last; the latest user turn
    with the results that stand in the same item, the last segment, what the format has pinned (a
    `cache_control` mark), and all before such a mark where it fits, since a provider keeps a prefix
    only. What stands between the latest user turn and the end stays as a whole where it fits; of a
    longer tool loop the newest stays, up to half the room, and the rest competes. The turns named below
    stay ahead of better-scored segments as long as they take no more than `share` of the room that is
    left, the first user turn three tenths of that: a terse "yes, do it" needs the message before it, and
    under a tight budget each pin costs what the turn needs more. Of the rest, `standing` is the share
    for standing instructions and preferences where tools are at work: they name no value that a call
    needs, and hold for every call.
    """

    first_user: bool = True  # the first user turn, which often states the task
    last_turns: int = 1  # turns ahead of the latest user turn
    share: float = 0.15
    standing: float = 0.1

    def apply(
        self,
        segments: Sequence[Segment],
        budget: int,
        inside: bool = False,
        lasting: Sequence[Key] = (),
    ) -> tuple[Segment, ...]:
        """Return `segments` with the reason set on each that is pinned, under `budget` tokens for all
        of them.

        Where the `inside` of results competes, calls need no place of their own: recent ones count most
        there. `lasting` are standing instructions, those first that matter most.
        """
        latest = latest_user(segments)
        pinned = _Pinned(segments, budget)
        pinned.add(required(segments))
        pinned.add(_ahead_of_mark(pinned, latest))
        if not inside:
            pinned.add(_under_way(pinned, latest))
        room = int(pinned.room * self.share)
        within = int(pinned.room * self.share * FIRST)
        pinned.add(self._last_turns(pinned, latest, room, inside))
        if self.first_user:
            first = pinned.free([i for i, s in enumerate(segments) if s.role == "user"][:1])
            pinned.add(dict.fromkeys(fitting(segments, first, within), "first user turn"))
        places = {s.key: i for i, s in enumerate(segments)} if lasting else {}
        said = pinned.free([places[key] for key in lasting if key in places])
        standing = int(pinned.room * self.standing)
        pinned.add(dict.fromkeys(affordable(segments, said, standing), "standing instruction"))
        return pinned.marked()

    def _last_turns(self, pinned: _Pinned, latest: int, room: int, inside: bool) -> Reasons:
        """Return the turns ahead of the latest one that fit, back to the first that does not."""
        segments = pinned.segments
        if not self.last_turns or not segments:
            return {}
        oldest = segments[latest].turn - self.last_turns
        last = [i for i in range(latest - 1, -1, -1) if segments[i].turn >= oldest]
        last = pinned.free([i for i in last if not inside or segments[i].kind != "tool"])
        return dict.fromkeys(fitting(segments, last, room), "last turns")


class _Pinned:
    """What is pinned so far, and the room that it leaves."""

    def __init__(self, segments: Sequence[Segment], budget: int) -> None:
        self.segments = segments
        self.room = budget
        self.reasons: Reasons = {}

    def add(self, reasons: Reasons) -> None:
        """Pin more."""
        self.room -= sum([self.segments[i].tokens for i in reasons])
        self.reasons |= reasons

    def free(self, positions: Iterable[int]) -> list[int]:
        """Return those that are not pinned."""
        return [i for i in positions if i not in self.reasons]

    def marked(self) -> tuple[Segment, ...]:
        """Return the segments with their reasons."""
        reasons = self.reasons
        return tuple(
            replace(s, pin=reasons[i]) if i in reasons else s for i, s in enumerate(self.segments)
        )


def latest_user(segments: Sequence[Segment]) -> int:
    """Return the position of what the user has said last, the end where no user has spoken."""
    end = len(segments) - 1
    return next((i for i in range(end, -1, -1) if segments[i].role == "user"), end)


def required(segments: Sequence[Segment]) -> Reasons:
    """Return what must stay whatever room there is."""
    end, latest = len(segments) - 1, latest_user(segments)
    spare = _repeats(segments)
    needs = {i: _need(s, i, latest, end) for i, s in enumerate(segments)}
    reasons = {i: reason for i, reason in needs.items() if reason and i not in spare}
    if latest > 0 and segments[latest].key[1] > 0:  # the user has spoken beside results
        reasons.setdefault(latest - 1, "beside the latest user turn")
    return reasons


def _need(segment: Segment, position: int, latest: int, end: int) -> str:
    """Return why the segment at `position` must stay, empty where it may go; `latest` is the latest
    user turn.
    """
    if segment.pin:
        return segment.pin
    if segment.role in INSTRUCTIONS:
        return segment.role
    if position == latest:
        return "latest user turn"
    return "end of the conversation" if position == end else ""


def _ahead_of_mark(pinned: _Pinned, latest: int) -> Reasons:
    """Return all that stands before the last mark of the format's, where it fits."""
    segments = pinned.segments
    marked = max((i for i, s in enumerate(segments[:latest]) if s.pin in MARKS), default=0)
    prefix = pinned.free(range(marked))
    if sum([segments[i].tokens for i in prefix]) > pinned.room:
        return {}
    return dict.fromkeys(prefix, f"ahead of {segments[marked].pin}" if prefix else "")


def _under_way(pinned: _Pinned, latest: int) -> Reasons:
    """Return what follows the latest user turn: all where it fits, else the newest of it."""
    segments = pinned.segments
    working = pinned.free(range(len(segments) - 2, latest, -1))
    whole = sum([segments[i].tokens for i in working]) <= pinned.room
    taken = fitting(segments, working, pinned.room if whole else pinned.room // 2)
    return dict.fromkeys(taken, "after the latest user turn")


def _repeats(segments: Sequence[Segment]) -> frozenset[int]:
    """Return positions of instructions that are said both before and after: agents repeat their
    reminders.
    """
    said: dict[str, list[int]] = {}
    for i, segment in enumerate(segments):
        if segment.role in INSTRUCTIONS and not segment.pin:
            said.setdefault(segment.id, []).append(i)
    return frozenset([i for places in said.values() for i in places[1:-1]])


def affordable(segments: Sequence[Segment], positions: Iterable[int], room: int) -> list[int]:
    """Return those of `positions` that take `room` tokens together, passing over what does not fit."""
    taken = []
    for i in positions:
        if segments[i].tokens <= room:
            room -= segments[i].tokens
            taken.append(i)
    return taken


def fitting(segments: Sequence[Segment], positions: Iterable[int], room: int) -> list[int]:
    """Return the first of `positions` that take `room` tokens together, up to the first that does not
    fit.
    """
    taken = []
    for i in positions:
        if segments[i].tokens > room:
            break
        room -= segments[i].tokens
        taken.append(i)
    return taken
