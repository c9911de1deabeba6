"""One command: `python -m benchmarks.cost.states [--conversations 1000] [--turns 40]`: how fast a state is found.

Conversations go on in turns, one request each at a time; every request looks its state up and stores the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import tracemalloc
from itertools import pairwise
from time import perf_counter

from foveate.policies.types import PruneState
from foveate.proxy.formats.memo import linked
from foveate.proxy.formats.parsed import Item
from foveate.proxy.pruning.memory import Memory
from foveate.proxy.pruning.record import Conversation, Recollection
from foveate.proxy.pruning.states.in_memory import InMemoryStates


async def interleaved(conversations: int, turns: int, bound: int, weigh: bool) -> None:
    """Let the conversations go on side by side and print what finding their states takes, or what they weigh."""
    store = InMemoryStates(max_mib=bound, ttl_hours=24)
    memory = Memory(store)
    times: dict[str, list[float]] = {"hash chain": [], "look-up": [], "storing": []}
    lost = 0
    if weigh:
        tracemalloc.start()
    for turn in range(1, turns + 1):
        # Half of the history was dropped by an earlier cut.
        state = PruneState(frozenset((n, 0, -1) for n in range(turn)), {2 * turn - 2: ()})
        for number in range(conversations):
            items = [Item(f"{number:016x}{n:016x}", 1, ()) for n in range(2 * turn - 1)]
            marks = [perf_counter()]
            conversation = Conversation("tenant", linked([], items), items)
            marks.append(perf_counter())
            lost += await memory.recall(conversation) is None and turn > 1
            marks.append(perf_counter())
            await memory.keep(conversation, Recollection(len(items), state, "balanced"))
            marks.append(perf_counter())
            if not weigh:
                for name, (start, end) in zip(times, pairwise(marks), strict=True):
                    times[name].append(1000 * (end - start))
    if weigh:
        taken, stated = tracemalloc.get_traced_memory()[0] / 2**20, store.bytes / 2**20
        print(
            f"memory: {len(store):,} states, stated {stated:.1f} MiB, taken {taken:.1f} MiB, bound {bound} MiB"
        )
        return
    print(
        f"{conversations:,} interleaved conversations of {turns} turns, {lost} states lost; ms a request:"
    )
    for name, found in times.items():
        found.sort()
        print(f"{name:12} p50 {found[len(found) // 2]:.3f}   p99 {found[len(found) * 99 // 100]:.3f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.cost.states", description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--mebibytes", type=int, default=64, help="the store's bound (state.max_mib)")
    given = parser.parse_args()
    for weigh in (False, True):
        asyncio.run(interleaved(given.conversations, given.turns, given.mebibytes, weigh))


if __name__ == "__main__":
    main()
