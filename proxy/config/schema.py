"""Settings: config.yaml, overridden by FOVEATE_ variables, overridden by the command line."""

from __future__ import annotations

import dataclasses
import math
import os
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from foveate.policies.pins import Pins
from foveate.policies.policy import Policy, WeightedSignal
from foveate.policies.recall import Recall
from foveate.policies.registry import FUSIONS, GRAPHS, SELECTORS, SIGNALS
from foveate.policies.registry import load as load_class
from foveate.policies.topics import Topics
from foveate.policies.types import Kind
from foveate.proxy.errors import ConfigError

Share = Annotated[float, Field(gt=0, le=1)]
Watermark = Annotated[float, Field(gt=0)]
Source = PydanticBaseSettingsSource
DEFAULT_DATA = Path("~/.local/share/foveate")


class Section(BaseModel):
    """A block of settings: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Section):
    """Where it listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    max_body_mib: float = Field(default=64, gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


class Admin(Section):
    """Who may see the pages under /-/."""

    token: SecretStr = SecretStr("")


class Upstream(Section):
    """Where requests go."""

    type: Literal["http", "echo", "litellm"] = "http"
    url: str = Field(default="https://api.openai.com/v1", pattern=r"^https?://\S+$")
    api_base: str = Field(default="", pattern=r"^(https?://\S+)?$")
    api_key: SecretStr = SecretStr("")
    connect_timeout: float = Field(default=10, gt=0)
    read_timeout: float = Field(default=600, gt=0)


class Window(Section):
    """How much a model takes."""

    default: int = Field(default=128_000, gt=0)
    reserve_output: float = Field(default=0.1, ge=0, lt=1)
    models: dict[str, Annotated[int, Field(gt=0)]] = {}


class Budget(Section):
    """When it cuts and how far: shares of the window less the reserved output."""

    high: Share = 0.9
    low: Share = 0.6

    @model_validator(mode="after")
    def _ordered(self) -> Budget:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high}); it must not be")
        return self


class Segments(Section):
    """How messages become segments."""

    split_over: int = Field(default=1500, ge=100)


class Embedder(Section):
    """What turns text into vectors."""

    type: Literal["onnx", "sentence_transformers"] = "onnx"
    model: str = ""
    threads: int = Field(default=1, ge=1, le=64)
    deadline: float = Field(default=0.3, gt=0)


class Index(Section):
    """Where vectors are kept."""

    type: Literal["chroma", "in_memory"] = "chroma"
    url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    max_entries: int = Field(default=100_000, ge=1)
    max_age_days: float = Field(default=90, gt=0)


class State(Section):
    """Where decisions are remembered between the requests of a conversation."""

    type: Literal["in_memory", "redis"] = "in_memory"
    url: str = "redis://127.0.0.1:6379/0"
    max_mib: float = Field(default=64, gt=0)
    ttl_hours: float = Field(default=24, gt=0)


class Cache(Section):
    """How much memory parsed segments and vectors may take."""

    max_mib: float = Field(default=64, gt=0)


class Recent(Section):
    """How many outcomes can be looked up."""

    max_outcomes: int = Field(default=500, ge=1)
    keep_text: bool = False
    max_text_mib: float = Field(default=64, gt=0)


class PolicySettings(Section):
    """A policy: a preset to start from, and what differs."""

    preset: str = ""
    signals: dict[str, dict[str, Any]] = {}
    fusion: dict[str, Any] = {}
    graph: dict[str, Any] = {}
    topics: dict[str, Any] = {}
    selector: dict[str, Any] = {}
    threshold: float | None = None
    pins: dict[str, Any] = {}
    recall: dict[str, Any] = {}


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="FOVEATE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    mode: Literal["on", "off", "shadow"] = "on"
    data: Path = DEFAULT_DATA
    server: Server = Server()
    admin: Admin = Admin()
    upstream: Upstream = Upstream()
    window: Window = Window()
    budget: Budget = Budget()
    segments: Segments = Segments()
    embedder: Embedder = Embedder()
    index: Index = Index()
    sticky: bool = True
    state: State = State()
    cache: Cache = Cache()
    recent: Recent = Recent()
    policy: str = "balanced"
    policies: dict[str, PolicySettings] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        """Take what is passed and no more: load() brings the layers together."""
        return (init_settings,)

    def build_policies(self) -> dict[str, Policy]:
        """Return every policy by name: the presets, and those of the file."""
        return {name: build_policy(name, settings) for name, settings in self.named_policies().items()}

    def named_policies(self) -> dict[str, PolicySettings]:
        """Return the settings of every policy by name: the presets, and those of the file."""
        return {name: PolicySettings(preset=name) for name in preset_names()} | self.policies


def load(path: Path | None, overrides: dict[str, Any] | None = None) -> Settings:
    """Return the settings of the file at `path` (none: the defaults) under the environment and then `overrides`.

    Raises ConfigError naming the path, the value and the remedy.
    """
    file = read_yaml(path) if path else {}
    try:
        settings = Settings(**merge(merge(file, EnvSettingsSource(Settings)()), overrides or {}))
        policies = settings.build_policies()
    except ValidationError as error:
        raise ConfigError("\n".join(explain(e, str(path or "settings")) for e in error.errors())) from None
    except SettingsError as error:
        raise ConfigError(f"an environment variable is not what its setting takes: {error}") from None
    if settings.policy not in policies:
        raise ConfigError(f'policy "{settings.policy}" is not one of {", ".join(sorted(policies))}')
    return settings


