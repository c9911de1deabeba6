"""What holds of every request on the wire."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from laws.strategies import conversations, to_bytes
from support.client import ask, chat
from support.conversations import body
from support.server import Live
from support.upstream import Upstream, reply, stream

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
FIELDS = (
    "messages",
    "model",
    "tools",
    "functions",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "stream",
)
MESSAGE = (
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "cache_control",
    "refusal",
)
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
half_right = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS, json_values),
        "messages": st.lists(
            st.fixed_dictionaries(
                {"role": st.sampled_from(ROLES) | json_values},
                optional={
                    **dict.fromkeys(MESSAGE[1:], json_values),
                    "content": st.text(max_size=30)
                    | st.lists(
                        st.fixed_dictionaries(
                            {"type": st.sampled_from(["text", "image_url"]) | json_values},
                            optional={"text": json_values, "image_url": json_values},
                        ),
                        max_size=3,
                    ),
                    "tool_calls": st.lists(
                        st.fixed_dictionaries(
                            {}, optional={"id": json_values, "function": json_values}
                        ),
                        max_size=3,
                    ),
                },
            ),
            max_size=6,
        ),
    },
)


def never_ours(quick: Live, upstream: Upstream, content: bytes) -> None:
    """Send it and check that the answer is the upstream's, and the bytes the caller's unless it was cut."""
    upstream.received.clear()
    upstream.script = reply(200, b"theirs")
    answer = chat(quick.url, content, budget="5")
    assert (answer.status, answer.body) == (200, b"theirs")
    assert answer.result in ("failed", "untouched", "cut", "over")
    assert len(upstream.received) == 1
    if answer.result in ("failed", "untouched"):
        assert upstream.last.body == content
    else:
        assert len(upstream.last.messages) <= len(json.loads(content)["messages"])


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_forwarded_unchanged(
    quick: Live, upstream: Upstream, content: bytes
) -> None:
    never_ours(quick, upstream, content)


@settings(max_examples=150)
@given(json_values)
def test_any_json_at_all_is_answered_by_the_upstream(
    quick: Live, upstream: Upstream, value: Any
) -> None:
    never_ours(quick, upstream, json.dumps(value).encode())


@settings(max_examples=250)
@given(half_right)
def test_any_half_right_request_is_answered_by_the_upstream(
    quick: Live, upstream: Upstream, value: Any
) -> None:
    never_ours(quick, upstream, json.dumps(value).encode())


@given(conversations(last="any"), st.integers(0, 3))
def test_with_nothing_to_drop_the_upstream_gets_the_identical_bytes(
    quick: Live, upstream: Upstream, messages: list[dict[str, Any]], style: int
) -> None:
    content = to_bytes(body(messages), style)
    assert chat(quick.url, content, budget="1000000").result == "untouched"
    assert upstream.last.body == content


OURS = (  # with values that are allowed: any path refuses others, and other names
    ("X-Pruning", "off"),
    ("x-pruning-budget", "16000"),
    ("X-PRUNING-SESSION", "16000"),
    ("X-Pruning-Memory", "off"),
)
tokens = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda t: f"x-{t}")


@given(
    st.lists(
        st.tuples(tokens, st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)),
        max_size=6,
    ),
    st.sampled_from(["GET", "POST"]),
    st.lists(st.sampled_from(OURS), max_size=4, unique=True),
)
def test_our_headers_never_reach_the_upstream_and_all_others_do(
    quick: Live,
    upstream: Upstream,
    others: list[tuple[str, str]],
    method: str,
    ours: list[tuple[str, str]],
) -> None:
    upstream.received.clear()
    ask(quick.url, method, "/v1/models", headers=[*others, *ours])
    assert len(upstream.received) == 1
    arrived = [(n.lower(), v) for n, v in upstream.last.headers]
    assert not [n for n, _ in arrived if n.startswith("x-pruning")]
    kept = sorted((n, v) for n, v in others if not n.startswith("x-pruning"))
    assert sorted((n, v) for n, v in arrived if n.startswith("x-")) == kept


@settings(max_examples=40)
@given(
    st.lists(st.binary(min_size=1, max_size=2000), max_size=12),
    st.sampled_from(["/v1/chat/completions", "/v1/responses"]),
)
def test_streamed_bytes_are_identical(
    quick: Live, upstream: Upstream, chunks: list[bytes], path: str
) -> None:
    upstream.script = stream(chunks)
    assert ask(quick.url, "POST", path, b'{"messages": [], "stream": true}').body == b"".join(chunks)


@settings(max_examples=40)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?/"), max_size=30),
    st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"),
        min_size=1,
        max_size=30,
    ),
)
def test_paths_and_queries_are_identical(
    quick: Live, upstream: Upstream, path: str, query: str
) -> None:
    ask(quick.url, "GET", f"/v1/{path}?{query}")
    assert upstream.last.target == f"/v1/{path}?{query}"
