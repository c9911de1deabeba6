"""One command: `python -m benchmarks.cost.economy [--data ../shared/eval_tools] [--sessions 12]`: does `economy` pay?

Simulated sessions of 5 to 600 requests, and real agents' sessions replayed through the pruner, at each price of reading
and writing the cache: cost relative to no pruning, over all and of the worst session.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cost.replay import READS, WRITES, cost
from foveate.proxy import services
from foveate.proxy.config.schema import Economy, Settings
from foveate.proxy.formats.chat import Chat
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.prices import Rates
from foveate.proxy.pruning.request import Request
from foveate.proxy.pruning.timing import Moment, bought

LENGTHS = (5, 10, 20, 40, 80, 120, 200, 300, 450, 600)  # requests
GROWTH = (300, 1500, 4000)  # new tokens a request
STANDING = 8000  # tokens of system message and tools
LONG = 100  # requests
Session = tuple[int, int, int, int]  # tokens and cached ones: pruned, and whole


def simulated(length: int, growth: int, rates: Rates, economy: Economy) -> Session:
    """Return what a session takes that grows by so many tokens a request."""
    history = whole = sent = unpruned = 0
    rent = 0.0
    totals = [0, 0, 0, 0]
    for _ in range(length):
        history += growth
        whole += growth
        timing = bought(history, Moment(0.0, rent, rates), economy, cold=False)
        rent = timing.rent
        kept = STANDING if timing.low is not None else sent
        history = history if timing.low is None else timing.low
        tokens = STANDING + history, STANDING + whole
        totals = [
            a + b
            for a, b in zip(totals, (tokens[0], min(kept, tokens[0]), tokens[1], unpruned), strict=True)
        ]
        sent, unpruned = tokens
    return totals[0], totals[1], totals[2], totals[3]


def requests_of(messages: Sequence[dict[str, Any]]) -> Iterator[int]:
    """Yield how much of a session each request holds: up to each user message and each complete set of results."""
    waiting: set[str] = set()
    for i, message in enumerate(messages):
        waiting |= {call["id"] for call in message.get("tool_calls") or ()}
        waiting.discard(message.get("tool_call_id", ""))
        if message["role"] in ("user", "tool") and not waiting:
            yield i + 1


async def replayed(sessions: Sequence[Sequence[dict[str, Any]]], rates: Rates) -> list[Session]:
    """Return what each real session takes, decided by a pruner of its own at those prices."""
    price = {"read": rates.read, "write": rates.write, "lifetime": rates.lifetime}
    settings = Settings(
        index={"type": "in_memory"},
        state={"type": "in_memory"},
        window={"models": {"priced": 200_000}},
        economy={"prices": {"priced": price}},
        embedder={"deadline": 60},
    )
    built = services.build(settings)
    built.start()
    try:
        return [await session_of(built, messages, str(n)) for n, messages in enumerate(sessions)]
    finally:
        await built.aclose()


async def session_of(
    built: services.Services, messages: Sequence[dict[str, Any]], tenant: str
) -> Session:
    """Return what a real session takes."""
    wire = Chat()
    totals = [0, 0, 0, 0]
    for end in requests_of(messages):
        body = json.dumps({"model": "priced", "messages": messages[:end]}).encode()
        outcome = (
            await built.pruner.decide(Request(wire, body, Overrides(thrifty=True), tenant))
        ).outcome
        before, after = outcome.tokens_before or 0, outcome.tokens_after or 0
        row = (after, outcome.tokens_prefix or 0, before, outcome.tokens_repeated)
        totals = [a + b for a, b in zip(totals, row, strict=True)]
    return totals[0], totals[1], totals[2], totals[3]


def told(sessions: Sequence[Session], rates: Rates) -> str:
    """Return the mean of the sessions' costs relative to no pruning, and the worst."""
    ratios = [
        cost(tokens, cached, rates.read, rates.write) / cost(whole, repeated, rates.read, rates.write)
        for tokens, cached, whole, repeated in sessions
    ]
    return f"{sum(ratios) / len(ratios):.2f} / {max(ratios):.2f}"


def main() -> None:
    """Measure and print a line a price."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.cost.economy", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", type=Path, help="folder with conversations/ of agents")
    parser.add_argument("--sessions", type=int, default=12, help="of them, the longest")
    given = parser.parse_args()
    real: list[list[dict[str, Any]]] = []
    if given.data:
        found = [
            json.loads(path.read_text())["messages"]
            for path in sorted(given.data.glob("conversations/*.json"))
        ]
        real = sorted(found, key=lambda messages: -len(messages))[: given.sessions]
    print(
        "read write   simulated mean / worst   over 100 requests" + ("   real sessions" if real else "")
    )
    for read, write in itertools.product(READS, WRITES):
        rates = Rates(read, write, 300)
        runs = {(n, g): simulated(n, g, rates, Economy()) for n in LENGTHS for g in GROWTH}
        long = [session for (n, _), session in runs.items() if n > LONG]
        line = (
            f"{read:<5} {write:<5}   {told(list(runs.values()), rates):>22}   {told(long, rates):>17}"
        )
        print(
            line + (f"   {told(asyncio.run(replayed(real, rates)), rates):>13}" if real else ""),
            flush=True,
        )


if __name__ == "__main__":
    main()
