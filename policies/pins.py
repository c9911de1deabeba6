"""What may never go, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from foveate.policies.types import INSTRUCTIONS, MARKS, Key, Segment

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
        users = [i for i, s in enumerate(segments) if s.role == "user"]
        end = len(segments) - 1
        latest = users[-1] if users else end
        needs = {i: required(s, i, latest, end) for i, s in enumerate(segments)}
        spare = _repeats(segments)
        reasons = {i: reason for i, reason in needs.items() if reason and i not in spare}
        if latest > 0 and segments[latest].key[1] > 0:  # the user has spoken beside results
            reasons.setdefault(latest - 1, "beside the latest user turn")
        room = budget - sum(segments[i].tokens for i in reasons)

        marked = max((i for i, s in enumerate(segments[:latest]) if s.pin in MARKS), default=-1)
        prefix = [i for i in range(marked) if i not in reasons]
        size = sum(segments[i].tokens for i in prefix)
        if size <= room:
            reasons |= dict.fromkeys(prefix, f"ahead of {segments[marked].pin}" if prefix else "")
            room -= size

        working = [i for i in range(end - 1, latest, -1) if i not in reasons and not inside]
        whole = sum(segments[i].tokens for i in working) <= room
        taken = fitting(segments, working, room if whole else room // 2)
        reasons |= dict.fromkeys(taken, "after the latest user turn")
        room -= sum(segments[i].tokens for i in taken)

        oldest = segments[latest].turn - self.last_turns if segments else 0
        last = [i for i in range(latest - 1, -1, -1) if i not in reasons and segments[i].turn >= oldest]
        last = [i for i in last if not inside or segments[i].kind != "tool"]
        if self.last_turns:
            reasons |= dict.fromkeys(fitting(segments, last, int(room * self.share)), "last turns")
        first = [i for i in users[:-1][:1] if i not in reasons]
        if self.first_user:
            within = room * self.share * FIRST
            reasons |= dict.fromkeys(fitting(segments, first, int(within)), "first user turn")
        places = {s.key: i for i, s in enumerate(segments)} if lasting else {}
        free = [places[key] for key in lasting if key in places and places[key] not in reasons]
        room = budget - sum(segments[i].tokens for i in reasons)
        said = affordable(segments, free, int(room * self.standing))
        reasons |= dict.fromkeys(said, "standing instruction")
        return tuple(replace(s, pin=reasons[i]) if i in reasons else s for i, s in enumerate(segments))


def _repeats(segments: Sequence[Segment]) -> frozenset[int]:
    """Return positions of instructions that are said both before and after: agents repeat their
    reminders.
    """
    said: dict[str, list[int]] = {}
    for i, segment in enumerate(segments):
        if segment.role in INSTRUCTIONS and not segment.pin:
            said.setdefault(segment.id, []).append(i)
    return frozenset([i for places in said.values() for i in places[1:-1]])


def required(segment: Segment, position: int, latest: int, end: int) -> str:
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
