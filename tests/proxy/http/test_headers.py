"""Which headers travel on."""

from __future__ import annotations

from foveate.proxy.http.headers import end_to_end, outgoing, value_of


def test_headers_of_one_hop_are_taken_out_in_any_case() -> None:
    given = [
        (b"Connection", b"close, X-Mine"),
        (b"x-mine", b"1"),
        (b"TE", b"x"),
        (b"Keep-Alive", b"5"),
        (b"accept", b"*"),
    ]
    assert end_to_end(given) == [(b"accept", b"*")]


def test_our_own_headers_do_not_go_out() -> None:
    given = [
        (b"x-pruning", b"on"),
        (b"x-pruning-budget", b"1"),
        (b"host", b"h"),
        (b"content-length", b"3"),
        (b"a", b"b"),
    ]
    assert outgoing(given) == [(b"a", b"b")]


def test_the_first_of_repeated_headers_is_the_value() -> None:
    assert value_of([(b"a", b"1"), (b"b", b"2"), (b"b", b"3")], b"b") == b"2"
    assert value_of([], b"b") == b""
