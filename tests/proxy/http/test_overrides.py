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
