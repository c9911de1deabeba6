"""The settings: their names, types and defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from foveate.proxy.config.addresses import checked, checked_key, checked_redis

Share = Annotated[float, Field(gt=0, le=1)]
LEAST = 256  # tokens: a smaller number of them is more likely a percentage


def watermark(value: float) -> float:
    """Return a watermark as it is; ValueError for what is neither a share nor tokens."""
    if 1 < value < LEAST:
        percent = f"; {value:g} % is {value / 100:g}" if value <= 100 else ""
        raise ValueError(f"it must be a share up to 1, or tokens from {LEAST} on{percent}")
    return value


Watermark = Annotated[float, Field(gt=0), AfterValidator(watermark)]
Address = Annotated[str, AfterValidator(checked)]
Key = Annotated[SecretStr, AfterValidator(checked_key)]
Source = PydanticBaseSettingsSource
HASH = re.compile(r"sha256:[0-9a-f]{64}")
DEFAULT_DATA = Path("~/.local/share/foveate")


class Section(BaseModel):
    """A block of settings: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ServerSettings(Section):
    """Where it listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    max_body_mib: float = Field(default=64, gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    drain: float = Field(default=30, ge=0)
    notice: float = Field(default=0, ge=0)
    workers: int = Field(default=1, ge=0, le=256)
    stall: float = Field(default=30, ge=0)


class Admin(Section):
    """Who may see the pages under /-/."""

    token: SecretStr = SecretStr("")


class NamedCaller(Section):
    """Somebody who may call, and what is allowed; nothing named is no limit."""

    keys: tuple[SecretStr, ...] = Field(min_length=1)  # hashes of them
    models: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    requests_a_minute: int = Field(default=0, ge=0)
    tokens_a_day: int = Field(default=0, ge=0)

    @field_validator("keys")
    @classmethod
    def _are_hashes(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(HASH.fullmatch(key.get_secret_value()) for key in keys):
            raise ValueError("a key stands here as its hash, sha256: and 64 digits: foveate key NAME")
        return keys


class Callers(Section):
    """Who may call, and who is whose: callers share nothing."""

    header: str = Field(default="", pattern=r"^([A-Za-z0-9-]{1,64})?$")
    origins: tuple[str, ...] = ()
    open: bool = False
    named: dict[Annotated[str, Field(pattern=r"^[\w.@-]{1,64}$")], NamedCaller] = {}


class UpstreamSettings(Section):
    """Where requests go."""

    type: str = "http"
    options: dict[str, Any] = {}
    url: Address = Field(default="https://api.openai.com/v1", min_length=1)
    api_base: Address = ""
    api_key: Key = SecretStr("")
    anthropic_url: Address = ""
    anthropic_api_key: Key = SecretStr("")
    connect_timeout: float = Field(default=10, gt=0)
    read_timeout: float = Field(default=600, gt=0)


class WindowSettings(Section):
    """How much a model takes."""

    default: int = Field(default=128_000, gt=0)
    reserve_output: float = Field(default=0.1, ge=0, lt=1)
    models: dict[str, Annotated[int, Field(gt=0)]] = {}


class BudgetSettings(Section):
    """When it cuts and how far: shares of the window less the reserved output, or tokens."""

    high: Watermark = 0.9
    low: Watermark = 0.6

    @model_validator(mode="after")
    def _ordered(self) -> BudgetSettings:
        alike = (self.low > 1) == (self.high > 1)
        if alike and self.low > self.high:
            raise ValueError(f"low ({self.low:g}) is above high ({self.high:g}); it must not be")
        return self


class Rate(Section):
    """What a model's cached tokens cost, relative to a fresh one."""

    read: float = Field(ge=0, le=1)
    write: float = Field(default=1, ge=1)
    lifetime: float = Field(default=0, ge=0)


class Economy(Section):
    """When it cuts for money, below the budget."""

    enabled: bool = False
    keep: Share = 0.4
    floor: int = Field(default=16_000, ge=0)
    least: int = Field(default=2000, ge=1)
    lifetime: float = Field(default=300, gt=0)
    prices: dict[str, Rate] = {}


class Segments(Section):
    """How messages become segments."""

    split_over: int = Field(default=1500, ge=100)


class EmbedderSettings(Section):
    """What turns text into vectors."""

    type: str = "onnx"
    options: dict[str, Any] = {}
    model: str = ""
    url: Address = ""
    key: SecretStr = SecretStr("")
    dimensions: int = Field(default=0, ge=0)
    threads: int = Field(default=0, ge=0, le=64)
    deadline: float = Field(default=0.3, gt=0)


class Index(Section):
    """Where vectors are kept."""

    type: str = "chroma"
    options: dict[str, Any] = {}
    url: Address = ""
    key: SecretStr = SecretStr("")
    max_entries: int = Field(default=100_000, ge=1)
    max_age_days: float = Field(default=90, gt=0)


class State(Section):
    """Where decisions are remembered between the requests of a conversation."""

    type: str = "sqlite"
    options: dict[str, Any] = {}
    url: str = "redis://127.0.0.1:6379/0"
    max_mib: float = Field(default=64, gt=0)
    ttl_hours: float = Field(default=24, gt=0)

    @field_validator("url")
    @classmethod
    def _is_redis(cls, url: str, given: ValidationInfo) -> str:
        return checked_redis(url) if given.data.get("type") == "redis" else url


class MemorySettings(Section):
    """What is kept of what clients send, encrypted, to be quoted once they no longer send it."""

    enabled: bool = False
    key: SecretStr = SecretStr("")
    days: float = Field(default=30, gt=0)
    max_mib: float = Field(default=256, gt=0)
    others: bool = False


class CacheSettings(Section):
    """How much memory parsed segments and vectors may take."""

    max_mib: float = Field(default=64, gt=0)


class RecentSettings(Section):
    """How many outcomes can be looked up."""

    max_outcomes: int = Field(default=5000, ge=1)
    on_disk: bool = True
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
    results: dict[str, Any] = {}


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
    server: ServerSettings = ServerSettings()
    admin: Admin = Admin()
    callers: Callers = Callers()
    upstream: UpstreamSettings = UpstreamSettings()
    window: WindowSettings = WindowSettings()
    budget: BudgetSettings = BudgetSettings()
    economy: Economy = Economy()
    segments: Segments = Segments()
    embedder: EmbedderSettings = EmbedderSettings()
    index: Index = Index()
    sticky: bool = True
    state: State = State()
    memory: MemorySettings = MemorySettings()
    cache: CacheSettings = CacheSettings()
    recent: RecentSettings = RecentSettings()
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
