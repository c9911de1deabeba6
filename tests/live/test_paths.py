"""Whatever stands ahead of an API's path, its requests are pruned; what is relayed says so."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any

import pytest

from support.client import Answer, ask
from support.conversations import body, long_chat
from support.inputs import long_session, response
from support.server import Live
from support.upstream import Upstream

CHATS = (
    "/v1/chat/completions",
    "/chat/completions",
    "//v1//chat/completions",
    "/api/v1/chat/completions",
    "/openai/deployments/gpt-4o/chat/completions?api-version=2026-01-01",
)
RESPONSES = (
    "/v1/responses",
    "/responses",
    "/v1//responses",
    "/openai/v1/responses?api-version=preview",
)
JSON = ("Content-Type", "application/json")
BUDGET = ("X-Pruning-Budget", "600")


def post(live: Live, path: str, value: Any, *headers: tuple[str, str]) -> Answer:
    """POST as a caller of whom nothing is known."""
    key = ("Authorization", f"Bearer sk-{secrets.token_hex(8)}")
    return ask(live.url, "POST", path, json.dumps(value).encode(), [JSON, key, *headers])


@pytest.mark.parametrize("path", CHATS)
def test_a_chat_completion_is_pruned_under_any_prefix_and_its_path_goes_on(
    quick: Live, upstream: Upstream, path: str
) -> None:
    found = post(quick, path, body(long_chat()), BUDGET)
    assert (found.status, found.result) == (200, "cut")
    assert upstream.last.target == path


@pytest.mark.parametrize("path", RESPONSES)
def test_a_response_is_pruned_under_any_prefix_and_its_path_goes_on(
    quick: Live, upstream: Upstream, path: str
) -> None:
    found = post(quick, path, response(long_session()), BUDGET)
    assert found.result == "cut"
    assert upstream.last.target == path


def test_a_deployment_names_the_model_where_the_body_does_not(quick: Live) -> None:
    nameless = {"messages": long_chat()}
    found = post(quick, "/openai/deployments/gpt-4o/chat/completions", nameless, BUDGET)
    outcome = quick.services.parts.recent.get(found.header("x-pruning-id") or "")
    assert outcome is not None
    assert outcome.model == "gpt-4o"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/completions",
        "/v1/responses/compact",
        "/v1/responses/input_tokens",
        "/v1/messages/count_tokens",
        "/api/chat",
        "/v1beta/models/gemini-3:generateContent",
        "/v1beta/interactions",
        "/v1/projects/p/locations/l/publishers/anthropic/models/claude:rawPredict",
    ],
)
def test_a_call_that_is_not_pruned_says_so(quick: Live, upstream: Upstream, path: str) -> None:
    found = post(quick, path, {"model": "m", "prompt": "x"})
    assert (found.status, found.result) == (200, "relayed")
    assert upstream.last.target == path


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/threads/thread_1/messages", "/v1/files"])
def test_anything_else_is_relayed_without_a_word_of_ours(quick: Live, path: str) -> None:
    assert post(quick, path, {"input": "x"}).result is None


def test_whoever_asks_for_pruning_hears_that_there_is_none(quick: Live) -> None:
    assert post(quick, "/v1/embeddings", {"input": "x"}, BUDGET).result == "relayed"


def test_a_nonsense_header_is_refused_wherever_it_is_sent(quick: Live, upstream: Upstream) -> None:
    for path in ("/v1/embeddings", "/v1/responses/compact"):
        found = post(quick, path, {"input": "x"}, ("X-Pruning-Budget", "lots"))
        assert found.status == 400
        assert found.json["error"]["code"] == "invalid_pruning_header"
    assert not upstream.received


def test_the_log_names_a_relayed_path_once(quick: Live, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "foveate.request"):
        for _ in range(3):
            post(quick, "/proxy/v1/completions", {"prompt": "x"})
    assert sum("/proxy/v1/completions" in record.getMessage() for record in caplog.records) == 1


def test_a_websocket_is_refused_with_the_status_on_which_clients_fall_back(
    quick: Live, upstream: Upstream
) -> None:
    headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
    found = ask(
        quick.url,
        "GET",
        "/v1/responses",
        None,
        [*headers, ("Sec-WebSocket-Key", "c2l4dGVlbiBieXRlcyE=")],
    )
    assert found.status == 426
    assert found.json["error"]["code"] == "websocket_not_supported"
    assert not upstream.received


def test_what_was_relayed_is_explained_by_its_path(quick: Live) -> None:
    found = post(quick, "/-/explain?path=/v1/responses", response(long_session()), BUDGET)
    assert (found.json["api"], found.json["result"]) == ("responses", "cut")
    assert post(quick, "/-/explain?path=/v1/nothing", {}).status == 400
