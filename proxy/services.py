"""Builds the parts of a running proxy from the settings, opens them and closes them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from foveate.policies.policy import Policy
from foveate.proxy import formats, process
from foveate.proxy.archive.archive import Archive, build_archive, counters_of, gauges_of
from foveate.proxy.cache import Cache
from foveate.proxy.callers.admission import Admission, Tally, check_named
from foveate.proxy.config import loading, schema
from foveate.proxy.config.policies import build_policies
from foveate.proxy.errors import ConfigError
from foveate.proxy.formats.parser import Parser
from foveate.proxy.http.origins import Origins
from foveate.proxy.observers import Observer
from foveate.proxy.observers.logs import RequestLog
from foveate.proxy.observers.metrics import Gauges, Metrics
from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.forgotten.recall import Forgotten
from foveate.proxy.pruning.limits.calibration import Calibration
from foveate.proxy.pruning.limits.lessons import Lessons
from foveate.proxy.pruning.limits.watermarks import Watermarks
from foveate.proxy.pruning.limits.windows import Windows
from foveate.proxy.pruning.memory import Memory
from foveate.proxy.pruning.prices import spent
from foveate.proxy.pruning.pruner import Means, RequestPruner, Rules
from foveate.proxy.pruning.states import build_states
from foveate.proxy.reload import Reloads
from foveate.proxy.serving.handler import Handler, Routes
from foveate.proxy.team import Team
from foveate.proxy.team.peers import Peers
from foveate.proxy.team.restarts import restarts_of
from foveate.proxy.upstreams import Upstream, build_upstream
from foveate.proxy.vectors import Bounds
from foveate.proxy.vectors.embedders import build_embedder
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.vectors.indexes.building import IndexPlace, build_index
from foveate.proxy.worker import Worker

# Threads that embed for a request that waits, where there are as many cores
SIDE_BY_SIDE = 4


@dataclass(frozen=True, slots=True)
class Parts:
    """What goes on through a change of the settings where its own settings did not change."""

    upstream: Upstream
    windows: Windows
    calibration: Calibration
    histories: Histories
    memory: Memory
    archive: Archive | None  # None where memory is off
    worker: Worker
    cache: Cache
    recent: Recent
    metrics: Metrics
    observers: tuple[Observer, ...]
    reloads: Reloads
    tally: Tally
    team: Team | None  # of which this process is a worker
    peers: Peers
    lessons: Lessons

    async def aclose(self) -> None:
        """Close everything."""
        await self.peers.aclose()
        await self.upstream.aclose()
        await self.lessons.aclose()
        await self.histories.aclose()
        await self.memory.aclose()
        if self.archive:
            await self.archive.aclose()
        self.worker.close()
        await asyncio.to_thread(self.recent.close)
        for observer in self.observers:
            observer.close()


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that serves requests under one state of the settings."""

    settings: schema.Settings
    policies: Mapping[str, Policy]
    parts: Parts
    pruner: RequestPruner
    handler: Handler
    formats: Mapping[str, formats.Format]

    def start(self) -> None:
        """Open what takes time, in the background; called inside the event loop."""
        self.parts.histories.start()
        self.parts.lessons.start()
        self.pruner.start()

    async def aclose(self) -> None:
        """Close everything."""
        await self.parts.aclose()

    def reading(self) -> Gauges:
        """Return what the parts hold now, for the metrics."""
        parts = self.parts
        histories, cache, recent = parts.histories, parts.cache, parts.recent
        dollars = spent(self.settings.embedder.model, histories.tokens)
        return Gauges(
            gauges={
                "workers": ("Processes that serve.", 1),
                "requests_in_progress": ("Requests under way.", self.handler.running),
                "cache_bytes": ("Bytes of cached messages, features and vectors.", cache.bytes),
                "cache_entries": ("Entries in that cache.", len(cache)),
                "embedding_queue": ("Segments that wait for their vectors.", histories.queued),
                "index_queue": ("Vectors that wait to be written to the index.", histories.unwritten),
                **gauges_of(parts.archive),
                "recent_outcomes": ("Outcomes that can be looked up.", len(recent)),
                "recent_text_bytes": ("Bytes of kept message text.", recent.text_bytes),
            },
            counters={
                "embedding_deadlines": (
                    "Requests that went on without all vectors.",
                    histories.deadlines_met,
                ),
                **counters_of(parts.archive),
                "embedding_tokens": ("Tokens that a server has embedded.", histories.tokens),
                "embedding_dollars": ("What they cost, by known prices.", dollars),
                "state_failures": ("Times that the state store did not answer.", parts.memory.failures),
            },
            labelled={
                "vector_failures": (
                    "Faults of the embedder and the index.",
                    "part",
                    histories.failures,
                ),
                "pruning_failures": (
                    "Requests forwarded unchanged after a fault.",
                    "stage",
                    self.pruner.failures,
                ),
                "caller_requests": ("Requests let in.", "caller", parts.tally.requests),
                "caller_refusals": ("Requests refused.", "caller", parts.tally.refused),
                "caller_tokens": ("Tokens that answered requests took.", "caller", parts.tally.tokens),
                "config_reloads": ("Changes of the settings file.", "result", parts.reloads.counts()),
                "workers_begun_anew": (
                    "Processes of the team begun anew.",
                    "why",
                    restarts_of(parts.team),
                ),
            },
        )


