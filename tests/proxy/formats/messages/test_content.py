"""What of a user's text is an agent's reminder."""

from __future__ import annotations

import pytest

from foveate.proxy.formats.messages.content import CLOSED, OPENED, said_in, unreminded

NOTE = f"{OPENED}The tests have changed.\n{CLOSED}"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Go on.", "Go on."),
        (f"{NOTE}\n\nGo on.", "Go on."),
        (f"Go {NOTE} on.{NOTE}", "Go on."),
        (f"{OPENED}{NOTE}Go on.", "Go on."),
        (f"Go on. {OPENED} never closed", f"Go on. {OPENED} never closed"),
        (f"{CLOSED}Go {NOTE}on.", f"{CLOSED}Go on."),
    ],
)
def test_reminders_go_and_the_users_words_stay(text: str, left: str) -> None:
    assert unreminded(text) == left


def test_a_text_of_nothing_but_reminders_is_taken_as_it_is() -> None:
    assert said_in(NOTE) == NOTE


def test_many_that_are_never_closed_are_read_once() -> None:
    text = f"{OPENED} and " * 200_000  # some hours of work for whoever reads on from each
    assert unreminded(text) == text
