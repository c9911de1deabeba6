"""How large a model's window is: what the settings say, what the upstream lists, what its refusals teach."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from foveate.policies.types import Budget
from foveate.proxy.config import schema as config
from foveate.proxy.errors import UpstreamError
from foveate.proxy.pruning.limits.listing import MAX_LIST, listed
from foveate.proxy.pruning.limits.windows import ModelWindow, Windows
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse
from foveate.proxy.upstreams.echo import Echo

LONG = 10_000  # tokens of a prompt for which the window matters
LISTS: dict[str, tuple[dict[str, Any], int]] = {
    "vllm": (
        {"object": "model", "owned_by": "vllm", "root": "m", "parent": None, "max_model_len": 32768, "permission": []},
        32768,
    ),
    "openrouter": (
        {
            "context_length": 200000, "top_provider": {"context_length": 131072, "max_completion_tokens": 16384},
            "architecture": {}, "pricing": {"prompt": "0.1"},
        },
        131072,
    ),
    "openrouter, no provider": ({"context_length": 200000, "top_provider": {"context_length": None}}, 200000),
    "lm studio": ({"state": "loaded", "max_context_length": 32768, "loaded_context_length": 4096}, 4096),
    "lm studio, not loaded": ({"state": "not-loaded", "max_context_length": 32768}, 32768),
    "llama.cpp": ({"owned_by": "llamacpp", "meta": {"n_ctx": 8192, "n_ctx_train": 131072, "n_vocab": 128256}}, 8192),
    "llama.cpp, older": ({"owned_by": "llamacpp", "meta": {"n_ctx_train": 131072, "n_params": 8030261312}}, 131072),
    "groq": ({"active": True, "context_window": 131072, "max_completion_tokens": 8192}, 131072),
    "mistral": ({"capabilities": {}, "max_context_length": 32768}, 32768),
}  # fmt: skip


fields = st.sampled_from(["data", "id", "meta", "n_ctx", "max_model_len"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner),
)


class Listing:
    """An upstream that gives a list of models, and counts who asks for it."""

    def __init__(self, content: bytes, status: int = 200) -> None:
        self.content = content
        self._status = status
        self.asked: list[UpstreamRequest] = []
        self.closed = 0

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        self.asked.append(request)

        async def body() -> AsyncIterator[bytes]:
            for start in range(0, len(self.content), 1 << 20):
                yield self.content[start : start + (1 << 20)]

        async def close() -> None:
            self.closed += 1

        return UpstreamResponse(self._status, [], body(), close)

    async def aclose(self) -> None:
        pass


class Unreachable(Listing):
    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        self.asked.append(request)
        raise UpstreamError(502, "no", "upstream_unreachable")


class Silent(Listing):
    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        self.asked.append(request)
        await asyncio.Event().wait()
        raise AssertionError


class Impatient(Windows):
    PATIENCE = 0.01


def models(**tokens: int) -> bytes:
    """A list as vLLM gives it."""
    return json.dumps(
        {"data": [{"id": name, "max_model_len": n} for name, n in tokens.items()]}
    ).encode()


def windows(upstream: Listing, cls: type[Windows] = Windows, **configured: int) -> Windows:
    """Return windows with some models in the settings."""
    return cls(
        config.WindowSettings(models=configured), config.BudgetSettings(high=0.9, low=0.6), upstream
    )


@pytest.mark.parametrize(("row", "tokens"), LISTS.values(), ids=LISTS)
def test_the_list_of_each_kind_of_server_is_read(row: dict[str, Any], tokens: int) -> None:
    content = json.dumps(
        {"object": "list", "data": [{"id": "other", "object": "model"}, {"id": "m", **row}]}
    ).encode()
    assert listed(content) == {"m": tokens}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<html>", b"[]", b"{}", b'{"data": null}', b'{"data": [1, null, {}]}',
        b'{"data": [{"id": 7, "max_model_len": 5}]}',
        b'{"data": [{"id": "m", "max_model_len": "long", "context_length": null, "meta": [], "top_provider": 3}]}',
        b'{"data": [{"id": "m", "max_model_len": 0, "context_length": -5, "context_window": true}]}',
    ],
)  # fmt: skip
def test_a_list_that_says_nothing_of_windows_is_no_harm(content: bytes) -> None:
    assert listed(content) == {}


@given(values)
def test_any_list_can_be_read(value: Any) -> None:
    assert all(n > 0 for n in listed(json.dumps(value).encode()).values())


async def test_the_settings_win_and_nothing_is_asked() -> None:
    upstream = Listing(models(m=5000))
    assert await windows(upstream, m=7000).window("m", LONG, []) == ModelWindow(7000, "config")
    assert upstream.asked == []


async def test_each_vendors_list_is_of_its_own_models() -> None:
    upstream = Listing(models(local=4000))
    found = windows(upstream)
    anthropics = [(b"anthropic-version", b"2023-06-01")]
    assert await found.window("local", LONG, []) == ModelWindow(4000, "upstream")
    upstream.content = models(claude=9000)
    assert await found.window("claude", LONG, anthropics) == ModelWindow(9000, "upstream")
    assert (await found.window("local", LONG, anthropics)).tokens != 4000
    assert await found.window("local", LONG, []) == ModelWindow(4000, "upstream")


async def test_the_upstreams_own_list_comes_before_the_table() -> None:
    upstream = Listing(models(**{"gpt-4o": 5000, "local": 4000}))
    found = windows(upstream)
    assert await found.window("gpt-4o", LONG, [(b"authorization", b"Bearer k")]) == ModelWindow(
        5000, "upstream"
    )
    assert await found.window("local", LONG, []) == ModelWindow(4000, "upstream")
    assert await found.window("gpt-4", LONG, []) == ModelWindow(8192, "litellm")
    assert await found.window("a/b/local", LONG, []) == ModelWindow(4000, "upstream")
    assert [(r.method, r.path, r.headers) for r in upstream.asked] == [
        ("GET", "/v1/models", [(b"authorization", b"Bearer k")])
    ]
    assert upstream.closed == 1


async def test_a_short_prompt_does_not_wait_for_the_list() -> None:
    upstream = Silent(b"")
    assert (await windows(upstream).window("gpt-4o", 100, [])).source == "litellm"


@pytest.mark.parametrize(
    "upstream",
    [Unreachable(b""), Listing(models(m=5000), status=404), Listing(b" " * (MAX_LIST + 2))],
    ids=["unreachable", "refused", "endless"],
)
async def test_without_a_list_the_table_and_the_default_serve(
    upstream: Listing, caplog: pytest.LogCaptureFixture
) -> None:
    found = windows(upstream)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert await found.window("m", LONG, []) == ModelWindow(128_000, "default")
        assert (await found.window("gpt-4", LONG, [])).tokens == 8192
    assert len(upstream.asked) == 1
    assert len(caplog.records) == 1
    assert "window.models" in caplog.text


async def test_a_list_that_never_comes_is_waited_for_a_moment() -> None:
    found = windows(Silent(b""), Impatient)
    async with asyncio.timeout(30):
        assert (await found.window("gpt-4", LONG, [])).source == "litellm"


async def test_what_was_learned_bounds_what_is_listed() -> None:
    found = windows(Listing(models(m=5000)))
    found.learned.refused("m", "ada", 3000, sent=4000)
    assert await found.window("m", LONG, [], "ada") == ModelWindow(3000, "learned")
    assert await found.window("m", LONG, [], "bob") == ModelWindow(5000, "upstream")
    found.learned.refused("m", "ada", 6000, sent=7000)
    assert await found.window("m", LONG, [], "ada") == ModelWindow(5000, "upstream")


class Choosy(Listing):
    """Gives its list to one key alone."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        answer = await super().send(request)
        good = (b"authorization", b"Bearer good") in request.headers
        return answer if good else structs.replace(answer, status=401)


