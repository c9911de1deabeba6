"""Fits a policy's weights on cases that say what should have been kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from foveate.proxy.config.policies import build_policy, describe_policy, merge_policy, named_policies
from foveate.proxy.config.schema import PolicySettings, Settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation.evaluate import CaseReader, ReadCase, pruned
from foveate.proxy.evaluation.evidence import Case, judge_case
from foveate.proxy.vectors.embedders import build_embedder

FACTORS = (0.0, 0.5, 0.8, 1.25, 2.0)  # of a weight that is there
FRESH = (0.3, 1.0)  # what a signal that the policy has not may begin with
ADDED = ("recency", "references", "task", "novelty")  # signals that may be taken in
MARGIN = 0.002  # of recall: less is noise
ROUNDS = 3
APART = 3  # every so manyth conversation is left out of the fit, and says what it is worth
Described = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit starts from, and on what it is judged."""

    policy: str
    budgets: tuple[float, ...]
    output: Path | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """The cases that are fitted on, and those that are left out of it."""

    seen: list[ReadCase]
    unseen: list[ReadCase]


def run_fit(settings: Settings, cases: Sequence[Case], fit: Fit, console: Console) -> None:
    """Fit, and print the policy and its worth on what it was fitted on and what it has not seen."""
    known = named_policies(settings)
    if fit.policy not in known:
        raise ConfigError(f'policy "{fit.policy}" is not one of {", ".join(sorted(known))}')
    start = describe_policy(f"policies.{fit.policy}", known[fit.policy])
    model = settings.embedder
    embedder = build_embedder(model)
    with (
        CaseReader(embedder, settings.segments.split_over) as reader,
        Progress(console=console) as progress,
    ):
        reading = progress.add_task("reading", total=len(cases))
        shares = apart(list(_read(reader, cases, lambda: progress.advance(reading))))

        def worth(described: Described, over: Sequence[ReadCase]) -> float:
            return mean_recall(described, over, fit.budgets, reader)

        fitting = progress.add_task("fitting", total=None)
        found = ascend(start, lambda d: worth(d, shares.seen), lambda: progress.advance(fitting))
        progress.update(fitting, total=1, completed=1)
        rows = [
            (name, worth(described, shares.seen), worth(described, shares.unseen))
            for name, described in ((fit.policy, start), ("fitted", found))
        ]
    console.print(_table(rows, shares))
    written = yaml.safe_dump({"policies": {"fitted": difference(fit.policy, known, start, found)}})
    if fit.output is None:
        console.print(written, markup=False, highlight=False)
    else:
        fit.output.write_text(written)


def _read(reader: CaseReader, cases: Sequence[Case], done: Callable[[], None]) -> Iterator[ReadCase]:
    for case in cases:
        yield reader.read(case)
        done()


def apart(cases: Sequence[ReadCase]) -> Shares:
    """Return the cases of the conversations that are fitted on, and of those that are not; where there are
    too few conversations, of the earlier turns and the later ones.
    """
    names = list(dict.fromkeys(reading.case.conversation for reading in cases))
    if len(names) < APART:
        middle = max(1, 2 * len(cases) // 3)
        return Shares(list(cases[:middle]), list(cases[middle:]))
    left = set(names[APART - 1 :: APART])
    seen = [reading for reading in cases if reading.case.conversation not in left]
    return Shares(seen, [reading for reading in cases if reading.case.conversation in left])


def mean_recall(
    described: Described, cases: Sequence[ReadCase], budgets: Sequence[float], reader: CaseReader
) -> float:
    """Return the mean share of the evidence that a policy keeps, over cases and budgets."""
    policy = build_policy("fitted", PolicySettings(**described))
    found = []
    for reading in cases:
        for share in budgets:
            sent = pruned(policy, reading, reading.sizes.budget(share))
            judged = judge_case("", reading.case, reading.sizes, share, sent, reader.ruler.size)
            found.append(judged.recall)
    return fmean(found) if found else 0.0


def ascend(
    start: Described, worth: Callable[[Described], float], tried: Callable[[], None]
) -> Described:
    """Return the policy that changing one weight after the other leads to, as long as that helps."""
    best, value = start, worth(start)
    for _ in range(ROUNDS):
        before = value
        for name in (*start["signals"], *[each for each in ADDED if each not in start["signals"]]):
            for weight in weights_to_try(best, name):
                other = merge_policy(best, {"signals": {name: {"weight": weight}}})
                found = worth(other)
                tried()
                if found > value + MARGIN:
                    best, value = other, found
        if value <= before + MARGIN:
            break
    return best


def weights_to_try(described: Described, name: str) -> list[float]:
    """Return the weights that a signal is tried with; none where it has one by kind."""
    now = described["signals"].get(name, {}).get("weight", 1.0 if name in described["signals"] else 0.0)
    if not isinstance(now, int | float):
        return []
    return [round(now * factor, 4) for factor in FACTORS] if now else list(FRESH)


def difference(
    name: str, known: Mapping[str, PolicySettings], start: Described, found: Described
) -> Described:
    """Return the fitted policy as it is written in config.yaml."""
    changed = {
        signal: {"weight": given["weight"]}
        for signal, given in found["signals"].items()
        if given.get("weight") != start["signals"].get(signal, {}).get("weight")
    }
    preset = known[name].preset
    if known[name] == PolicySettings(preset=name) and preset:
        return {"preset": preset, **({"signals": changed} if changed else {})}
    return dict(found)


def _table(rows: Sequence[tuple[str, float, float]], shares: Shares) -> Table:
    shown = Table(box=None, pad_edge=False)
    shown.add_column("policy")
    for head, cases in (("fitted on", shares.seen), ("not seen", shares.unseen)):
        shown.add_column(f"{head} ({len(cases)} cases)", justify="right")
    for name, seen, unseen in rows:
        shown.add_row(name, f"{100 * seen:.1f} %", f"{100 * unseen:.1f} %" if shares.unseen else "–")
    return shown
