"""Builds the parts of a running proxy from the settings, opens them and closes them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from foveate.proxy.cache import Cache
from foveate.proxy.config import schema as config
from foveate.proxy.errors import ConfigError
from foveate.proxy.observers import logs
from foveate.proxy.observers.metrics import Metrics, Reading
from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.pruner import Pruner
from foveate.proxy.pruning.state_store import InMemoryStateStore, StateKeeper, StateStore
from foveate.proxy.pruning.windows import Windows
from foveate.proxy.reload import Reloads
from foveate.proxy.serving.handler import Handler, Observer
from foveate.proxy.upstreams import Upstream
from foveate.proxy.vectors import Bounds
from foveate.proxy.vectors.embedders import build_embedder
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.vectors.indexes import build_index
from foveate.proxy.worker import Worker


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that serves requests."""

    settings: config.Settings
    upstream: Upstream
    features: Histories
    pruner: Pruner
    states: StateKeeper
    recent: Recent
    handler: Handler
    cache: Cache
    windows: Windows
    metrics: Metrics
    observers: tuple[Observer, ...]
    reloads: Reloads

    def start(self) -> None:
        """Open what takes time, in the background; called inside the event loop."""
        self.features.start()
        self.pruner.start()

    def reading(self) -> Reading:
        """Return what the parts hold now, for the metrics."""
        features, states = self.features, self.states
        return Reading(
            gauges={
                "requests_in_progress": ("Requests under way.", self.handler.running),
                "cache_bytes": ("Bytes of cached messages, features and vectors.", self.cache.bytes),
                "cache_entries": ("Entries in that cache.", len(self.cache)),
                "embedding_queue": ("Segments that wait for their vectors.", features.queued),
                "index_queue": ("Vectors that wait to be written to the index.", features.unwritten),
                "recent_outcomes": ("Outcomes that can be looked up.", len(self.recent)),
                "recent_text_bytes": ("Bytes of kept message text.", self.recent.text_bytes),
            },
            counters={
                "embedding_deadlines": ("Requests that went on without all vectors.", features.deadlines_met),
                "index_write_failures": ("Batches of vectors that could not be stored.", features.failures["writing"]),
                "state_failures": ("Times that the state store did not answer.", states.failures),
            },
            failures=self.pruner.failures,
            reloads={"applied": self.reloads.applied, "refused": self.reloads.refused},
        )

    async def aclose(self) -> None:
        """Close everything."""
        await self.upstream.aclose()
        await self.features.aclose()
        self.features.worker.close()
        await self.states.aclose()
        self.pruner.close()
        for observer in self.observers:
            observer.close()


def build(settings: config.Settings) -> Services:
    """Return the services that `settings` describe, not started; ConfigError where a file or folder is missing."""
    upstream = build_upstream(settings.upstream)
    cache = Cache(mebibytes(settings.cache.max_mib))
    features = build_features(settings, cache)
    states = StateKeeper(build_state_store(settings.state))
    windows = Windows(settings.window, settings.budget, upstream)
    recent = Recent(settings.recent.max_outcomes, text_bytes(settings.recent))
    metrics = Metrics()
    observers: list[Observer] = [metrics, logs.RequestLog(settings.server.log_format)]
    if config.wants_traces():
        observers.append(build_tracer())
    return assemble(settings, upstream, features, states, recent, cache, windows, metrics, tuple(observers), Reloads())


def rebuild(settings: config.Settings, running: Services) -> Services:
    """Return services for changed settings that go on with every part of `running` whose settings did not change."""
    old = running.settings
    upstream = running.upstream if settings.upstream == old.upstream else build_upstream(settings.upstream)
    kept = (settings.embedder, settings.index) == (old.embedder, old.index)
    features = running.features if kept else build_features(settings, running.cache)
    states = running.states if settings.state == old.state else StateKeeper(build_state_store(settings.state))
    same = upstream is running.upstream and (settings.window, settings.budget) == (old.window, old.budget)
    windows = running.windows if same else Windows(settings.window, settings.budget, upstream)
    fresh = assemble(
        settings, upstream, features, states, running.recent, running.cache, windows, running.metrics,
        running.observers, running.reloads,
    )  # fmt: skip
    fresh.pruner.inherit(running.pruner)
    return fresh


def assemble(
    settings: config.Settings, upstream: Upstream, features: Histories, states: StateKeeper, recent: Recent,
    cache: Cache, windows: Windows, metrics: Metrics, observers: tuple[Observer, ...], reloads: Reloads,
) -> Services:  # fmt: skip
    """Return services of these parts, with a pruner and a handler of the settings."""
    policies = settings.build_policies()
    pruner = Pruner(
        settings.mode, settings.policy, policies, windows, features, states, cache, settings.segments.split_over,
        settings.sticky, settings.recent.keep_text,
    )  # fmt: skip
    limit = mebibytes(settings.server.max_body_mib)
    handler = Handler(upstream, pruner, recent, frozenset(policies), limit, observers)
    return Services(
        settings, upstream, features, pruner, states, recent, handler, cache, windows, metrics, observers, reloads
    )


def mebibytes(number: float) -> int:
    """Return bytes."""
    return int(number * 1024 * 1024)


def text_bytes(settings: config.Recent) -> int:
    """Return how many bytes of message text may be kept, 0 for none."""
    return mebibytes(settings.max_text_mib) if settings.keep_text else 0


def build_features(settings: config.Settings, cache: Cache) -> Histories:
    """Return what makes histories, with its embedder and index."""
    chosen, index = settings.embedder, settings.index
    embedder = build_embedder(chosen.type, chosen.model, chosen.threads)
    embedder.check()
    folder = settings.data.expanduser()
    if index.type != "in_memory" and not index.url:
        check_writable(folder)
    made = build_index(index.type, embedder.name, folder / "chroma", index.url)
    bounds = Bounds(chosen.deadline, index.max_entries, index.max_age_days)
    return Histories(embedder, made, cache, Worker(), bounds)


def build_tracer() -> Observer:
    """Return what turns outcomes into OpenTelemetry spans; ConfigError where its packages are not installed."""
    try:
        from foveate.proxy.observers.tracing import Tracer
    except ImportError as error:
        raise ConfigError(
            f"the OTEL_ variables ask for traces but {error.name} is not installed: pip install 'foveate[otel]', "
            "or set OTEL_SDK_DISABLED=true"
        ) from None
    return Tracer()


def build_upstream(settings: config.Upstream) -> Upstream:
    """Return the upstream of that type."""
    key = settings.api_key.get_secret_value()
    if settings.type == "echo":
        from foveate.proxy.upstreams.echo import Echo

        return Echo()
    if settings.type == "litellm":
        from foveate.proxy.upstreams.litellm import LiteLLM

        return LiteLLM(key, settings.read_timeout, settings.api_base)
    from foveate.proxy.upstreams.http import Http

    return Http(settings.url, key, settings.connect_timeout, settings.read_timeout)


def build_state_store(settings: config.State) -> StateStore:
    """Return the state store of that type; ConfigError where its client is not installed."""
    if settings.type == "redis":
        if find_spec("redis") is None:
            raise ConfigError("state.type redis needs its client: pip install 'foveate[redis]'")
        from foveate.proxy.pruning.redis_store import RedisStateStore

        return RedisStateStore(settings.url, settings.ttl_hours * 3600)
    return InMemoryStateStore(mebibytes(settings.max_mib), settings.ttl_hours * 3600)


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
