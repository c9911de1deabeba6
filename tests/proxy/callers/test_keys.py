"""Keys of callers: known by their hash, and found in whichever header they come."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from foveate.proxy.callers.keys import hash_of, hashed, make_key, presented
from foveate.proxy.config.loading import check_access, load_settings
from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-c", "from foveate.proxy.cli import main; main()", "key"]


def test_no_two_keys_are_alike_and_a_hash_is_that_of_its_key() -> None:
    one, other = make_key(), make_key()
    assert one != other
    assert len(one) > 40
    assert hash_of(one) == hashed(one.encode()) != hashed(other.encode())


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigError, match="20"):
        hash_of("password")


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        (b"authorization", b"Bearer  k ", b"k"),
        (b"authorization", b"bearer k", b"k"),
        (b"x-api-key", b"k", b"k"),
        (b"api-key", b" k", b"k"),
    ],
)
def test_a_key_is_found_where_clients_put_it(name: bytes, value: bytes, key: bytes) -> None:
    assert presented([(b"host", b"h"), (name, value)]) == [key]


def asked(*given: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".package")}
    return subprocess.run(
        [*COMMAND, *given],
        input=said,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_command_prints_settings_that_let_its_key_in(tmp_path: Path) -> None:
    done = asked("alice")
    key = done.stderr.strip().rpartition(" ")[2]
    (tmp_path / "config.yaml").write_text(done.stdout)
    (found,) = load_settings(tmp_path / "config.yaml").callers.named["alice"].keys
    assert found.get_secret_value() == hashed(key.encode())
    assert key not in done.stdout
    assert yaml.safe_load(asked("b", "--own", said="k" * 20 + "\n").stdout)["callers"]["named"][
        "b"
    ] == {"keys": [hashed(b"k" * 20)]}
    assert asked("b", "--own", said="short\n").returncode == 2


def test_a_key_in_the_place_of_its_hash_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("callers: {named: {alice: {keys: [fv-my-secret-key]}}}")
    with pytest.raises(ConfigError, match="foveate key") as raised:
        load_settings(path)
    assert "my-secret" not in str(raised.value)


ELSEWHERE = {"server": {"host": "0.0.0.0"}, "admin": {"token": "t"}}
ALICE = {"named": {"alice": {"keys": [hashed(b"k")]}}}


@pytest.mark.parametrize("key", ["api_key", "anthropic_api_key"])
def test_an_upstreams_key_is_not_spent_by_whoever_comes_from_elsewhere(key: str) -> None:
    with pytest.raises(ConfigError, match=r"callers\.open"):
        check_access(Settings(**ELSEWHERE, upstream={key: "sk"}))
    for callers in (ALICE, {"open": True}):
        check_access(Settings(**ELSEWHERE, upstream={key: "sk"}, callers=callers))
    check_access(Settings(**ELSEWHERE))
    check_access(Settings(upstream={key: "sk"}))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"a": {"keys": [hashed(b"k")], "policies": ["no-such"]}}, "no-such"),
        ({"a": {"keys": [hashed(b"k")]}, "b": {"keys": [hashed(b"k")]}}, "a's"),
    ],
)
def test_callers_that_cannot_be_told_apart_or_served_are_refused(
    named: dict[str, dict[str, object]], told: str
) -> None:
    from foveate.proxy import services

    with pytest.raises(ConfigError, match=told):
        services.build(
            Settings(callers={"named": named}, index={"type": "in_memory"}, state={"type": "in_memory"})
        )


def test_so_is_a_providers_key_in_litellms_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PROVIDER_API_KEY", "sk")
    with pytest.raises(ConfigError, match="_API_KEY"):
        check_access(Settings(**ELSEWHERE, upstream={"type": "litellm"}))
    check_access(Settings(**ELSEWHERE))
