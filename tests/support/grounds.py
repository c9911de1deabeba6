"""What is known of a request ahead of its decision, made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foveate.policies.policy import Policy
from foveate.policies.selectors.greedy import Greedy
from foveate.policies.types import Budget, Key, PruneState, Selection
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.pruning.grounds import Grounds
from foveate.proxy.pruning.limits.watermarks import Limits
from foveate.proxy.pruning.limits.windows import ModelWindow
from foveate.proxy.pruning.record import Recollection
from foveate.proxy.pruning.request import Wanted
from foveate.proxy.pruning.thoughts import origins_of

POLICY = Policy("mine", (), Greedy())
NOW = 10_000.0  # seconds since the epoch


def wanted(**given: Any) -> Wanted:
    """Return what is wanted of a request, by default no more than sticky pruning."""
    return Wanted(**{"mode": "on", "policy": POLICY, "insisted": False, "sticky": True, **given})


def limits(high: int, low: int, ratio: float = 1.0, **given: Any) -> Limits:
    """Return limits whose watermarks leave that room for the history."""
    return Limits(ModelWindow(8000, "settings"), Budget(high, low), ratio, Budget(high, low), **given)


def grounds(parsed: Parsed, high: int = 10_000, low: int = 5000, **given: Any) -> Grounds:
    """Return what is known of a request."""
    earlier = given.pop("earlier", None)
    room = given.pop("limits", limits(high, low))
    return Grounds(wanted(**given), parsed, room, earlier, origins_of(parsed, earlier), NOW)


def key(item: int) -> Key:
    """Return the key of a whole item."""
    return (item, 0, -1)


def state(dropped: Iterable[int] = (), bare: Iterable[int] = ()) -> PruneState:
    """Return a state that drops those items, and takes the reasoning out of others."""
    return PruneState(frozenset(map(key, dropped)), {}, frozenset(map(key, bare)))


def selection(parsed: Parsed, made: PruneState, cut: bool = False) -> Selection:
    """Return what a state makes of a request."""
    return Selection(parsed.segments, made, cut)


def earlier(items: int, made: PruneState | None = None, **given: Any) -> Recollection:
    """Return what is remembered of an earlier request of so many items."""
    return Recollection(
        **{"items": items, "state": made or PruneState(), "model": "gpt-4o", "at": NOW, **given}
    )
