"""A first settings file for a chosen upstream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from foveate.proxy.config.addresses import checked
from foveate.proxy.errors import ConfigError, nearest


class Kind(NamedTuple):
    """An upstream that people have."""

    lines: str  # of its block in the file
    client: str  # what its clients are told
    hint: str = ""  # what else is worth a line


def _at(url: str) -> str:
    return f"  url: {url}"


OPENAI_CLIENT = "export OPENAI_BASE_URL=http://127.0.0.1:{port}/v1"
KINDS: Mapping[str, Kind] = {
    "openai": Kind(
        _at("https://api.openai.com/v1   # and Anthropic's clients go to https://api.anthropic.com"),
        OPENAI_CLIENT,
    ),
    "anthropic": Kind(
        _at("https://api.anthropic.com/v1"), "export ANTHROPIC_BASE_URL=http://127.0.0.1:{port}"
    ),
    "openrouter": Kind(_at("https://openrouter.ai/api/v1"), OPENAI_CLIENT),
    "ollama": Kind(
        _at("http://127.0.0.1:11434/v1"),
        OPENAI_CLIENT,
        "Ollama cuts off what is longer than it was started with, without a word: say here what that is.",
    ),
    "vllm": Kind(_at("http://127.0.0.1:8000/v1"), OPENAI_CLIENT),
    "llama.cpp": Kind(_at("http://127.0.0.1:8080/v1"), OPENAI_CLIENT),
    "lmstudio": Kind(_at("http://127.0.0.1:1234/v1"), OPENAI_CLIENT),
    "litellm": Kind(
        "  type: litellm        # any provider that litellm knows; its keys come from their own variables",
        OPENAI_CLIENT,
    ),
    "echo": Kind(
        "  type: echo           # a built-in one that says what it received: no key, no cost",
        OPENAI_CLIENT,
    ),
}
TEMPLATE = """\
# foveate's settings. What is not named here has its default: `foveate check config.yaml` prints all that is in force,
# docs/configuration.md says what it means, and `foveate schema` gives editors the names.

mode: "on"               # shadow: decide and report, forward unchanged; off: relay everything

server:
  port: {port}

upstream:
{upstream}

# A model's window in tokens, where neither the upstream nor litellm's table knows it: {{my-model: 32768}}
{hint}window:
  models: {{}}

# Over `high` a prompt is cut down to `low`: shares of the window, or tokens such as 32000 and 16000.
budget:
  high: 0.9
  low: 0.6

# balanced for talk and tools; agent for tool work; classic, recency; or one of your own under `policies`.
policy: balanced

recent:
  keep_text: false       # true: keep requests too, so that the page at /-/ shows and explains them
"""


def first_settings(upstream: str, port: int) -> tuple[str, str]:
    """Return a settings file for an upstream, a kind's name or an address, and what to tell its clients.

    ConfigError for what is neither.
    """
    kind = KINDS.get(upstream.lower()) or _addressed(upstream)
    hint = f"# {kind.hint}\n" if kind.hint else ""
    text = TEMPLATE.format(port=port, upstream=kind.lines, hint=hint)
    return text, kind.client.format(port=port)


def _addressed(upstream: str) -> Kind:
    """Return the kind of an upstream that is named by its address."""
    if "://" not in upstream:
        raise ConfigError(
            f"--upstream {upstream!r} is neither an address nor one of {', '.join(KINDS)}{nearest(upstream, KINDS)}"
        )
    try:
        return Kind(_at(json.dumps(checked(upstream))), OPENAI_CLIENT)
    except ValueError as error:
        raise ConfigError(f"--upstream {upstream}: {error}") from None
