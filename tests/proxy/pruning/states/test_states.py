"""State stores by name: ours, and a user's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from foveate.proxy.config.schema import State
from foveate.proxy.errors import ConfigError
from foveate.proxy.pruning.states import build_states
from foveate.proxy.pruning.states.in_memory import InMemoryStates
from foveate.proxy.pruning.states.sqlite import SqliteStates


class Mine:
    """A store of a user's own, which takes no bound in bytes."""

    remote = False

    def __init__(self, url: str, ttl_hours: float, table: str = "states") -> None:
        self.given = (url, ttl_hours, table)

    async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
        return None

    async def put(self, key: str, value: bytes) -> None:
        pass

    async def aclose(self) -> None:
        pass


def test_the_default_is_a_file_and_others_are_named(tmp_path: Path) -> None:
    assert isinstance(build_states(State(type="in_memory"), tmp_path), InMemoryStates)
    assert isinstance(build_states(State(), tmp_path), SqliteStates)


def test_a_users_own_is_built_with_the_settings_that_it_takes(tmp_path: Path) -> None:
    made = build_states(
        State(type=f"{__name__}:Mine", url="sqlite:x", ttl_hours=2, options={"table": "t"}), tmp_path
    )
    assert isinstance(made, Mine)
    assert made.given == ("sqlite:x", 2, "t")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"type": "etcd"},
            'state.type "etcd" is not one of sqlite, in_memory, redis; write module:Class',
        ),
        ({"type": "no_such_module:Store"}, "cannot be imported: No module named 'no_such_module'"),
        (
            {"type": "in_memory", "options": {"colour": "red"}},
            r"state: .*InMemoryStates.* cannot be built .*'colour'",
        ),
    ],
)
def test_one_that_cannot_be_built_is_named(
    tmp_path: Path, settings: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        build_states(State(**settings), tmp_path)  # type: ignore[arg-type]
