"""Where settings come from: config.yaml, overridden by FOVEATE_ variables, overridden by the command
line.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from foveate.proxy.config.addresses import shown_address
from foveate.proxy.config.blame import Sources
from foveate.proxy.config.policies import build_policies, merge
from foveate.proxy.config.schema import Settings
from foveate.proxy.config.variables import paths, variables_of
from foveate.proxy.errors import ConfigError, nearest


def load_settings(path: Path | None, overrides: dict[str, Any] | None = None) -> Settings:
    """Return the settings of the file at `path` (none: the defaults) under the environment and then
    `overrides`.

    Raises ConfigError naming the path, the value and the remedy.
    """
    file = read_yaml(path) if path else {}
    if path:
        check_own(path, file)
    variables = variables_of(os.environ)
    given = file
    for variable in variables:
        given = merge(given, variable.values)
    line = overrides or {}
    try:
        settings = Settings(**merge(given, line))
        policies = build_policies(settings)
    except ValidationError as error:
        sources = Sources(line, variables, str(path or "settings"))
        raise ConfigError("\n".join(map(sources.blame, error.errors()))) from None
    if settings.policy not in policies:
        raise ConfigError(
            f'policy "{settings.policy}" is not one of {", ".join(sorted(policies))}'
            f"{nearest(settings.policy, policies)}"
        )
    return settings


def check_own(path: Path, file: dict[str, Any]) -> None:
    """Raise ConfigError for a file that has keys, none of which is a setting or like one."""
    known = set(Settings.model_fields)
    anywhere = {path[-1] for path in paths(Settings)}
    if not file or any(name in anywhere or nearest(name, known) for name in file):
        return
    named = f"{', '.join(list(file)[:3])} {'is not a setting' if len(file) == 1 else 'are no settings'}"
    raise ConfigError(
        f"{path}: is not a settings file of foveate's: {named}; "
        "name another with --config, or write one with 'foveate init'"
    )


def check_access(settings: Settings) -> None:
    """Raise ConfigError where other machines could reach the pages, or spend the upstream's key, and
    nothing would keep them out.
    """
    host = settings.server.host
    if is_loopback(host):
        return
    if not settings.admin.token.get_secret_value():
        raise ConfigError(
            f"server.host {host} is reachable from other machines and admin.token is empty; set admin.token "
            "(FOVEATE_ADMIN__TOKEN), or listen with --host 127.0.0.1"
        )
    spent = spent_key(settings)
    if spent and not settings.callers.named and not settings.callers.open:
        raise ConfigError(
            f"server.host {host} is reachable from other machines, {spent} is set and callers.named is empty: "
            "whoever comes would spend that key; name who may (foveate key NAME makes a key), listen with "
            "--host 127.0.0.1, or let everybody with callers.open: true"
        )


def spent_key(settings: Settings) -> str:
    """Return which setting holds a key that callers spend, empty where they bring their own."""
    upstream = settings.upstream
    for name in ("api_key", "anthropic_api_key"):
        if getattr(upstream, name).get_secret_value():
            return f"upstream.{name}"
    if upstream.type == "litellm":
        return next((name for name in sorted(os.environ) if name.endswith("_API_KEY")), "")
    return ""


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine alone: localhost or a loopback address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def trusted_proxies() -> str:
    """Return whose word is taken on who the caller is and whether it came by TLS: uvicorn's own
    variable names them.
    """
    return os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")


def wants_traces() -> bool:
    """Say whether the standard OpenTelemetry variables ask for traces."""
    given = (os.environ.get(name) for name in (
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"
    ))  # fmt: skip
    off = (
        os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return any(given) and not off


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, ConfigError where there is none."""
    try:
        loaded = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # a ValueError: a date that is none, text that is none
        told = " ".join(str(error).split())
        tab = "; indent with blanks, YAML takes no tabs" if "'\\t'" in told else ""
        raise ConfigError(f"{path}: is not YAML: {told}{tab}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(
            f"{path}: holds a {type(loaded).__name__}; it must be a mapping such as `mode: on`"
        )
    # YAML 1.1 reads a bare on and off as booleans.
    if isinstance(loaded.get("mode"), bool):
        loaded["mode"] = "on" if loaded["mode"] else "off"
    return {str(key): value for key, value in loaded.items()}


def index_folder(settings: Settings) -> Path:
    """Return where the index's files go: a folder for each of ours."""
    kind = settings.index.type
    return settings.data.expanduser() / (kind if kind.isidentifier() else "chroma")


def dump_settings(settings: Settings) -> str:
    """Return the settings as YAML, secrets and passwords in addresses hidden."""
    text: str = yaml.safe_dump(shown_address(settings.model_dump(mode="json")), sort_keys=False)
    return text


def check_writable(folder: Path) -> None:
    """Create `folder`; ConfigError where nothing can be written in it."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"data folder {folder} cannot be written ({error.strerror}); name another with --data"
        ) from None