async def test_a_bad_keys_failed_list_costs_no_other_key_theirs() -> None:
    upstream = Choosy(models(m=5000))
    found = windows(upstream)
    for _ in range(3):
        assert (
            await found.window("m", LONG, [(b"authorization", b"Bearer bad")], "mallory")
        ).source == "default"
    assert await found.window("m", LONG, [(b"authorization", b"Bearer good")], "ada") == ModelWindow(
        5000, "upstream"
    )
    assert len([r for r in upstream.asked if r.path == "/v1/models"]) == 2


async def test_a_decorated_name_takes_the_listed_window() -> None:
    found = windows(Listing(models(**{"vendor/deep": 5000, "other": 6000})))
    for name in ("vendor/deep:nitro", "Vendor/Deep", "vendor/deep-2027-01-02", "vendor/deep-awq"):
        assert await found.window(name, LONG, []) == ModelWindow(5000, "upstream")


async def test_a_server_of_one_model_serves_it_under_any_name() -> None:
    found = windows(Listing(models(**{"/models/deep.gguf": 5000})))
    assert await found.window("gpt-4", LONG, []) == ModelWindow(5000, "upstream")


async def test_a_model_that_nobody_lists_is_asked_for_where_servers_tell_it() -> None:
    class Ollama(Listing):
        async def send(self, request: UpstreamRequest) -> UpstreamResponse:
            if request.path == "/v1/models":
                return await super().send(request)
            answer = {"model_info": {"x.context_length": 4321}} if request.path == "/api/show" else {}
            told = Listing(json.dumps(answer).encode(), status=200 if answer else 404)
            self.asked.append(request)
            return await told.send(request)

    upstream = Ollama(b'{"data": [{"id": "deep"}, {"id": "other"}]}')
    found = windows(upstream)
    for _ in range(2):
        assert await found.window("deep", LONG, []) == ModelWindow(4321, "upstream")
    assert [r.path for r in upstream.asked] == [
        "/v1/models",
        "/api/v0/models",
        "/props",
        "/info",
        "/api/ps",
        "/api/show",
    ]
    assert (await found.window("late", 100, [])).source == "default"  # a short prompt does not wait
    assert await found.window("late", LONG, []) == ModelWindow(4321, "upstream")


