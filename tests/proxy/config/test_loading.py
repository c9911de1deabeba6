"""Settings: the file, the environment and the command line, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foveate.proxy.config import loading
from foveate.proxy.config import schema as config
from foveate.proxy.config.policies import build_policies
from foveate.proxy.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


WRONG = [
    ("colour: red", ["colour", "not a setting"]),
    ("server: {prot: 1}", ["server.prot", "not a setting"]),
    ("server: {port: many}", ["server.port", "'many'", "integer"]),
    ("server: {port: 70000}", ["server.port", "70000", "65535"]),
    ("server: {log_level: loud}", ["server.log_level", "'loud'", "debug"]),
    ("server: 8080", ["server", "8080"]),
    ("server:", ["server", "None"]),
    ("mode: sometimes", ["mode", "'sometimes'", "shadow"]),
    ("upstream: {url: api.openai.com}", ["upstream.url", "api.openai.com", "http"]),
    ("upstream: {read_timeout: -1}", ["upstream.read_timeout", "-1", "greater than 0"]),
    ("window: {models: {gpt-4o: lots}}", ["window.models.gpt-4o", "'lots'", "integer"]),
    ("window: {reserve_output: 1.0}", ["window.reserve_output", "1.0", "less than 1"]),
    ("budget: {high: 90}", ["budget.high", "90", "1"]),
    ("budget: {high: 0.5, low: 0.8}", ["budget", "0.8", "0.5"]),
    ("segments: {split_over: 3}", ["segments.split_over", "3", "100"]),
    ("index: {options: red}", ["index.options", "'red'", "dictionary"]),
    ("policy: nope", ["policy", '"nope"', "balanced"]),
    ("policies: {mine: {preset: nope}}", ["policies.mine.preset", '"nope"', "balanced"]),
    ("policies: {mine: {}}", ["policies.mine.signals", "empty", "semantic"]),
    ("policies: {mine: {flavour: 1}}", ["policies.mine.flavour", "not a setting"]),
    (
        "policies: {mine: {signals: {telepathy: {}}}}",
        ["policies.mine.signals", '"telepathy"', "keyword"],
    ),
    (
        "policies: {mine: {signals: {keyword: {k2: 1}}}}",
        ["policies.mine.signals.keyword.k2", "not a setting", "k1"],
    ),
    (
        "policies: {mine: {signals: {keyword: {k1: much}}}}",
        ["policies.mine.signals.keyword", "'much'", "number"],
    ),
    (
        "policies: {mine: {signals: {keyword: {weight: heavy}}}}",
        ["policies.mine.signals.keyword.weight", "'heavy'", "number"],
    ),
    (
        "policies: {mine: {signals: {keyword: {weight: .nan}}}}",
        ["policies.mine.signals.keyword.weight", "nan", "finite"],
    ),
    (
        "policies: {mine: {preset: balanced, selector: {type: psychic}}}",
        ["policies.mine.selector.type", '"psychic"', "greedy"],
    ),
    (
        "policies: {mine: {preset: balanced, pins: {last_turns: x}}}",
        ["policies.mine.pins", "'x'", "integer"],
    ),
    (
        "policies: {mine: {preset: balanced, pins: {nails: 1}}}",
        ["policies.mine.pins.nails", "not a setting", "last_turns"],
    ),
    ("- a\n- b", ["list", "mapping"]),
    ("just words", ["str", "mapping"]),
    ("a: [1", ["not YAML"]),
    ("mode: 'on\x00'", ["not YAML"]),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[w[0].replace("\n", " ") for w in WRONG])
def test_a_wrong_setting_is_refused_with_its_path_its_value_and_the_remedy(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        loading.load_settings(path)
    for word in told:
        assert word in str(caught.value)
    if not any(told[0].startswith(p) for p in ("policies", "policy")):
        assert str(path) in str(caught.value)


def test_two_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loading.load_settings(written(tmp_path, "colour: red\nserver: {port: x}"))
    assert "colour" in str(caught.value)
    assert "server.port" in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        loading.load_settings(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        loading.load_settings(path)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "{}"])
def test_an_empty_file_means_the_defaults(tmp_path: Path, text: str) -> None:
    assert loading.load_settings(written(tmp_path, text)) == loading.load_settings(None)


@pytest.mark.parametrize(
    ("text", "mode"),
    [("mode: on", "on"), ("mode: off", "off"), ("mode: 'on'", "on"), ("mode: shadow", "shadow")],
)
def test_on_and_off_mean_what_they_say_in_yaml(tmp_path: Path, text: str, mode: str) -> None:
    assert loading.load_settings(written(tmp_path, text)).mode == mode


def test_the_file_in_the_repository_states_the_defaults() -> None:
    path = Path(__file__).parents[3] / "config.yaml"
    stated, defaults = loading.load_settings(path), loading.load_settings(None)
    assert stated.model_dump(exclude={"policies"}) == defaults.model_dump(exclude={"policies"})
    assert build_policies(stated)[stated.policy] == build_policies(defaults)[defaults.policy]


def test_the_file_in_the_repository_names_every_setting() -> None:
    import yaml

    told = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
    defaults = config.Settings().model_dump()
    assert told.keys() == defaults.keys()
    for name, block in defaults.items():
        if isinstance(block, dict) and name != "policies":
            assert told[name].keys() == block.keys(), name


@pytest.mark.parametrize(
    ("variable", "value", "path", "expected"),
    [
        ("FOVEATE_MODE", "shadow", ("mode",), "shadow"),
        ("FOVEATE_SERVER__PORT", "9999", ("server", "port"), 9999),
        ("FOVEATE_UPSTREAM__URL", "http://other/v1", ("upstream", "url"), "http://other/v1"),
        ("FOVEATE_WINDOW__MODELS", '{"m": 5000}', ("window", "models"), {"m": 5000}),
        ("FOVEATE_BUDGET__LOW", "0.3", ("budget", "low"), 0.3),
        ("FOVEATE_SERVER", '{"host": "0.0.0.0"}', ("server", "host"), "0.0.0.0"),
    ],
)
def test_the_environment_wins_over_the_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    path: tuple[str, ...],
    expected: Any,
) -> None:
    file = written(
        tmp_path,
        "mode: 'on'\nserver: {port: 1111, host: 127.0.0.2}\nupstream: {url: 'http://file/v1', type: http}\n",
    )
    monkeypatch.setenv(variable, value)
    settings: Any = loading.load_settings(file)
    for name in path:
        settings = getattr(settings, name)
    assert settings == expected


def test_the_environment_changes_one_setting_of_a_block_and_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEATE_SERVER__PORT", "9999")
    server = loading.load_settings(written(tmp_path, "server: {host: 127.0.0.2}")).server
    assert (server.host, server.port) == ("127.0.0.2", 9999)


def test_the_command_line_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEATE_SERVER__PORT", "9999")
    monkeypatch.setenv("FOVEATE_UPSTREAM__URL", "http://environment/v1")
    file = written(tmp_path, "server: {port: 1111, host: 127.0.0.2}")
    settings = loading.load_settings(
        file, {"server": {"port": 2222}, "upstream": {"url": "http://line/v1"}}
    )
    assert settings.server.port == 2222
    assert settings.server.host == "127.0.0.2"
    assert settings.upstream.url == "http://line/v1"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FOVEATE_SERVER__PORT", "many"),
        ("FOVEATE_MODE", "x"),
        ("FOVEATE_SERVER__PROT", "1"),
        ("FOVEATE_SERVER", "{not json"),
    ],
)
def test_a_wrong_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError):
        loading.load_settings(None)


def test_secrets_are_hidden_where_settings_are_printed() -> None:
    settings = config.Settings(upstream=config.UpstreamSettings(api_key="sk-hidden"))  # type: ignore[arg-type]
    assert "sk-hidden" not in loading.dump_settings(settings)
    assert "sk-hidden" not in repr(settings)
    assert settings.upstream.api_key.get_secret_value() == "sk-hidden"


def test_a_secret_survives_the_command_lines_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEATE_UPSTREAM__API_KEY", "sk-hidden")
    assert (
        loading.load_settings(None, {"server": {"port": 1}}).upstream.api_key.get_secret_value()
        == "sk-hidden"
    )