def build(settings: schema.Settings, team: Team | None = None) -> Services:
    """Return the services that `settings` describe, not started, for one worker of a team where there is
    one; ConfigError where a file or folder is missing.
    """
    upstream = build_upstream(settings.upstream)
    cache = Cache(mebibytes(settings.cache.max_mib))
    worker = Worker()
    metrics = Metrics()
    observers: list[Observer] = [metrics, RequestLog(settings.server.log_format)]
    if loading.wants_traces():
        observers.append(build_tracer())
    memory = build_memory(settings, team)
    windows = Windows(settings.window, settings.budget, upstream)
    calibration = Calibration()
    parts = Parts(
        upstream=upstream,
        windows=windows,
        calibration=calibration,
        histories=build_histories(settings, cache, worker, team),
        memory=memory,
        archive=build_kept(settings, team),
        worker=worker,
        cache=cache,
        recent=build_recent(settings),
        metrics=metrics,
        observers=tuple(observers),
        reloads=Reloads(),
        tally=Tally(),
        team=team,
        peers=Peers(team),
        lessons=Lessons(memory, windows, calibration),
    )
    return assemble(settings, parts)


def rebuild(settings: schema.Settings, running: Services) -> Services:
    """Return services for changed settings that go on with every part of `running` whose settings did
    not change.
    """
    old, parts = running.settings, running.parts
    if settings.upstream != old.upstream:
        parts = replace(parts, upstream=build_upstream(settings.upstream))
    if (settings.embedder, settings.index) != (old.embedder, old.index):
        histories = build_histories(settings, parts.cache, parts.worker, parts.team)
        parts = replace(parts, histories=histories)
    if settings.state != old.state:
        parts = replace(parts, memory=build_memory(settings, parts.team))
    if settings.memory != old.memory:
        parts = replace(parts, archive=build_kept(settings, parts.team))
    if (settings.upstream, settings.window, settings.budget) != (old.upstream, old.window, old.budget):
        parts = replace(parts, windows=Windows(settings.window, settings.budget, parts.upstream))
    fresh = assemble(settings, parts)
    fresh.pruner.inherit(running.pruner)
    return fresh


def assemble(settings: schema.Settings, parts: Parts) -> Services:
    """Return services of these parts, with a pruner and a handler of the settings."""
    policies = build_policies(settings)
    wires = formats.load_formats()
    mode = "dry-run" if settings.mode == "shadow" else settings.mode
    rules = Rules(mode, settings.policy, policies, settings.sticky, settings.economy)
    means = Means(
        Parser(parts.worker, parts.cache, settings.segments.split_over),
        Watermarks(parts.windows, parts.calibration, parts.lessons.tell),
        parts.memory,
        parts.histories,
        build_forgotten(settings, parts),
    )
    pruner = RequestPruner(rules, means)
    caller = settings.callers.header.lower().encode()
    origins = Origins(bool(loading.spent_key(settings)), settings.callers.origins)
    check_named(settings.callers.named, policies)
    routes = Routes(
        formats=wires,
        policies=frozenset(policies),
        max_body=mebibytes(settings.server.max_body_mib),
        admission=Admission(settings.callers.named, parts.memory, parts.tally),
        policy=settings.policy,
        caller=caller,
        origins=origins,
    )
    handler = Handler(routes, parts.upstream, pruner, parts.recent, parts.observers)
    return Services(settings, policies, parts, pruner, handler, wires)


def mebibytes(number: float) -> int:
    """Return bytes."""
    return int(number * 1024 * 1024)


def text_bytes(settings: schema.RecentSettings) -> int:
    """Return how many bytes of message text may be kept, 0 for none."""
    return mebibytes(settings.max_text_mib) if settings.keep_text else 0


def build_recent(settings: schema.Settings) -> Recent:
    """Return what keeps outcomes."""
    recent = settings.recent
    folder = settings.data.expanduser() if recent.on_disk else None
    return Recent(recent.max_outcomes, text_bytes(recent), folder)


def build_histories(
    settings: schema.Settings, cache: Cache, worker: Worker, team: Team | None = None
) -> Histories:
    """Return what makes and keeps vectors: the embedder and the index that the settings name."""
    model, index = settings.embedder, settings.index
    embedder = build_embedder(model)
    address = team.index_address if team else ""
    place = IndexPlace(loading.index_folder(settings), index.url, index.key.get_secret_value())
    kept = build_index(index.type, embedder.name, place, index.options, address)
    threads = model.threads or min(SIDE_BY_SIDE, process.cores())
    bounds = Bounds(model.deadline, index.max_entries, index.max_age_days, threads)
    return Histories(embedder, kept, cache, worker, bounds)


def build_memory(settings: schema.Settings, team: Team | None = None) -> Memory:
    """Return what remembers decisions, in the store that the settings name."""
    return Memory(build_states(settings.state, settings.data.expanduser(), shared=team is not None))


def build_kept(settings: schema.Settings, team: Team | None = None) -> Archive | None:
    """Return what keeps texts, None where memory is off."""
    return build_archive(settings.memory, settings.data.expanduser(), shared=team is not None)


def build_forgotten(settings: schema.Settings, parts: Parts) -> Forgotten | None:
    """Return what brings back kept texts, None where memory is off."""
    if parts.archive is None:
        return None
    return Forgotten(parts.archive, parts.histories, settings.memory.others)


def build_tracer() -> Observer:
    """Return what turns outcomes into OpenTelemetry spans; ConfigError where it is not installed."""
    try:
        # Tells with opentelemetry, an extra
        from foveate.proxy.observers.tracing import Tracer
    except ImportError as error:
        raise ConfigError(
            f"the OTEL_ variables ask for traces but {error.name} is not installed: pip install 'foveate[otel]', "
            "or set OTEL_SDK_DISABLED=true"
        ) from None
    return Tracer()