def check_access(settings: Settings) -> None:
    """Raise ConfigError where other machines could reach the pages and nothing would keep them out."""
    host = settings.server.host
    if not is_loopback(host) and not settings.admin.token.get_secret_value():
        raise ConfigError(
            f"server.host {host} is reachable from other machines and admin.token is empty; set admin.token "
            "(FOVEATE_ADMIN__TOKEN), or listen with --host 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine alone: localhost or a loopback address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def trusted_proxies() -> str:
    """Return whose word is taken on who the caller is and whether it came by TLS: uvicorn's own variable names them."""
    return os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")


def wants_traces() -> bool:
    """Say whether the standard OpenTelemetry variables ask for traces."""
    given = (os.environ.get(name) for name in (
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"
    ))  # fmt: skip
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return any(given) and not off


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `over` in place of its own, at any depth."""
    both = dict(base)
    for key, value in over.items():
        both[key] = merge(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, ConfigError where there is none."""
    try:
        loaded = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: holds a {type(loaded).__name__}; it must be a mapping such as `mode: on`")
    # YAML 1.1 reads a bare on and off as booleans.
    if isinstance(loaded.get("mode"), bool):
        loaded["mode"] = "on" if loaded["mode"] else "off"
    return {str(key): value for key, value in loaded.items()}


def explain(error: ErrorDetails, source: str) -> str:
    """Return one line on a failed validation: where, what was found, what to do."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{source}: {where} is not a setting; remove it or correct its name"
    remedy = error["msg"][0].lower() + error["msg"][1:]
    return f"{source}: {where} is {error['input']!r}: {remedy}"


def preset_names() -> list[str]:
    """Return the names of the presets that ship with the policies."""
    return sorted(Path(f.name).stem for f in files("foveate.policies.presets").iterdir() if f.name.endswith(".yaml"))


def build_policy(name: str, settings: PolicySettings) -> Policy:
    """Return the policy that `settings` describe; ConfigError names what is wrong in them."""
    where = f"policies.{name}"
    described = describe(where, settings)
    signals = [build_signal(f"{where}.signals", s, given) for s, given in described.get("signals", {}).items()]
    if not signals:
        raise ConfigError(f"{where}.signals is empty; name at least one of {', '.join(SIGNALS)}, or a preset")
    return Policy(
        name=name,
        signals=tuple(signals),
        selector=build_typed(f"{where}.selector", SELECTORS, described.get("selector", {}), "greedy"),
        fusion=build_typed(f"{where}.fusion", FUSIONS, described.get("fusion", {}), "weighted"),
        graph=build_typed(f"{where}.graph", {**GRAPHS, "none": ""}, described.get("graph", {}), "none"),
        topics=construct(f"{where}.topics", Topics, described.get("topics", {})),
        threshold=described.get("threshold"),
        pins=construct(f"{where}.pins", Pins, described.get("pins", {})),
        recall=construct(f"{where}.recall", Recall, described.get("recall", {})),
    )


def describe(where: str, settings: PolicySettings) -> dict[str, Any]:
    """Return a policy's settings with those of its preset where they say nothing."""
    described = settings.model_dump(exclude={"preset"}, exclude_unset=True)
    if not settings.preset:
        return described
    preset = files("foveate.policies.presets") / f"{settings.preset}.yaml"
    if not preset.is_file():
        raise ConfigError(f'{where}.preset "{settings.preset}" is not one of {", ".join(preset_names())}')
    return merge_policy(yaml.safe_load(preset.read_text()), described)


def merge_policy(preset: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return the preset with what differs; a part of another type brings none of the preset's parameters along."""
    kept = dict(preset)
    for part in ("selector", "fusion", "graph"):
        if over.get(part, {}).get("type", kept.get(part, {}).get("type")) != kept.get(part, {}).get("type"):
            kept.pop(part, None)
    return merge(kept, over)


def build_signal(where: str, name: str, given: dict[str, Any]) -> WeightedSignal:
    """Return a signal with its weight; ConfigError names what is wrong."""
    cls = named(where, SIGNALS, name)
    parameters = dict(given)
    weight = parameters.pop("weight", 1.0)
    return WeightedSignal(
        name=name,
        weight=construct(f"{where}.{name}.weight", dict[Kind, float] if isinstance(weight, dict) else float, weight),
        raw=construct(f"{where}.{name}.raw", bool, parameters.pop("raw", False)),
        spread=construct(f"{where}.{name}.spread", bool, parameters.pop("spread", False)),
        signal=construct(f"{where}.{name}", cls, parameters),
    )


def build_typed(where: str, registry: dict[str, str], given: dict[str, Any], default: str) -> Any:
    """Return the part that `type` names, built from the other keys; None for the type none."""
    parameters = dict(given)
    kind = parameters.pop("type", default)
    if kind == "none" and "none" in registry:
        return None
    return construct(where, named(f"{where}.type", registry, kind), parameters)


def named(where: str, registry: dict[str, str], name: str) -> type:
    """Return the class registered under `name`."""
    if name not in registry:
        raise ConfigError(f'{where} "{name}" is not one of {", ".join(registry)}')
    return load_class(registry[name])


def construct(where: str, cls: type, parameters: Any) -> Any:
    """Return `cls` built from `parameters`, each checked against the type of its field."""
    if dataclasses.is_dataclass(cls):
        known = [f.name for f in dataclasses.fields(cls)]
        if unknown := [key for key in parameters if key not in known]:
            raise ConfigError(f"{where}.{unknown[0]} is not a setting; {cls.__name__.lower()} takes {', '.join(known)}")
    given = parameters.items() if isinstance(parameters, dict) else [("", parameters)]
    for key, value in given:
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{f'{where}.{key}'.rstrip('.')} is {value}; it must be a finite number")
    try:
        return TypeAdapter(cls).validate_python(parameters)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(e, where) for e in error.errors())) from None


def dump(settings: Settings) -> str:
    """Return the settings as YAML, secrets hidden."""
    text: str = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    return text