def test_an_answer_that_stands_apart_takes_nothing_of_the_window() -> None:
    found = offline()
    assert found.known("gpt-5").apart
    assert found.budget(found.known("gpt-5"), 128_000) == found.budget(found.known("gpt-5"), 10)


def offline(**models: int) -> Windows:
    """Return windows that no upstream has listed."""
    return Windows(config.WindowSettings(models=models, default=5000), config.BudgetSettings(), Echo())


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("mine", ModelWindow(1234, "config")),
        ("openai/mine", ModelWindow(1234, "config")),
        ("a/b/mine", ModelWindow(1234, "config")),
        ("ft:mine:org::1", ModelWindow(1234, "config")),
        ("gpt-4o", ModelWindow(128_000, "litellm")),
        ("ft:gpt-4o-mini-2024-07-18:org::1", ModelWindow(128_000, "litellm")),
        ("nobody-knows", ModelWindow(5000, "default")),
        ("", ModelWindow(5000, "default")),
    ],
)
def test_a_window_comes_from_the_settings_then_the_table_then_the_default(
    model: str, window: ModelWindow
) -> None:
    assert offline(mine=1234).known(model) == window


def test_an_unknown_window_is_warned_of_once_a_model(caplog: pytest.LogCaptureFixture) -> None:
    found = offline()
    with caplog.at_level(logging.WARNING):
        for model in ("unheard-of", "unheard-of", "another"):
            found.known(model)
    assert [
        ("unheard-of" in r.getMessage(), "window.models" in r.getMessage()) for r in caplog.records
    ] == [
        (True, True),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("reserved", "budget"),
    [
        (None, Budget(810, 540)),
        (200, Budget(720, 480)),
        (5000, Budget(450, 300)),
        (500, Budget(450, 300)),
    ],
)
def test_the_budget_is_a_share_of_what_the_answer_leaves(reserved: int | None, budget: Budget) -> None:
    assert offline().budget(ModelWindow(1000, "config"), reserved) == budget


@pytest.mark.parametrize(
    ("high", "low", "budget"),
    [
        (16_000, 8000, Budget(16_000, 8000)),
        (16_000, 0.5, Budget(16_000, 8000)),  # a share of what `high` says
        (0.5, 8000, Budget(45_000, 8000)),
        (0.1, 20_000, Budget(9000, 9000)),
        (1, 1, Budget(90_000, 90_000)),
        (500_000, 400_000, Budget(90_000, 90_000)),  # no more than the window has
    ],
)
def test_a_budget_is_in_tokens_or_shares(high: float, low: float, budget: Budget) -> None:
    settings = config.BudgetSettings(high=high, low=low)
    found = Windows(config.WindowSettings(), settings, Echo())
    assert found.budget(ModelWindow(100_000, "config"), None) == budget
