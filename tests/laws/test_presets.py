"""What holds of every preset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.policies.types import Budget, Segment
from foveate.proxy.config.policies import build_policy, preset_names
from foveate.proxy.config.schema import PolicySettings
from laws.strategies import plain
from support.conversations import TOPICS, history, pruned, segment
from support.deciding import read

ROOT = Path(__file__).parent.parent.parent
TOOLS = ROOT / "tests" / "data" / "tau2_airline_toolorch_36.json"
SCRIPT = (
    "import sys; from laws.test_presets import kept_of_tool_work\n"
    "print({name: sorted(kept_of_tool_work(name)) for name in sys.argv[1:]})"
)


@st.composite
def talks(draw: st.DrawFn) -> list[Segment]:
    """Segments of one conversation, the latest user turn last."""
    said = st.tuples(st.sampled_from(["user", "assistant", "tool"]), plain, st.integers(1, 90))
    turns = draw(st.lists(said, max_size=14))
    made, turn = [], 0
    for n, (role, text, tokens) in enumerate(turns):
        turn += role == "user"
        kind = "tool" if role == "tool" else "conversation"
        made.append(segment(text, id=str(n), role=role, kind=kind, turn=turn, tokens=tokens))
    return [*made, segment("where is file_7?", id="q", turn=turn + 1)]


@pytest.mark.parametrize("name", preset_names())
@settings(max_examples=40)
@given(given_segments=talks(), low=st.integers(0, 600))
def test_the_shares_add_up_and_the_room_is_kept(
    name: str, given_segments: list[Segment], low: int
) -> None:
    policy = build_policy(name, PolicySettings(preset=name))
    selection = pruned(history(given_segments, "where is file_7?"), policy, Budget(0, low))
    kept = 0
    for verdict in selection.verdicts:
        assert np.isfinite(verdict.score)
        assert verdict.score == pytest.approx(sum((verdict.shares or {}).values()), abs=1e-6)
        kept += verdict.segment.tokens * (verdict.fate == "kept")
    assert kept <= max(low, given_segments[-1].tokens)


def kept_of_tool_work(name: str) -> frozenset[int]:
    """Return what a preset keeps of real tool work."""
    messages = json.loads(TOOLS.read_text())["messages"]
    last = max(i for i, m in enumerate(messages) if m["role"] == "user")
    parsed = read({"model": "gpt-4o", "messages": messages[: last + 1]})
    seen = history(parsed.segments, parsed.query)
    policy = build_policy(name, PolicySettings(preset=name))
    low = sum(s.tokens for s in seen.segments) * 7 // 10
    return frozenset(pruned(seen, policy, Budget(0, low)).kept)


def test_tool_work_is_cut_the_same_way_in_a_fresh_process() -> None:
    names = preset_names()
    answers = set()
    for seed in ("1", "2"):
        path = os.pathsep.join(map(str, (ROOT / ".package", ROOT, ROOT / "tests")))
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        command = [sys.executable, "-c", SCRIPT, *names]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        answers.add(done.stdout)
    assert answers == {f"{ ({name: sorted(kept_of_tool_work(name)) for name in names}) }\n"}


def test_the_default_keeps_a_standing_instruction() -> None:
    told = segment("From now on, answer in metric units.", turn=2, tokens=12)
    chatter = [segment(f"{n}: {TOPICS[n % len(TOPICS)]}", turn=n + 3, tokens=15) for n in range(60)]
    question = "When does the night train to Vienna leave?"
    seen = history(
        [segment("hello", turn=1, tokens=100), told, *chatter, segment(question, turn=80, tokens=8)],
        question,
    )
    with_it, without = (
        build_policy("p", PolicySettings(preset="balanced", signals={"directive": {"weight": weight}}))
        for weight in (2.0, 0.0)
    )
    assert 1 in pruned(seen, with_it, Budget(0, 300)).kept
    assert 1 not in pruned(seen, without, Budget(0, 300)).kept
