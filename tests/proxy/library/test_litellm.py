"""The hook for LiteLLM's proxy, loaded and called as that does it."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # it would ask the network at import
pytest.importorskip("litellm", reason="litellm is not installed")

from litellm.proxy.types_utils.utils import get_instance_fn

from foveate.proxy.library.litellm import Foveate
from support.conversations import body, long_chat
from support.messages import long_talk, request

KEY = SimpleNamespace(api_key="hash-of-a-key")


@pytest.fixture(scope="module")
def hook() -> Foveate:
    return Foveate(budget="1000/500")


async def called(hook: Foveate, data: dict[str, Any], call_type: str = "acompletion") -> dict[str, Any]:
    return await hook.async_pre_call_hook(KEY, None, data, call_type)


def test_litellm_finds_it_by_the_name_in_the_recipe() -> None:
    assert isinstance(get_instance_fn("foveate.proxy.library.litellm.hook"), Foveate)


async def test_a_history_is_pruned_and_all_else_stays(hook: Foveate) -> None:
    unknown = object()
    data = {**body(long_chat()), "metadata": {"user_api_key": unknown}, "litellm_call_id": "1"}
    found = await called(hook, data)
    assert len(found["messages"]) < len(data["messages"])
    assert {k: v for k, v in found.items() if k != "messages"} == {
        k: v for k, v in data.items() if k != "messages"
    }
    assert len(data["messages"]) == len(long_chat())  # the caller's own list is not touched


async def test_cuts_stand_from_call_to_call(hook: Foveate) -> None:
    messages = [{"role": "system", "content": "Stand by what you cut."}, *long_chat()[1:]]
    first = await called(hook, body(messages))
    more = [*messages, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Good."}]
    second = await called(hook, body(more))
    kept = first["messages"]
    assert second["messages"][: len(kept)] == kept


@pytest.mark.parametrize(
    ("call_type", "field", "data"),
    [
        ("anthropic_messages", "messages", request(long_talk())),
        ("aresponses", "input", {"model": "gpt-4o", "input": long_chat()[1:]}),
    ],
)
async def test_every_api_is_pruned(
    hook: Foveate, call_type: str, field: str, data: dict[str, Any]
) -> None:
    assert len((await called(hook, data, call_type))[field]) < len(data[field])


@pytest.mark.parametrize(
    ("data", "call_type"),
    [
        ({"model": "m", "input": ["text"] * 5000}, "aembedding"),
        ({"model": "m", "messages": "no list"}, "acompletion"),
        ({"model": "m", "messages": [{"role": "user", "content": object()}]}, "acompletion"),
        (
            {
                "model": "m",
                "messages": [{"role": "user", "content": "hi"}],
                "litellm_session_id": "a b",
            },
            "acompletion",
        ),
    ],
)
async def test_what_it_cannot_prune_goes_on_as_it_came(
    hook: Foveate, data: dict[str, Any], call_type: str
) -> None:
    assert await called(hook, data, call_type) == data
