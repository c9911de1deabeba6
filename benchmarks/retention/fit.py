"""Fits the presets on labelled conversations.

    python -m benchmarks.retention.fit --data ../shared/eval            writes policies/presets/{balanced,agent}.yaml
    python -m benchmarks.retention.fit --data ../shared/eval --check    fails where they are not what it yields

From the values of START it goes along one parameter after the other, until no change helps. A change counts only if
it raises the mean recall over the sources by MARGIN, and on most folds of the conversations: what helps one fold alone
is noise. `balanced` is fitted on all sources, `agent` on those with tool calls, from where balanced ended.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import sys
import textwrap
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.retention.vectors import Stored
from foveate.proxy.config.policies import build_policy, merge_policy
from foveate.proxy.config.schema import PolicySettings
from foveate.proxy.evaluation.evaluate import CaseReader, ReadCase, selected
from foveate.proxy.evaluation.evidence import load_cases
from foveate.proxy.formats.layout import layout
from foveate.proxy.vectors.embedders.onnx import Onnx

PRESETS = Path(__file__).parents[2] / "policies" / "presets"
LIMIT = 120  # cases a source, evenly spaced
FOLDS = 5
MARGIN = 0.25  # points of mean recall
BUDGETS = {False: (0.10, 0.25, 0.50), True: (0.25, 0.50)}  # tool histories are short
Described = dict[str, Any]
Space = dict[tuple[str, ...], tuple[float, ...]]

START: Described = {
    "signals": {
        "keyword": {"weight": 1.0, "k1": 1.2, "b": 0.5, "power": 2.0, "spread": True},
        "semantic": {"weight": 1.2, "temperature": 0.1, "spread": True},
        "speaker": {"weight": 1.2, "raw": True},
        "recency": {"weight": 0.0},
        "references": {"weight": 0.0},
        "task": {"weight": 0.0},
        "directive": {"weight": 2.0, "raw": True},  # no data labels it: as much as costs a case or two
        "novelty": {"weight": 0.0},
        "role": {"weight": 0.0},
    },
    "graph": {"type": "neighbours", "per_speaker": 0.7, "persistence": 9.0, "longest": 24.0, "own": 1.5},
    "topics": {"share": 0.0},
    "selector": {
        "type": "coverage", "persistence": 0.9, "answers": 0.25, "tools": 0.6, "tool_share": 0.3, "values": 1.0,
        "half_life": 24.0, "references": 0.33, "relevance": 2.0,
    },
}  # fmt: skip
OPTIONAL = [
    ("signals", name, "weight") for name in ("recency", "references", "task", "novelty", "role")
]
SPACE: dict[str, Space] = {
    "balanced": {
        ("signals", "semantic", "weight"): (1.2, 2.0),
        ("signals", "semantic", "temperature"): (0.1, 0.15, 0.2),
        ("signals", "keyword", "power"): (1.5, 2.0),
        ("graph", "own"): (1.0, 1.5, 2.0, 3.0),
        ("graph", "per_speaker"): (0.5, 0.7, 1.0),
        ("graph", "persistence"): (6.0, 9.0, 12.0),
        ("topics", "share"): (0.0, 0.15),
        ("selector", "persistence"): (0.7, 0.9, 1.1),
        ("selector", "tools"): (0.5, 0.6, 0.7),
        ("selector", "relevance"): (2.0, 3.0, 4.0),
        ("signals", "speaker", "weight"): (0.8, 1.2, 1.6),
        ("selector", "half_life"): (12.0, 16.0, 24.0),
        ("selector", "references"): (0.2, 0.33, 0.5),
        **dict.fromkeys(OPTIONAL, (0.0, 0.1, 0.2)),
    },
    "agent": {
        ("selector", "tools"): (0.4, 0.5, 0.6, 0.7, 0.8),
        ("selector", "half_life"): (8.0, 12.0, 16.0, 24.0, 32.0),
        ("selector", "references"): (0.0, 0.2, 0.33, 0.5, 0.7),
        ("selector", "relevance"): (0.0, 1.0, 2.0, 3.0, 5.0),
        ("signals", "semantic", "weight"): (0.0, 0.6, 1.2, 1.8),
        **dict.fromkeys(OPTIONAL, (0.0, 0.1, 0.3, 0.6)),
    },
}
# What a preset is for, and no label of the data speaks of.
GIVEN: dict[str, Described] = {
    "balanced": {},
    "agent": {"selector": {"tool_share": 0.1}, "pins": {"last_turns": 2, "share": 0.2}},
}
WHAT = {
    "balanced": "The default: finds what the latest turn asks about in talk, and the values that tools will need.",
    "agent": "For tool work: values count from the first tools on, and the last two turns stay.",
}


def read(data: Path, vectors: Path) -> list[ReadCase]:
    """Return the cases as the proxy reads them."""
    embedder = Stored(Onnx(), vectors)
    with CaseReader(embedder) as reader:
        readings = [reader.read(case) for case in load_cases(data, limit=LIMIT)]
    embedder.save()
    return readings


def recalls(described: Described, readings: list[ReadCase]) -> list[tuple[str, int, float]]:
    """Return source, fold and mean recall of each case."""
    policy = build_policy("fit", PolicySettings(**described))
    return [(r.case.source, fold_of(r.case.conversation), recall(r, policy)) for r in readings]


def recall(reading: ReadCase, policy: Any) -> float:
    """Return the mean over the budgets of the share of evidence kept."""
    parsed, groups = reading.parsed, reading.case.groups
    found = []
    for share in BUDGETS[uses_tools(reading)]:
        kept = selected(policy, reading, reading.sizes.budget(share)).kept
        messages = {row.item for row in layout(parsed, kept, {}) if row.left is None}
        found.append(sum(bool(group & messages) for group in groups) / len(groups))
    return float(np.mean(found))


def uses_tools(reading: ReadCase) -> bool:
    """Return whether a case is tool work."""
    return any(m["role"] == "tool" for m in reading.case.messages)


def fold_of(conversation: str) -> int:
    """Return the fold of a conversation, the same on every machine."""
    return hashlib.blake2b(conversation.encode()).digest()[0] % FOLDS


def objective(found: list[tuple[str, int, float]], fold: int | None = None) -> float:
    """Return the mean over the sources of their mean recall, in points; of one fold, or of all."""
    by: dict[str, list[float]] = {}
    for source, number, value in found:
        if fold is None or number == fold:
            by.setdefault(source, []).append(value)
    return 100 * float(np.mean([np.mean(values) for values in by.values()])) if by else 0.0


def better(new: list[tuple[str, int, float]], old: list[tuple[str, int, float]]) -> bool:
    """Return whether a change counts."""
    wins = sum(objective(new, fold) >= objective(old, fold) for fold in range(FOLDS))
    return objective(new) >= objective(old) + MARGIN and 2 * wins > FOLDS


def changed(described: Described, path: tuple[str, ...], value: float) -> Described:
    """Return a copy with one value changed."""
    made = copy.deepcopy(described)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


def value_at(described: Described, path: tuple[str, ...]) -> Any:
    """Return the value at a path."""
    for key in path:
        described = described[key]
    return described


def climb(start: Described, space: Space, readings: list[ReadCase]) -> tuple[Described, float, float]:
    """Return the fitted values, and the objective before and after."""
    best, old = start, recalls(start, readings)
    first = objective(old)
    moved = True
    while moved:
        moved = False
        for path, values in space.items():
            options = [changed(best, path, v) for v in values if v != value_at(best, path)]
            rows = [recalls(option, readings) for option in options]
            top = max(range(len(options)), key=lambda i: objective(rows[i]))
            said = f"{objective(old):7.2f} -> {objective(rows[top]):7.2f} at {value_at(options[top], path)}"
            print(f"{'.'.join(path):32} {said}", file=sys.stderr, flush=True)
            if better(rows[top], old):
                best, old, moved = options[top], rows[top], True
    return best, first, objective(old)


def trimmed(described: Described) -> Described:
    """Return the values without what has no effect."""
    made = copy.deepcopy(described)
    made["signals"] = {name: given for name, given in made["signals"].items() if given["weight"]}
    if not made["topics"]["share"]:
        del made["topics"]
    return made


def render(name: str, described: Described, note: str) -> str:
    """Return a preset's file."""
    flow = {
        part: {k: Flow(v) for k, v in given.items()} if part == "signals" else Flow(given)
        for part, given in described.items()
    }
    body = yaml.dump(flow, Dumper=Dumper, sort_keys=False, width=116)
    return textwrap.indent("\n".join([WHAT[name], *textwrap.wrap(note, 116)]), "# ") + f"\n{body}"


class Flow(dict):  # type: ignore[type-arg]
    """A mapping to be written on one line."""


class Dumper(yaml.SafeDumper):
    """Writes Flow on one line."""


Dumper.add_representer(
    Flow, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)


def main() -> None:
    """Fit, then write or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument(
        "--vectors", default="~/.cache/foveate/vectors.npz", help="where embedded texts are kept"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where the presets differ"
    )
    args = parser.parse_args()
    readings = read(Path(args.data), Path(args.vectors).expanduser())
    wrong = []
    start = START
    for name, space in SPACE.items():
        mine = [r for r in readings if name != "agent" or uses_tools(r)]
        start, before, after = climb(merge_policy(start, GIVEN[name]), space, mine)
        sources = sorted({r.case.source for r in mine})
        note = f"Fitted by benchmarks/retention/fit.py on {', '.join(sources)}: {before:.1f} -> {after:.1f}"
        path = PRESETS / f"{name}.yaml"
        if args.check:
            if yaml.safe_load(path.read_text()) != trimmed(start):
                wrong.append(f"{path} is not what the fit yields: {trimmed(start)}")
        else:
            path.write_text(render(name, trimmed(start), f"{note}, {date.today()}."))
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
