"""Which web pages may send requests."""

from __future__ import annotations

import pytest

from foveate.proxy.errors import RequestError
from foveate.proxy.http.headers import Headers
from foveate.proxy.http.origins import Origins, is_own, name_of

FOREIGN: list[Headers] = [
    [(b"host", b"127.0.0.1:8787"), (b"origin", b"http://evil.example")],
    [(b"host", b"127.0.0.1:8787"), (b"origin", b"null")],
    [(b"host", b"127.0.0.1:8787"), (b"origin", b"http://[")],
    [(b"host", b"127.0.0.1:8787"), (b"origin", b"http://127.0.0.1:9")],
    [(b"host", b"127.0.0.1:8787"), (b"sec-fetch-site", b"cross-site")],
]
OWN: list[Headers] = [
    [(b"host", b"127.0.0.1:8787")],
    [
        (b"host", b"127.0.0.1:8787"),
        (b"origin", b"http://127.0.0.1:8787"),
        (b"sec-fetch-site", b"same-origin"),
    ],
]


@pytest.mark.parametrize("given", FOREIGN)
def test_a_page_of_another_site_may_not_spend_the_operators_key(given: Headers) -> None:
    with pytest.raises(RequestError, match=r"callers\.origins"):
        Origins(guarded=True).check(given)
    Origins(guarded=False).check(given)
    Origins(guarded=True, allowed=["*"]).check(given)


@pytest.mark.parametrize("given", OWN)
def test_programs_and_its_own_page_may(given: Headers) -> None:
    Origins(guarded=True).check(given)


def test_a_site_that_is_named_may() -> None:
    Origins(guarded=True, allowed=["http://evil.example"]).check(FOREIGN[0])


def test_what_is_no_address_is_nobodys() -> None:
    assert not is_own("http://[", "[")
    assert name_of("[") == ""
    assert name_of("[::1]:80") == "::1"
