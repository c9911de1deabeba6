"""Which API a path belongs to."""

from __future__ import annotations

import pytest

from foveate.proxy.formats import load_formats
from foveate.proxy.serving.router import Router

ROUTER = Router(load_formats())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "chat"),
        ("/chat/completions", "chat"),
        ("/a/b//chat//completions", "chat"),
        ("/v1/responses", "responses"),
        ("/openai/v1/responses", "responses"),
        ("/v1/messages", "messages"),
        ("/anthropic/v1/messages", "messages"),
        ("/v1/chat/completions/", ""),
        ("/v1/completions", ""),
        ("/v1/responses/resp_1/cancel", ""),
        ("/v1/threads/thread_1/messages", ""),
        ("/v1/xresponses", ""),
        ("/", ""),
    ],
)
def test_an_api_is_known_by_how_a_path_ends(path: str, name: str) -> None:
    found = ROUTER.find("POST", path).format
    assert (found.name if found else "") == name


def test_only_what_is_posted_is_pruned() -> None:
    assert ROUTER.find("GET", "/v1/responses").format is None
    assert not ROUTER.find("GET", "/v1/completions").call


def test_below_an_apis_path_its_errors_are_spoken() -> None:
    api = ROUTER.find("POST", "/v1/messages/count_tokens").api
    assert api is not None
    assert api.name == "messages"


def test_a_deployment_is_the_model() -> None:
    assert ROUTER.find("POST", "/openai/deployments/my-gpt/chat/completions").model == "my-gpt"
    assert ROUTER.find("POST", "/v1/chat/completions").model == ""
