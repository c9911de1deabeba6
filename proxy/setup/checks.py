"""Whether foveate can do its work here: each part looked at, with a remedy where it cannot."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from foveate.policies.types import Budget
from foveate.proxy import services
from foveate.proxy.config.addresses import shown_address
from foveate.proxy.config.loading import check_access, check_writable
from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError, UpstreamError
from foveate.proxy.evaluation.once import bundled_request
from foveate.proxy.formats import load_formats
from foveate.proxy.http.headers import Headers
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.record import Conversation
from foveate.proxy.pruning.request import Request
from foveate.proxy.services import Services
from foveate.proxy.setup.running import Running
from foveate.proxy.upstreams import UpstreamRequest
from foveate.proxy.upstreams.http import HttpUpstream

State = Literal["well", "look", "wrong"]
PATIENCE = 5.0  # seconds that the upstream has
LONG = 1_000_000  # tokens: a prompt for which the upstream's list is worth waiting for
BUDGET = 3000  # tokens that the bundled conversation, of 7,169, is pruned to
ANTHROPIC = b"2023-06-01"  # the version that its clients send
ANTHROPIC_KEY = "sk-ant-"  # how its keys begin
IN_MEMORY = {"type": "in_memory"}


class Finding(NamedTuple):
    """What was found of one part."""

    part: str
    state: State
    said: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at: the settings, where they come from, and what else the user has named."""

    settings: Settings
    source: str
    key: str  # for the upstream
    model: str


async def findings(patient: Patient) -> AsyncIterator[Finding]:
    """Yield what is found of each part, as soon as it is known."""
    settings = patient.settings
    yield settings_file(patient)
    running = is_running(settings)
    for found in surroundings(settings, running):
        yield found
    if running:  # its index is its own
        settings = settings.model_copy(
            update={
                "index": settings.index.model_copy(update=IN_MEMORY),
                "state": settings.state.model_copy(update=IN_MEMORY),
            }
        )
    settings = settings.model_copy(
        update={
            "recent": settings.recent.model_copy(update={"on_disk": False}),
            "embedder": settings.embedder.model_copy(update={"deadline": 60}),
        }
    )
    try:
        built = services.build(settings)
    except ConfigError as error:
        yield Finding("parts", "wrong", str(error))
        return
    built.start()
    try:
        async for found in _parts(patient, built, running):
            yield found
    finally:
        await built.aclose()


def settings_file(patient: Patient) -> Finding:
    """Return what is found of the settings: whether they may be served, too."""
    try:
        check_access(patient.settings)
    except ConfigError as error:
        return Finding("settings", "wrong", f"{patient.source}: {error}")
    return Finding("settings", "well", patient.source)


async def _parts(patient: Patient, built: Services, running: bool) -> AsyncIterator[Finding]:
    for found in await upstream(patient, built):
        yield found
    yield await window(patient, built)
    await built.parts.histories.opened()
    for found in vectors(built, running):
        yield found
    yield await state(built, running)
    yield await dry_run(built)


def is_running(settings: Settings) -> bool:
    """Say whether a foveate answers where these settings would listen."""
    try:
        Running(f"http://127.0.0.1:{settings.server.port}").get("healthy")
    except ConfigError:
        return False
    return True


def surroundings(settings: Settings, running: bool) -> Iterator[Finding]:
    """Yield what is found of the folder and the port."""
    folder = settings.data.expanduser()
    try:
        check_writable(folder)
        yield Finding("data", "well", f"{folder} can be written")
    except ConfigError as error:
        yield Finding("data", "wrong", str(error), "name another folder with data, or --data")
    host, port = settings.server.host, settings.server.port
    if running:
        yield Finding("port", "well", f"foveate is running on {host}:{port}")
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            remedy = "end what listens there, or choose another server.port"
            yield Finding("port", "wrong", f"{host}:{port}: {error.strerror}", remedy)
        else:
            yield Finding("port", "well", f"{host}:{port} is free")


async def upstream(patient: Patient, built: Services) -> list[Finding]:
    """Return what is found of the upstream and of the key for it."""
    settings, headers = patient.settings.upstream, credentials(patient)
    asked = built.parts.upstream
    named = shown_address(asked.base(headers)) if isinstance(asked, HttpUpstream) else settings.type
    try:
        async with asyncio.timeout(PATIENCE):
            request = UpstreamRequest("GET", "/v1/models", headers, b"")
            answer = await built.parts.upstream.send(request)
            await answer.aclose()
    except UpstreamError as error:
        return [Finding("upstream", "wrong", str(error), "start it, or correct upstream.url")]
    except TimeoutError:
        remedy = "start it, or correct upstream.url"
        return [Finding("upstream", "wrong", f"{named} does not answer in {PATIENCE:g} s", remedy)]
    return [Finding("upstream", "well", f"{named} answers"), _key(patient, answer.status)]


