"""Builds the parts of a running proxy from the settings, opens them and closes them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from proxy import config
from proxy.cache import Cache
from proxy.embedders import Embedder
from proxy.errors import ConfigError
from proxy.features import FeatureStore
from proxy.handler import Handler
from proxy.indexes import VectorIndex
from proxy.pruner import Pruner
from proxy.recent import Recent
from proxy.state_store import InMemoryStateStore, StateKeeper, StateStore
from proxy.upstreams import Upstream
from proxy.windows import Windows


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that serves requests."""

    settings: config.Settings
    upstream: Upstream
    features: FeatureStore
    pruner: Pruner
    states: StateKeeper
    recent: Recent
    handler: Handler

    def start(self) -> None:
        """Open what takes time, in the background; called inside the event loop."""
        self.features.start()
        self.pruner.start()

    async def aclose(self) -> None:
        """Close everything."""
        await self.upstream.aclose()
        await self.features.aclose()
        await self.states.aclose()
        self.pruner.close()


def build(settings: config.Settings) -> Services:
    """Return the services that `settings` describe, not started; ConfigError where a file or folder is missing."""
    policies = settings.build_policies()
    upstream = build_upstream(settings.upstream)
    embedder = build_embedder(settings.embedder)
    cache = Cache(int(settings.cache.max_mib * 1024 * 1024))
    features = FeatureStore(embedder, build_index(settings, embedder.name), cache, settings.embedder.deadline)
    states = StateKeeper(build_state_store(settings.state))
    recent = Recent(settings.recent.max_outcomes)
    pruner = Pruner(
        settings.mode, settings.policy, policies, Windows(settings.window, settings.budget, upstream), features, states,
        cache, settings.segments.split_over, settings.sticky,
    )  # fmt: skip
    handler = Handler(upstream, pruner, recent, frozenset(policies), int(settings.server.max_body_mib * 1024 * 1024))
    return Services(settings, upstream, features, pruner, states, recent, handler)


def build_upstream(settings: config.Upstream) -> Upstream:
    """Return the upstream of that type."""
    key = settings.api_key.get_secret_value()
    if settings.type == "echo":
        from proxy.upstreams.echo import Echo

        return Echo()
    if settings.type == "litellm":
        from proxy.upstreams.litellm import LiteLLM

        return LiteLLM(key, settings.read_timeout)
    from proxy.upstreams.http import Http

    return Http(settings.url, key, settings.connect_timeout, settings.read_timeout)


def build_embedder(settings: config.Embedder) -> Embedder:
    """Return the embedder of that type."""
    if settings.type == "sentence_transformers":
        from proxy.embedders.sentence_transformers import SentenceTransformers

        return SentenceTransformers(settings.model, settings.threads)
    from proxy.embedders.onnx import Onnx

    return Onnx(settings.model, settings.threads)


def build_index(settings: config.Settings, collection: str) -> VectorIndex:
    """Return the index of that type; ConfigError where its folder cannot be written."""
    if settings.index.type == "in_memory":
        from proxy.indexes.in_memory import InMemory

        return InMemory()
    from proxy.indexes.chroma import Chroma

    folder = settings.data.expanduser() / "chroma"
    if not settings.index.url:
        check_writable(folder)
    return Chroma(collection, folder, settings.index.url)


def build_state_store(settings: config.State) -> StateStore:
    """Return the state store of that type; ConfigError where its client is not installed."""
    if settings.type == "redis":
        if find_spec("redis") is None:
            raise ConfigError("state.type redis needs its client: pip install 'foveate[redis]'")
        from proxy.redis_store import RedisStateStore

        return RedisStateStore(settings.url, settings.ttl_hours * 3600)
    return InMemoryStateStore(int(settings.max_mib * 1024 * 1024), settings.ttl_hours * 3600)


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
