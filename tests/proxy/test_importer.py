"""Classes by name, built from what they take."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import pytest

from foveate.proxy.errors import ConfigError
from foveate.proxy.importer import constructor, import_class

REGISTRY = {"ours": f"{__name__}:Ours"}


@dataclass
class Ours:
    url: str
    threads: int = 1


class Anything:
    def __init__(self, **given: object) -> None:
        self.given = given


def test_a_name_of_the_registry_and_a_users_own_are_imported() -> None:
    assert import_class("index.type", REGISTRY, "ours") is Ours
    assert import_class("index.type", REGISTRY, f"{__name__}:Anything") is Anything


def test_a_class_gets_of_the_settings_what_it_takes_and_all_options() -> None:
    given = {"url": "http://x", "folder": "/data"}
    assert constructor("index", Ours, given, {"threads": 3})() == Ours("http://x", 3)
    assert constructor("index", Anything, given, {"threads": 3})().given == {**given, "threads": 3}


def test_options_win_over_settings() -> None:
    assert constructor("index", Ours, {"url": "a"}, {"url": "b"})() == Ours("b")


def test_what_builds_a_class_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(constructor("index", Ours, {"url": "a"}, {})))() == Ours("a")


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        ({}, {}, "index: .*Ours.* cannot be built from : missing a required argument: 'url'"),
        (
            {"url": "a"},
            {"colour": "red"},
            "index: .*Ours.* cannot be built from url, colour: .*'colour'",
        ),
    ],
)
def test_what_does_not_fit_is_told(
    given: dict[str, object], options: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        constructor("index", Ours, given, options)
