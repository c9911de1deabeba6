"""Which API a path belongs to, be there a version, a deployment or a doubled slash ahead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from foveate.proxy.formats import Format, by_ends, ending

_SLASHES = re.compile(r"/{2,}")
_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)/")
# Messages of OpenAI's threads are no conversation with a model: they are kept at the server.
_KEPT_AT_THE_SERVER = re.compile(r"/threads/[^/]+/messages$")
# Where a prompt is sent to a model, by the ends of paths, that is not pruned: the older completions,
# what counts or sums up a prompt of the APIs that are, and other vendors' own.
CALLS = (
    "/completions",
    "/responses/compact",
    "/responses/input_tokens",
    "/messages/count_tokens",
    "/messages/batches",
    "/api/chat",
    "/api/generate",
    "/converse",
    "/converse-stream",
    "/invoke",
    "/invoke-with-response-stream",
    "/interactions",
    ":rawPredict",
    ":streamRawPredict",
    ":generateContent",
    ":streamGenerateContent",
    ":countTokens",
)
COUNTS = ("/responses/input_tokens", "/messages/count_tokens")


class Route(NamedTuple):
    """What a path leads to."""

    format: Format | None = None  # that prunes its requests
    api: Format | None = None  # whose errors a caller there expects; None where that is not known
    model: str = ""  # that the path names
    call: bool = False  # a prompt goes there that is not pruned
    counts: bool = False  # a prompt is counted there


class Router:
    """Finds the API of a path: by how it ends."""

    def __init__(self, formats: Mapping[str, Format]) -> None:
        self._exact = {path: Route(wire, wire) for path, wire in formats.items()}
        self._ends = by_ends(formats)

    def find(self, method: str, path: str) -> Route:
        """Return where a request goes."""
        if method != "POST":
            return Route()
        return self._exact.get(path) or self._found(_SLASHES.sub("/", path))

    def _found(self, path: str) -> Route:
        if _KEPT_AT_THE_SERVER.search(path):
            return Route()
        wire = ending(path, self._ends)
        if wire is not None:
            return Route(wire, wire, deployment(path))
        within = next((wire for end, wire in self._ends.items() if f"{end}/" in path), None)
        return Route(
            None, within, call=path.endswith(CALLS), counts=within is not None and path.endswith(COUNTS)
        )


def deployment(path: str) -> str:
    """Return the model that a path of Azure's names, empty where it names none."""
    named = _DEPLOYMENT.search(path)
    return named[1] if named else ""
