"""A cold history under the deadline, through a live server."""

from __future__ import annotations

from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import chat
from support.conversations import body, long_chat
from support.histories import GatedEmbedder
from support.server import serve_with, settings_for
from support.upstream import Upstream, until


def test_a_cold_history_is_cut_by_the_deadline_and_the_next_request_has_its_vectors(
    upstream: Upstream,
) -> None:
    embedder = GatedEmbedder()
    settings = settings_for(upstream.url, embedder={"deadline": 0.05})
    with serve_with(settings, embedder, InMemory()) as live:
        first = chat(live.url, body(long_chat()), budget="500", sticky="off", key="sk-one")
        assert first.result == "cut"  # though the model has not answered
        assert ' late", ' in (first.header("server-timing") or "")
        embedder.go.set()
        until(lambda: live.services.parts.histories.queued == 0)
        second = chat(live.url, body(long_chat()), budget="500", sticky="off", key="sk-one")
        assert "late" not in (second.header("server-timing") or "")
    assert len(embedder.texts) == len(set(embedder.texts)), "nothing is embedded twice"
    assert live.services.parts.histories.deadlines_met == 1
