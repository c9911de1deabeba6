"""Measures what share of the evidence survives pruning, for policies and the alternatives."""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import Progress

from foveate.policies.policy import Policy
from foveate.policies.prune import Situation, selection_of
from foveate.policies.registry import SIGNALS
from foveate.policies.registry import load as load_target
from foveate.policies.types import Budget, History, Selection
from foveate.proxy import process
from foveate.proxy.cache import Cache
from foveate.proxy.config.policies import build_policy, describe_policy, merge_policy, named_policies
from foveate.proxy.config.schema import PolicySettings, Settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation.evidence import (
    Case,
    Judged,
    Message,
    Ruler,
    Sizes,
    judge_case,
)
from foveate.proxy.evaluation.summary import plot, recall_table, summary
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.layout import layout
from foveate.proxy.formats.memo import Memo
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.tokens import FALLBACK, TokenCounter
from foveate.proxy.trace import Trace
from foveate.proxy.vectors import Bounds, Owner
from foveate.proxy.vectors.embedders import Embedder, build_embedder
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.vectors.indexes.in_memory import InMemory
from foveate.proxy.worker import Worker

CHAT = Chat()
# A case as read, a budget in tokens -> the prompt
Contestant = Callable[["ReadCase", int], Sequence[Message]]
BUDGETS = (0.10, 0.25, 0.50)
WIDTH = 112  # of a table, where the terminal is not wider
# Baselines as policies, written as in config.yaml.
BARE: dict[str, Any] = {"pins": {"first_user": False, "last_turns": 0, "standing": 0.0}}
BASELINES: dict[str, dict[str, Any]] = {
    "newest first": {"signals": {"recency": {}}, "selector": {"type": "window"}},
    "middle-out": {"signals": {"recency": {}}, "selector": {"type": "window", "head": 0.5}},
    "BM25": {"signals": {"keyword": {"k1": 1.5, "b": 0.75, "power": 1.0}}},
    "cosine": {"signals": {"semantic": {}}},
}
# What differs in each row of an ablation, beside each signal left out in turn.
ABLATIONS: dict[str, dict[str, Any]] = {
    "without the graph": {"graph": {"type": "none"}},
    "graph: pagerank": {"graph": {"type": "pagerank"}},
    "with topics": {"topics": {"share": 0.2}},
    "fusion: reciprocal_rank": {"fusion": {"type": "reciprocal_rank"}},
    **{
        f"selector: {name}": {"selector": {"type": name}}
        for name in ("greedy", "density", "mmr", "structured")
    },
    **{f"with {name}": {"signals": {name: {"weight": 0.2}}} for name in SIGNALS},
    "without pins": BARE,
}


@dataclass(frozen=True, slots=True)
class ReadCase:
    """A case as the proxy reads it."""

    case: Case
    parsed: Parsed
    history: History
    sizes: Sizes


class CaseReader:
    """Reads cases as the proxy does, and waits for every vector; embeds each text once a run."""

    def __init__(self, embedder: Embedder, split_over: int = 1500) -> None:
        cache = Cache(1 << 28)
        self._memo = Memo(CHAT, TokenCounter(FALLBACK), cache, split_over)
        self.ruler = Ruler()
        bounds = Bounds(deadline=math.inf, max_entries=sys.maxsize, threads=process.cores())
        self._worker = Worker()
        self._histories = Histories(embedder, InMemory(), cache, self._worker, bounds)

    def __enter__(self) -> CaseReader:
        """Load the model; ConfigError where it cannot be."""
        self._runner = asyncio.Runner()
        self._runner.run(self._open())
        problems = self._histories.problems()
        if problems:
            self.__exit__()
            raise ConfigError("; ".join(problems))
        return self

    async def _open(self) -> None:
        self._histories.start()
        await self._histories.opened()

    def __exit__(self, *error: object) -> None:
        self._runner.run(self._histories.aclose())
        self._runner.close()
        self._worker.close()

    def read(self, case: Case) -> ReadCase:
        """Return the case with its features and vectors."""
        body = orjson.dumps({"model": "gpt-4o", "messages": case.messages})
        outline = CHAT.read(body)
        parsed = self._memo.parse(outline, self._memo.find(outline))
        history = self._histories.history(Owner(""), parsed.segments, parsed.query, Trace())
        return ReadCase(case, parsed, self._runner.run(history), self.ruler.sizes(case))


def selected(policy: Policy, reading: ReadCase, budget: int) -> Selection:
    """Return what the proxy would keep in `budget` tokens of the whole prompt."""
    parsed = reading.parsed
    room = max(0, budget - parsed.fixed_tokens)
    size = parsed.tokens - parsed.fixed_tokens
    budget_left = Budget(room, room)
    turns = parsed.outline.turns
    situation = Situation(
        parsed.segments, parsed.turn, size, policy, budget_left, turns=turns, reader=parsed.desk
    )
    return selection_of(situation, reading.history)


def pruned(policy: Policy, reading: ReadCase, budget: int) -> Sequence[Message]:
    """Return the messages that the proxy would forward."""
    parsed, selection = reading.parsed, selected(policy, reading, budget)
    rows = layout(parsed, selection.kept, {}, shown=selection.state.shown)
    prompt = CHAT.rebuild(parsed, rows, parsed.desk.texts(parsed.segments, selection.state.shown))
    messages: list[Message] = orjson.loads(prompt.body)["messages"]
    return messages


