"""What is remembered between requests: vectors, once for each text and never across tenants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foveate.proxy.serving.exchange import tenant
from foveate.proxy.vectors.indexes.chroma import Chroma
from support.client import chat
from support.conversations import body, long_chat
from support.parts import RecordingIndex, WordEmbedder
from support.server import Live, serve, serve_with, settings_for
from support.upstream import Upstream


def with_chroma(upstream: Upstream, folder: Path, embedder: WordEmbedder, mib: float = 64) -> Live:
    settings = settings_for(upstream.url, cache={"max_mib": mib})
    return serve_with(settings, embedder, Chroma(embedder.name, folder))


def ask_afresh(live: Live, messages: list[dict[str, Any]], key: str = "sk-a") -> None:
    """Have the request decided on its own merits, whatever was decided before."""
    assert chat(live.url, body(messages), budget="500", sticky="off", key=key).result == "cut"


def test_a_history_that_is_indexed_costs_only_the_querys_embedding(
    upstream: Upstream, tmp_path: Path
) -> None:
    embedder = WordEmbedder()
    with with_chroma(upstream, tmp_path, embedder) as live:
        ask_afresh(live, long_chat())
        embedder.texts.clear()
        question = "Which invoices were paid twice?"
        messages = [
            *long_chat(),
            {"role": "assistant", "content": "At nine."},
            {"role": "user", "content": question},
        ]
        ask_afresh(live, messages)
        assert set(embedder.texts) <= {question, "At nine."}
        embedder.texts.clear()
        ask_afresh(live, messages)
        assert set(embedder.texts) <= {question}


def test_the_index_outlives_a_restart(upstream: Upstream, tmp_path: Path) -> None:
    messages = long_chat()
    with with_chroma(upstream, tmp_path, WordEmbedder()) as live:
        ask_afresh(live, messages)
        first = upstream.last.body
    embedder = WordEmbedder()
    with with_chroma(upstream, tmp_path, embedder) as live:
        ask_afresh(live, messages)
        assert embedder.texts == [], "the latest turn, too, is a segment that is stored"
        assert upstream.last.body == first


def test_a_small_memory_reads_the_index_and_embeds_nothing_twice(
    upstream: Upstream, tmp_path: Path
) -> None:
    embedder = WordEmbedder()
    with with_chroma(upstream, tmp_path, embedder, mib=0.01) as live:
        ask_afresh(live, long_chat())
        embedder.texts.clear()
        ask_afresh(live, long_chat())
        ask_afresh(live, long_chat())
        assert embedder.texts == []


def test_the_same_text_twice_is_embedded_once(upstream: Upstream) -> None:
    embedder = WordEmbedder()
    same = {"role": "user", "content": "ping " * 20}
    with serve_with(settings_for(upstream.url), embedder, RecordingIndex()) as live:
        ask_afresh(live, [same] * 50 + [{"role": "user", "content": "question"}])
    assert embedder.texts.count(same["content"]) == 1


def test_system_prompts_are_not_embedded(upstream: Upstream) -> None:
    embedder = WordEmbedder()
    with serve_with(settings_for(upstream.url), embedder, RecordingIndex()) as live:
        ask_afresh(live, long_chat())
    assert long_chat()[0]["content"] not in embedder.texts


def test_two_tenants_never_meet_in_the_index(upstream: Upstream) -> None:
    index = RecordingIndex()
    with serve_with(
        settings_for(upstream.url, cache={"max_mib": 0.001}), WordEmbedder(), index
    ) as live:
        ask_afresh(live, long_chat(), "sk-a")
        ask_afresh(live, long_chat(), "sk-b")
    a, b = (tenant([(b"authorization", f"Bearer sk-{who}".encode())]) for who in "ab")
    assert a != b
    assert {name for name, _ in index.asked} == {a, b}
    assert next(found for name, found in index.found if name == b) == set(), (
        "what a has stored is not there for b"
    )
    assert {e.id for name, e in index.stored if name == a} == {
        e.id for name, e in index.stored if name == b
    }


def test_a_tenant_cannot_tell_what_another_one_has_sent(upstream: Upstream) -> None:
    """With a vector kept for all, Server-Timing would tell a caller whether somebody else has sent the same text."""
    embedder = WordEmbedder()
    with serve_with(settings_for(upstream.url), embedder, RecordingIndex()) as live:
        ask_afresh(live, long_chat(), "sk-a")
        first = sorted(embedder.texts)
        embedder.texts.clear()
        ask_afresh(live, long_chat(), "sk-b")
        assert sorted(embedder.texts) == first


def test_a_second_tenants_history_survives_a_restart_too(upstream: Upstream, tmp_path: Path) -> None:
    with with_chroma(upstream, tmp_path, WordEmbedder()) as live:
        for key in ("sk-a", "sk-b"):
            ask_afresh(live, long_chat(), key)
    embedder = WordEmbedder()
    with with_chroma(upstream, tmp_path, embedder) as live:
        ask_afresh(live, long_chat(), "sk-b")
    assert embedder.texts == []


def test_no_key_and_no_text_is_written_to_disk(upstream: Upstream, tmp_path: Path) -> None:
    settings = settings_for(upstream.url, index={"type": "chroma"}, data=tmp_path)
    messages = [{"role": "user", "content": "xylophone marmalade quarrel"}, *long_chat()]
    with serve(settings) as live:
        assert chat(live.url, body(messages), budget="500", key="sk-secret-on-disk").result == "cut"
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert any(f.name == "chroma.sqlite3" for f in files)
    for file in files:
        content = file.read_bytes().lower()
        for word in (b"xylophone", b"marmalade", b"harbour", b"vienna", b"sk-secret"):
            assert word not in content, file


@pytest.mark.parametrize("header", ["Authorization", "api-key", "x-api-key"])
def test_a_tenant_is_known_by_any_header_that_carries_a_key(header: str) -> None:
    names = {tenant([(header.lower().encode(), key)]) for key in (b"one", b"two")} | {tenant([])}
    assert len(names) == 3
    assert not {n for n in names if "one" in n or "two" in n}
