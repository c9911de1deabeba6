"""What a caller asks for with request headers."""

from __future__ import annotations

import pytest

from foveate.policies.types import Budget
from foveate.proxy.errors import RequestError
from foveate.proxy.http.overrides import Overrides, read_overrides


@pytest.mark.parametrize(
    ("value", "budget"),
    [("16000", Budget(16000, 16000)), ("16000/8000", Budget(16000, 8000)), ("1/1", Budget(1, 1))],
)
def test_a_budget_is_read(value: str, budget: Budget) -> None:
    assert read_overrides([(b"x-pruning-budget", value.encode())], {"p"}).budget == budget


def test_economy_is_the_windows_own_budget_and_cuts_below_it() -> None:
    assert read_overrides([(b"x-pruning-budget", b" economy ")], {"p"}) == Overrides(thrifty=True)


@pytest.mark.parametrize(
    "value", ["Economy", "economy/2", "economies", "16000/economy", "", "0", "8000/16000"]
)
def test_no_other_word_is_a_budget(value: str) -> None:
    with pytest.raises(RequestError, match=r"X-Pruning-Budget: .* is not allowed; send .*"):
        read_overrides([(b"x-pruning-budget", value.encode())], {"p"})


def test_no_headers_leave_all_to_the_settings() -> None:
    assert read_overrides([(b"accept", b"*")], {"p"}) == Overrides()


def test_a_refused_header_is_a_400() -> None:
    with pytest.raises(
        RequestError, match="X-Pruning-Policy: 'x' is not allowed; send one of p, q"
    ) as caught:
        read_overrides([(b"x-pruning-policy", b"x")], {"q", "p"})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        (b"x-pruning", b"on", Overrides(mode="on")),
        (b"x-pruning", b" dry-run ", Overrides(mode="dry-run")),
        (b"x-pruning-policy", b"p", Overrides(policy="p")),
        (b"x-pruning-sticky", b"off", Overrides(sticky=False)),
        (b"x-pruning-sticky", b"on", Overrides(sticky=True)),
        (b"x-pruning-session", b"s" * 128, Overrides(session="s" * 128)),
        (b"x-pruning-memory", b"off", Overrides(remember=False)),
        (b"x-pruning-memory", b"on", Overrides(remember=True)),
    ],
)
def test_each_header_is_read(name: bytes, value: bytes, read: Overrides) -> None:
    assert read_overrides([(name, value)], {"p"}) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Pruning", "On"),
        ("X-Pruning-Sticky", "yes"),
        ("X-Pruning-Session", ""),
        ("X-Pruning-Session", "s" * 129),
        ("X-Pruning-Session", "two words"),
        ("X-Pruning-Memory", "false"),
        ("X-Pruning-Polcy", "p"),
    ],
)
def test_what_a_header_does_not_take_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(RequestError, match=rf"^{name}\b") as caught:
        read_overrides([(name.lower().encode(), value.encode())], {"p"})
    assert (caught.value.status, caught.value.code) == (400, "invalid_pruning_header")
