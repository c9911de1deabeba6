"""Agents' sessions whose results are shortened at birth alone: `python -m benchmarks.results.sessions --data D`.

Sessions are replayed request by request through the pruner, in a window that forces no cut. Cost is relative to no
pruning at each price of reading and writing the cache, over all sessions of a source and of the worst; `shown` is the
share of the values used next, of those that the whole history carries, that the prompt shows when they are used.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cost.economy import requests_of
from benchmarks.cost.replay import READS, WRITES, cost
from benchmarks.results.cases import Case, Message, load, said, stands_in
from foveate.proxy import services
from foveate.proxy.config.schema import Settings
from foveate.proxy.formats.chat import Chat
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.request import Request

WIRE = Chat()


@dataclass
class Sums:
    """What a session takes: tokens and cached ones, pruned and whole; and what is shown of values."""

    tokens: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    shown: list[bool] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    born: int = 0
    recalled: int = 0
    longest: int = 0
    cuts: int = 0

    def ratio(self, read: float, write: float) -> float:
        """Return the cost relative to no pruning."""
        after, prefix, before, repeated = self.tokens
        return cost(after, prefix, read, write) / cost(before, repeated, read, write)


async def replay(
    built: services.Services, messages: Sequence[Message], cases: Sequence[Case], name: str
) -> Sums:
    """Return what a session takes, its cases measured where they come."""
    sums = Sums()
    wanted: dict[int, list[Case]] = defaultdict(list)
    ends = list(requests_of(messages))
    for case in cases:
        wanted[min([n for n in ends if n >= len(case.messages)], default=ends[-1])].append(case)
    for end in ends:
        body = json.dumps({"model": "session", "messages": messages[:end]}).encode()
        decision = await built.pruner.decide(Request(WIRE, body, Overrides(), name))
        outcome = decision.outcome
        before, after = outcome.tokens_before or 0, outcome.tokens_after or 0
        row = (after, outcome.tokens_prefix or 0, before, outcome.tokens_repeated)
        sums.tokens = [a + b for a, b in zip(sums.tokens, row, strict=True)]
        sums.born, sums.recalled = outcome.tokens_born, outcome.tokens_recalled
        sums.longest = max(sums.longest, before)
        sums.cuts += outcome.result == "cut"
        for case in wanted[end]:
            if case.messages != messages[:end]:  # asked by a user who is not in the session
                body = json.dumps({"model": "session", "messages": case.messages}).encode()
                decision = await built.pruner.decide(Request(WIRE, body, Overrides(), name))
            measure(case, WIRE.items(decision.body), sums)
    return sums


def measure(case: Case, sent: Sequence[object], sums: Sums) -> None:
    """Add whether the values of a case are shown."""
    text = "\n".join(said(m) for m in sent[:-1] if isinstance(m, dict) and m["role"] != "system")
    last = sent[-1]
    text += "\n" + said(last) if isinstance(last, dict) and last["role"] == "tool" else ""
    for value in case.values:
        sums.shown.append(stands_in(text, value))
        if not sums.shown[-1]:
            sums.lost.append((case.id, value))


async def measured(args: argparse.Namespace) -> dict[str, list[Sums]]:
    """Return the sums of each session by its source."""
    settings = Settings(
        index={"type": "in_memory"}, state={"type": "in_memory", "max_mib": 512},
        window={"models": {"session": args.window}}, policy=args.policy, policies=args.policies,
    )  # fmt: skip
    by_session: dict[str, list[Case]] = defaultdict(list)
    for case in load(args.data, args.source):
        by_session[case.conversation].append(case)
    built = services.build(settings)
    built.start()
    found: dict[str, list[Sums]] = defaultdict(list)
    try:
        for name, cases in list(by_session.items())[:: args.every]:
            path = args.data / "conversations" / f"{name}.json"
            messages = json.loads(path.read_text())["messages"]
            found[cases[0].source].append(await replay(built, messages, cases, name))
    finally:
        await built.aclose()
    return found


def main() -> None:
    """Measure and print a line a source."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--source", nargs="+", default=[])
    p.add_argument("--policy", default="agent")
    p.add_argument("--policies", type=json.loads, default={}, help="as in the settings, as JSON")
    p.add_argument("--window", type=int, default=200_000)
    p.add_argument("--every", type=int, default=1, help="only every so manieth session")
    p.add_argument("--lost", action="store_true", help="name the values that are not shown")
    args = p.parse_args()
    prices = list(itertools.product(READS, WRITES))
    print(
        f"{'source':28} sessions values shown  cost least / most over the prices, worst session; cuts"
    )
    everything: list[Sums] = []
    for source, sessions in sorted(asyncio.run(measured(args)).items()):
        everything += sessions
        print(told(source, sessions, prices), flush=True)
        for each in sessions if args.lost else ():
            print(*(f"    {case}: {value}" for case, value in each.lost), sep="\n")
    print(told("all", everything, prices))


def told(name: str, sessions: Sequence[Sums], prices: Sequence[tuple[float, float]]) -> str:
    """Return a line."""
    whole = Sums([sum(column) for column in zip(*(s.tokens for s in sessions), strict=True)])
    shown = [v for s in sessions for v in s.shown]
    ratios = [whole.ratio(*price) for price in prices]
    worst = max(s.ratio(*price) for s in sessions for price in prices)
    return (
        f"{name:28} {len(sessions):8} {len(shown):6} {100 * sum(shown) / max(1, len(shown)):5.1f}"
        f"  {min(ratios):.2f} / {max(ratios):.2f}, {worst:.2f}; {sum(s.cuts for s in sessions)}"
        f"; born {sum(s.born for s in sessions)} recalled {sum(s.recalled for s in sessions)}"
    )


if __name__ == "__main__":
    main()
