"""A result that comes again: word for word, or as a file that was read anew, on each wire."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from support.client import Answer, ask
from support.server import Live
from support.steps import WIRES, Steps
from support.upstream import Upstream

READ = json.dumps({"path": "src/plan.py"})
PART = json.dumps({"path": "src/plan.py", "offset": 1, "limit": 200})
OLD = "\n".join(f"step_{n} = take('old_{n * 7}')" for n in range(250))
NEW = OLD.replace("old_", "new_")
EDIT = (json.dumps({"command": "sed -i s/old_/new_/ src/plan.py"}), "done")


def post(live: Live, path: str, key: str, steps: Steps, budget: str) -> Answer:
    request: dict[str, Any] = WIRES[path](steps)
    headers = [
        ("Content-Type", "application/json"),
        ("Authorization", f"Bearer {key}"),
        ("X-Pruning-Budget", budget),
    ]
    return ask(live.url, "POST", path, json.dumps(request).encode(), headers)


def sent(upstream: Upstream) -> str:
    return upstream.last.body.decode()


@pytest.mark.parametrize("path", WIRES)
def test_a_result_that_comes_again_word_for_word_points_to_the_first(
    quick: Live, upstream: Upstream, path: str
) -> None:
    key = f"sk-{secrets.token_hex(8)}"
    budget = "90000/50000"
    text = OLD * 3
    steps = [(READ, text)]
    assert post(quick, path, key, steps, budget).result == "untouched"
    steps = [*steps, (READ, text)]
    assert post(quick, path, key, steps, budget).result == "shortened"
    assert sent(upstream).count("old_1743") == 3
    assert "the same 748 lines as the earlier result of run" in sent(upstream)
    again = sent(upstream)
    post(quick, path, key, steps, budget)
    assert sent(upstream) == again


@pytest.mark.parametrize("first", [READ, PART])
@pytest.mark.parametrize("path", WIRES)
def test_of_a_file_that_was_read_anew_the_newer_text_is_kept_at_a_cut(
    quick: Live, upstream: Upstream, path: str, first: str
) -> None:
    notes = [(json.dumps({"command": f"note {n}"}), f"noted {n}") for n in range(3)]
    post(
        quick,
        path,
        f"sk-{secrets.token_hex(8)}",
        [(first, OLD), EDIT, (READ, NEW), *notes],
        "4000/2500",
    )
    assert sent(upstream).count("new_") > 2 * sent(upstream).count("'old_")
