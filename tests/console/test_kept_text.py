"""What is kept of finished requests, and what is not."""

from __future__ import annotations

import secrets

from support.client import ask, chat
from support.console import serve_pages
from support.conversations import body, long_chat
from support.server import settings_for
from support.upstream import Upstream


def test_text_is_not_kept_unless_asked_for(upstream: Upstream) -> None:
    secret = f"the word is {secrets.token_hex(8)}"
    messages = [*long_chat(5), {"role": "user", "content": secret}]
    with serve_pages(settings_for(upstream.url)) as live:
        key = chat(live.url, body(messages), budget="200").header("x-pruning-id")
        found = ask(live.url, "GET", f"/-/outcomes/{key}")
        assert secret not in found.body.decode()
        assert "text" not in found.json["verdicts"][0]
        assert live.services.parts.recent.get(key or "") is not None
        assert secret not in repr(vars(live.services.parts.recent))


def test_text_is_kept_where_that_is_asked_for(upstream: Upstream) -> None:
    messages = long_chat(3)
    with serve_pages(settings_for(upstream.url, recent={"keep_text": True})) as live:
        key = chat(live.url, body(messages), key="sk-never-kept").header("x-pruning-id")
        found = ask(live.url, "GET", f"/-/outcomes/{key}").json
        assert [v["text"] for v in found["verdicts"]] == [m["content"] for m in messages]
        request = live.services.parts.recent.request(key or "")
        assert request is not None
        assert "sk-never-kept" not in repr(request)


def test_news_comes_once(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url)) as live:
        chat(live.url, body(long_chat(1)))
        first = ask(live.url, "GET", "/-/outcomes").json
        assert [o["status"] for o in first["outcomes"]] == [200]
        chat(live.url, body(long_chat(2)))
        target = f"/-/outcomes?since={first['serial']}&epoch={first['epoch']}"
        second = ask(live.url, "GET", target).json
        assert len(second["outcomes"]) == 1
        assert second["outcomes"][0]["id"] != first["outcomes"][0]["id"]
        restarted = ask(live.url, "GET", f"/-/outcomes?since={first['serial']}&epoch=1").json
        assert len(restarted["outcomes"]) == 2


def test_no_text_is_kept_of_a_request_that_asks_for_that(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url, recent={"keep_text": True})) as live:
        for asked, status in (("off", 404), ("on", 200)):
            key = chat(live.url, body(long_chat()), budget="500", memory=asked).header("x-pruning-id")
            assert ask(live.url, "GET", f"/-/outcomes/{key}").status == 200
            assert ask(live.url, "GET", f"/-/outcomes/{key}/request").status == status
