"""The errors of the proxy.

FoveateError
├── ConfigError           a setting is wrong; ends the program with one line
├── FormatError           a body that pruning cannot read; it is forwarded unchanged
├── RequestError          the caller's mistake, with an HTTP status
│   └── UpstreamError     the upstream could not be asked, or did not answer
├── ArchiveError          memory cannot be read or kept; requests go on without it
├── StateStoreError       decisions cannot be looked up or kept; the request is decided afresh
└── VectorIndexError      the index cannot be read or written; histories are pruned by their words
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import orjson
from pydantic_core import ErrorDetails


class FoveateError(Exception):
    """Anything that the proxy itself reports."""


class ConfigError(FoveateError):
    """A setting that cannot work: names the setting, the value and the remedy."""


class FormatError(FoveateError):
    """A request body that pruning cannot read."""


class ArchiveError(FoveateError):
    """Memory cannot do what it is asked."""


class StateStoreError(FoveateError):
    """The store of decisions cannot be asked."""


class VectorIndexError(FoveateError):
    """The index cannot do what it is asked."""


class RequestError(FoveateError):
    """A request that is answered by the proxy itself, in OpenAI's error shape."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        code: str = "",
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.headers = headers  # to send along, such as when to come again

    def body(self) -> bytes:
        """Return the JSON body, shaped as in OpenAI's API reference under "Error codes"."""
        error = {"message": str(self), "type": self.kind, "param": None, "code": self.code or None}
        return orjson.dumps({"error": error})


class UpstreamError(RequestError):
    """The upstream could not be asked, or did not answer."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(status, message, "upstream_error", code)


def explain_error(error: ErrorDetails, source: str) -> str:
    """Return one line on a failed validation: where, what was found, what to do."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{source}: {where} is not a setting; remove it or correct its name"
    return f"{source}: {where} is {given_in(error)!r}: {remedy_of(error)}"


def given_in(error: ErrorDetails) -> object:
    """Return the value that failed."""
    return error["input"]


def remedy_of(error: ErrorDetails) -> str:
    """Return what a failed validation asks for."""
    told = error["msg"].removeprefix("Value error, ")
    return told[0].lower() + told[1:]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" with the known word that is most like one, nothing where none is."""
    found = get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {found[0]}?" if found else ""
