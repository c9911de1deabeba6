"""A cold history under the deadline, through a live server."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from foveate.policies.types import Vectors
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import chat
from support.conversations import body, long_chat
from support.parts import WordEmbedder
from support.server import serve_with, settings_for
from support.upstream import Upstream, until


class GatedEmbedder(WordEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        assert self.go.wait(15)
        return super().embed(texts)


def test_a_cold_history_is_cut_by_the_deadline_and_the_next_request_has_its_vectors(upstream: Upstream) -> None:
    embedder = GatedEmbedder()
    settings = settings_for(upstream.url, embedder={"deadline": 0.05})
    with serve_with(settings, embedder, InMemory()) as live:
        first = chat(live.url, body(long_chat()), budget="500", sticky="off", key="sk-one")
        assert first.result == "cut"  # though the model has not answered
        assert "deadline;dur=50.0" in (first.header("server-timing") or "")
        embedder.go.set()
        until(lambda: live.services.features.queued == 0)
        second = chat(live.url, body(long_chat()), budget="500", sticky="off", key="sk-one")
        assert "deadline" not in (second.header("server-timing") or "")
    assert len(embedder.texts) == len(set(embedder.texts)), "nothing is embedded twice"
    assert live.services.features.deadlines_met == 1