def compressed(compress: Callable[..., Any], reading: ReadCase, budget: int) -> Sequence[Message]:
    """Return what litellm.compress makes of the messages."""
    plain = [{**m, "content": m.get("content") or ""} for m in reading.case.messages]
    done = compress(
        messages=plain, model="gpt-4o", compression_trigger=budget, compression_target=budget
    )
    messages: list[Message] = done["messages"]
    return messages


def trimmed(trim: Callable[..., Any], reading: ReadCase, budget: int) -> Sequence[Message]:
    """Return what LangChain's trim_messages keeps, as the originals."""
    convert = load_target("langchain_core.messages:convert_to_messages")
    made = convert([{**m, "id": str(i)} for i, m in enumerate(reading.case.messages)])
    sizes = {str(i): tokens for i, tokens in enumerate(reading.sizes.messages)}
    left = trim(
        made, max_tokens=budget, strategy="last", include_system=True, start_on="human",
        token_counter=lambda messages: sum(sizes[m.id] for m in messages),
    )  # fmt: skip
    return [reading.case.messages[int(m.id)] for m in left]


def contestants(policies: Mapping[str, Policy], baselines: bool = True) -> dict[str, Contestant]:
    """Return what is measured, by name: the policies, the baselines, and the libraries that are
    installed.
    """
    found: dict[str, Contestant] = {name: partial(pruned, policy) for name, policy in policies.items()}
    if not baselines:
        return found
    for name, described in BASELINES.items():
        found[name] = partial(pruned, build_policy(name, PolicySettings(**BARE, **described)))
    if find_spec("litellm"):
        # It would ask the network at import
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        found["litellm.compress"] = partial(compressed, load_target("litellm:compress"))
    if find_spec("langchain_core"):
        found["trim_messages"] = partial(trimmed, load_target("langchain_core.messages:trim_messages"))
    return found


def ablations(name: str, described: dict[str, Any]) -> dict[str, Policy]:
    """Return the policy that `described` spells out, and it with one thing changed at a time."""
    signals = described["signals"]
    changed: dict[str, dict[str, Any]] = {name: {}}
    changed |= {f"without {signal}": {"signals": {signal: {"weight": 0.0}}} for signal in signals}
    changed |= {
        row: over
        for row, over in ABLATIONS.items()
        if not over.get("signals", {}).keys() & signals.keys()
    }
    return {
        row: build_policy(row, PolicySettings(**merge_policy(described, over)))
        for row, over in changed.items()
    }


def measure(
    cases: Sequence[Case], reader: CaseReader, named: Mapping[str, Contestant], budgets: Sequence[float] = BUDGETS,
    progress: Progress | None = None,
) -> Iterator[Judged]:  # fmt: skip
    """Yield a row for each case, budget and contestant."""
    task = progress.add_task("cases", total=len(cases)) if progress else None
    for case in cases:
        reading = reader.read(case)
        for share in budgets:
            for name, contestant in named.items():
                sent = contestant(reading, reading.sizes.budget(share))
                yield judge_case(name, case, reading.sizes, share, sent, reader.ruler.size)
        if progress and task is not None:
            progress.advance(task)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a run measures."""

    cases: Sequence[Case]
    policies: tuple[str, ...]
    budgets: tuple[float, ...] = ()  # shares of the history
    baselines: bool = True
    ablate: bool = False


def run_evaluation(
    settings: Settings, wanted: Measurement, console: Console, as_json: Path | None, png: Path | None
) -> None:
    """Measure, print the table, and write the files that are asked for; ConfigError where one cannot be
    had.
    """
    if png is not None and find_spec("matplotlib") is None:
        raise ConfigError("a plot needs matplotlib: pip install 'foveate[eval]'")
    budgets = wanted.budgets or BUDGETS
    named = contestants(chosen(settings, wanted), wanted.baselines)
    model = settings.embedder
    embedder = build_embedder(model)
    with (
        CaseReader(embedder, settings.segments.split_over) as reader,
        Progress(console=console, transient=True) as progress,
    ):
        rows = list(measure(wanted.cases, reader, named, budgets, progress))
    means = summary(rows)
    console.width = max(console.width, WIDTH)
    console.print(recall_table(means, budgets))
    if as_json is not None:
        as_json.write_bytes(orjson.dumps({"summary": means, "cases": rows}, option=orjson.OPT_INDENT_2))
    if png is not None:
        plot(means, png)


def chosen(settings: Settings, wanted: Measurement) -> dict[str, Policy]:
    """Return the policies to measure; ConfigError for a name that is not known."""
    known = named_policies(settings)
    found: dict[str, Policy] = {}
    for name in wanted.policies:
        if name not in known:
            raise ConfigError(f'policy "{name}" is not one of {", ".join(sorted(known))}')
        described = describe_policy(f"policies.{name}", known[name])
        found |= (
            ablations(name, described) if wanted.ablate else {name: build_policy(name, known[name])}
        )
    return found
