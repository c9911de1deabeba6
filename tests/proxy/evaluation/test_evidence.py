"""What survives, and how it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation.evidence import Case, Ruler, align, dangling, judge_case, load_cases
from support.conversations import call, result

DATA = Path(__file__).parents[2] / "data"
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "my cat is Tom"},
    {"role": "assistant", "content": "noted"},
    {"role": "user", "content": "my cat is Tom"},
    call("a"),
    result("a"),
    {"role": "user", "content": "who is my cat?"},
]
CASE = Case("s", "c", MESSAGES, (frozenset({1}), frozenset({5})))


def judged(sent: list[dict[str, Any]], case: Case = CASE, share: float = 1.0) -> Any:
    """Return the row of a prompt."""
    ruler = Ruler()
    return judge_case("x", case, ruler.sizes(case), share, sent, ruler.size)


def test_all_of_it_keeps_all_evidence() -> None:
    row = judged(MESSAGES)
    assert (row.recall, row.kept, row.over, row.invalid) == (1.0, 1.0, False, False)


def test_a_copy_stands_for_one_original_only() -> None:
    assert judged([*MESSAGES[:1], *MESSAGES[2:]]).recall == 0.5
    assert align(MESSAGES, [MESSAGES[1], MESSAGES[6]]) == ([(6, 1), (3, 0)], True)


def test_text_quoted_in_full_counts_and_part_of_a_word_does_not() -> None:
    quoted = {"role": "user", "content": "earlier: my cat is Tom. And now?"}
    cut_off = {"role": "user", "content": "my cat is Tommy"}
    assert judged([MESSAGES[0], quoted, MESSAGES[6]]).recall == 0.5
    assert judged([MESSAGES[0], cut_off, MESSAGES[6]]).recall == 0.0


@pytest.mark.parametrize(
    "sent",
    [
        [*MESSAGES[1:]],  # no instructions
        [*MESSAGES[:6]],  # no latest turn
        [*MESSAGES[:5], MESSAGES[6]],  # a call without its result
        [*MESSAGES[:4], *MESSAGES[5:]],  # a result without its call
        [MESSAGES[0], MESSAGES[2], MESSAGES[1], MESSAGES[1], MESSAGES[6]],  # out of order
    ],
)
def test_what_no_server_should_get_is_invalid(sent: list[dict[str, Any]]) -> None:
    assert judged(sent).invalid


def test_more_than_the_budget_is_over() -> None:
    assert judged(MESSAGES, share=0.5).over
    assert not judged([MESSAGES[0], MESSAGES[6]], share=0.01).over


def test_calls_without_results_are_counted() -> None:
    assert dangling([call("a", "b"), result("a"), {"role": "user", "content": "?"}, result("b")]) == 2


def test_data_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"cases\.jsonl is missing"):
        load_cases(DATA / "nowhere")
    with pytest.raises(ConfigError, match="no scored case of telepathy"):
        load_cases(DATA, ["telepathy"])
    assert len(load_cases(DATA, ["qmsum"], limit=3)) == 3
