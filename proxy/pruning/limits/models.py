"""What is known of models by name: a dated copy of litellm's table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from statistics import median_low
from typing import Any, TypeVar

import orjson

T = TypeVar("T")
PARTS = 5  # of a name with slashes that are looked at: provider, host, organisation and model
DECORATIONS = 6  # that are taken off a name one after another
ROUND = 100_000  # tokens: contexts are sold by so many
# What is put behind a model's name: a route or tag, a window, an effort, a version or date, a region, a
# quantisation or file type.
_BEHIND = re.compile(
    r"(?::[\w.+-]+|@[\w.-]+|\[\w+\]|-latest|-preview|-exp(?:erimental)?|-\d{8}|-\d{4}-\d{2}-\d{2}|-v\d+(?::\d+)?"
    r"|-(?:minimal|low|medium|high|xhigh|thinking|reasoning)|-\d{2}-\d{2}(?:-\d{4})?|-\d{2}-\d{4}|-\d{4}"
    r"|-(?:(?:north|south|east|west)?(?:central)?(?:us|eu|europe|asia|uk|japan|canada|india)(?:north|south|east|west)?\d?)"
    r"|-(?:swedencentral|francecentral|australiaeast|global)"
    r"|[-._](?:gguf|mlx|awq|gptq|bnb|exl[23]|fp8|fp16|bf16|int[48]|[48]-?bit|i?q\d(?:_[\dkmsx]+)*))$",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    r"^(?:(?:us|eu|apac|global|jp|au|ca|sa)(?:-gov)?\.(?=[a-z])|chat(?=gpt-)"
    r"|(?:openai|azure|anthropic|google|gemini|meta|mistral|cohere|amazon|bedrock|vertex(?:_ai)?|groq|deepseek|xai|qwen)[.:])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much a model takes, in tokens; `apart` where the answer has a limit of its own beside it."""

    tokens: int
    apart: bool = False


@lru_cache(maxsize=1024)
def model_names(model: str) -> tuple[str, ...]:
    """Return the names that a model may be listed under, lower case, the likeliest first.

    Its own; without provider and fine-tune; then without region, route, effort, version, date and
    quantisation.
    """
    segments = model.strip().lower().split("/", PARTS)[: PARTS + 1]
    plain = ["/".join(segments[i:]) for i in range(len(segments))]
    if plain[-1].startswith("ft:"):
        plain.append(plain[-1].split(":")[1])
    bare = [name for each in plain for name in undecorated(each)]
    return tuple(dict.fromkeys([*plain, *bare]))


def undecorated(name: str) -> list[str]:
    """Return a name less one decoration, less two, and so on."""
    found = [name]
    for _ in range(2):  # a region, and a provider behind it
        found.append(_AHEAD.sub("", found[-1]))
    for bare in dict.fromkeys(found):
        for _ in range(DECORATIONS):
            shorter = _BEHIND.sub("", bare)
            if shorter in (bare, ""):
                break
            found.append(shorter)
            bare = shorter
    return list(dict.fromkeys(found[1:]))


def look_up(model: str, table: Mapping[str, T]) -> T | None:
    """Return what a table, whose names are in lower case, says of a model; None where it does not know
    it.
    """
    return next((table[name] for name in model_names(model) if name in table), None)


@lru_cache(maxsize=1)
def model_table() -> dict[str, Size]:
    """Return how much each model takes, by name; one that only hosts list is under its own name too."""
    table: dict[str, Size] = {}
    hosted: dict[str, list[int]] = {}
    for name, entry in model_entries():
        size = size_in_name(entry)
        if size is None:
            continue
        table[name.lower()] = size
        hosted.setdefault(name.lower().rsplit("/", 1)[-1], []).append(size.tokens)
    return {name: Size(median_low(sizes)) for name, sizes in hosted.items()} | table


def size_in_name(entry: Mapping[str, Any]) -> Size | None:
    """Return what an entry of the table says; None where it says nothing.

    Most models share one context between prompt and answer, and `max_input_tokens` is all of it. Where
    input and output make a round context together and the input alone is none (GPT-5: 272,000 and
    128,000), each has its own limit.
    """
    given, answer = entry.get("max_input_tokens"), entry.get("max_output_tokens")
    tokens = given or entry.get("max_tokens")
    if not isinstance(tokens, (int, float)) or tokens < 1:
        return None
    apart = (
        given == tokens
        and isinstance(answer, int)
        and tokens % ROUND != 0
        and (tokens + answer) % ROUND == 0
    )
    return Size(int(tokens), apart)


def model_entries() -> Iterable[tuple[str, dict[str, Any]]]:
    """Return name and entry of each model in the copy of litellm's table."""
    table = files("foveate.proxy.pruning.limits").joinpath("data", "models.json")
    models: dict[str, dict[str, Any]] = orjson.loads(table.read_bytes())["models"]
    return models.items()