def _key(patient: Patient, status: int) -> Finding:
    """Return what the upstream's answer to a question for its models says of the key."""
    whose = "upstream.api_key" if patient.settings.upstream.api_key.get_secret_value() else "the key"
    given = bool(patient.key) or whose != "the key"
    if status in (401, 403) and given:
        return Finding("key", "wrong", f"{whose} is refused ({status})", "give another")
    if status in (401, 403):
        remedy = "clients send their own; to try one: foveate doctor --key KEY"
        return Finding("key", "look", f"the upstream wants a key ({status})", remedy)
    if status >= 400:
        return Finding(
            "key", "look", f"cannot be told: the upstream does not list its models ({status})"
        )
    return Finding("key", "well", f"{whose} is accepted" if given else "the upstream wants none")


def credentials(patient: Patient) -> Headers:
    """Return the headers that carry the key, as its vendor wants it: by them it goes where that vendor's
    clients go.
    """
    if not patient.key:
        return []
    value = patient.key.encode()
    host = urlsplit(patient.settings.upstream.url).hostname or ""
    if patient.key.startswith(ANTHROPIC_KEY) or host.endswith("anthropic.com"):
        return [(b"x-api-key", value), (b"anthropic-version", ANTHROPIC)]
    return [(b"authorization", b"Bearer " + value)]


async def window(patient: Patient, built: Services) -> Finding:
    """Return what is known of the model's window."""
    if not patient.model:
        return Finding(
            "window", "look", "no model is named", "to look one up: foveate doctor --model NAME"
        )
    found = await built.parts.windows.window(patient.model, LONG, credentials(patient))
    said = f"{patient.model} takes {found.tokens:,} tokens"
    if found.source == "default":
        remedy = f"in config.yaml: window: {{models: {{{json.dumps(patient.model)}: TOKENS}}}}"
        return Finding("window", "look", f"{said}: a guess, since nobody knows it", remedy)
    return Finding("window", "well", f"{said}, says {found.source}")


def vectors(built: Services, running: bool) -> Iterator[Finding]:
    """Yield what is found of the embedder and the index."""
    problems = built.parts.histories.problems()
    settings = built.settings
    for part, kind in (("embedder", settings.embedder.type), ("index", settings.index.type)):
        wrong = [each for each in problems if part in each]
        if wrong:
            remedy = f"correct {part} in the settings; until then histories are pruned by their words"
            yield Finding(part, "wrong", "; ".join(wrong), remedy)
        elif part == "index" and running:
            yield Finding(part, "well", "in use by the foveate that is running")
        else:
            yield Finding(part, "well", f"{kind} is there")


async def state(built: Services, running: bool) -> Finding:
    """Return what is found of the store of decisions."""
    if running:
        return Finding("state", "well", "in use by the foveate that is running")
    memory = built.parts.memory
    await memory.recall(Conversation("foveate-doctor", ["nothing"], []))
    if memory.failures:
        remedy = "correct state in the settings; until then conversations are decided afresh"
        return Finding("state", "wrong", f"{built.settings.state.type} does not answer", remedy)
    return Finding("state", "well", f"{built.settings.state.type} answers")


async def dry_run(built: Services) -> Finding:
    """Return what became of the bundled conversation, decided as a request would be."""
    body = bundled_request()
    wire = next(iter(load_formats().values()))
    wanted = Overrides(mode="on", budget=Budget(BUDGET, BUDGET), sticky=False)
    decision = await built.pruner.decide(Request(wire, body, wanted, "", rehearsal=True))
    outcome = decision.outcome
    if outcome.result != "cut":
        return Finding(
            "dry run", "wrong", f"{outcome.result}: {outcome.failure_reason}", "tell us, please"
        )
    took = sum(outcome.milliseconds.values())
    late = f", {outcome.late} segments without their vectors" if outcome.late else ""
    said = f"{outcome.tokens_before:,} tokens pruned to {outcome.tokens_after:,} in {took:.0f} ms{late}"
    return Finding("dry run", "well", said)
