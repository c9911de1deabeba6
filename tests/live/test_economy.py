"""`economy`: below the window too a cut is made once it pays, and never for a model whose prices nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.outcome import Outcome
from foveate.proxy.pruning.prices import price_table
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import chat
from support.conversations import body, long_chat
from support.parts import WordEmbedder
from support.server import Live, serve_with, settings_for
from support.talking import Talk
from support.thinking import strict
from support.upstream import Upstream

SMALL = {"floor": 400, "least": 100, "prices": {"priced": {"read": 0.1, "write": 1.25}}}


@pytest.fixture
def live(upstream: Upstream) -> Iterator[Live]:
    """A server whose cuts for money leave little, in front of a provider that binds reasoning."""
    upstream.script = strict()
    with serve_with(settings_for(upstream.url, economy=SMALL), WordEmbedder(), InMemory()) as made:
        yield made


def talked(
    live: Live, requests: int, budget: str, **more: str
) -> tuple[list[str | None], list[Outcome]]:
    """Return the results of a conversation of so many requests, and their outcomes."""
    talk = Talk(budget=budget)
    recent: Recent = live.services.parts.recent
    outcomes = []
    for n in range(requests):
        answer = talk.say(
            live.url, f"Note {n}: the night train to Vienna leaves from platform {n}.", **more
        )
        assert answer.status == 200
        found = recent.get(str(answer.header("x-pruning-id")))
        assert found is not None
        outcomes.append(found)
    return talk.results, outcomes


@pytest.mark.parametrize("model", ["gpt-4o", "priced"])
def test_a_long_session_is_cut_where_that_pays_and_says_so(live: Live, model: str) -> None:
    results, outcomes = talked(live, 60, "economy", model=model)
    assert 1 <= results.count("cut") <= 15
    assert set(results) == {"untouched", "cut", "sticky"}
    assert outcomes[-1].tokens_after is not None
    assert outcomes[-1].tokens_before is not None
    assert outcomes[-1].tokens_after < outcomes[-1].tokens_before < 0.1 * 128_000
    assert not any(o.resent for o in outcomes)  # no reasoning was refused


def test_the_bill_of_a_long_session_is_smaller(live: Live) -> None:
    price = price_table()["gpt-4o"]
    _, outcomes = talked(live, 60, "economy", model="gpt-4o")
    paid = sum(price.of(o.tokens_after or 0, o.tokens_prefix or 0) for o in outcomes)
    whole = sum(price.of(o.tokens_before or 0, o.tokens_repeated) for o in outcomes)
    assert paid < 0.8 * whole


def test_a_model_that_nobody_knows_is_never_cut_for_money(live: Live) -> None:
    results, _ = talked(live, 60, "economy", model="unheard-of")
    assert set(results) == {"untouched"}


def test_who_names_a_budget_is_not_cut_for_money(live: Live) -> None:
    results, _ = talked(live, 40, "100000", model="gpt-4o")
    assert set(results) == {"untouched"}


def test_the_settings_ask_for_it_wherever_a_request_names_no_budget(upstream: Upstream) -> None:
    settings = settings_for(upstream.url, economy={**SMALL, "enabled": True})
    with serve_with(settings, WordEmbedder(), InMemory()) as live:
        messages = long_chat(60)
        results = [chat(live.url, body(messages[: 2 * n]), key="sk-one").result for n in range(1, 60)]
        named = [
            chat(live.url, body(messages[: 2 * n]), key="sk-two", budget="100000").result
            for n in range(1, 60)
        ]
    assert "cut" in results
    assert set(named) == {"untouched"}


@pytest.mark.parametrize("value", ["Economy", "economy/2", "cheap", "economy 1", ""])
def test_another_word_is_refused(live: Live, upstream: Upstream, value: str) -> None:
    answer = chat(live.url, body(long_chat(3)), budget=value)
    assert answer.status == 400
    assert answer.json["error"]["code"] == "invalid_pruning_header"
    assert "economy" in answer.json["error"]["message"]
    assert not [r for r in upstream.received if r.method == "POST"]
