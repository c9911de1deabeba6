"""The errors of the proxy.

FoveateError
├── ConfigError           a setting is wrong; ends the program with one line
├── FormatError           a body that pruning cannot read; it is forwarded unchanged
├── RequestError          the caller's mistake, with an HTTP status
│   └── UpstreamError     the upstream could not be asked, or did not answer
├── StateStoreError       decisions cannot be looked up or kept; the request is decided afresh
└── VectorIndexError      the index cannot be read or written; histories are pruned by their words
"""

from __future__ import annotations

import orjson
from pydantic_core import ErrorDetails


class FoveateError(Exception):
    """Anything that the proxy itself reports."""


class ConfigError(FoveateError):
    """A setting that cannot work: names the setting, the value and the remedy."""


class FormatError(FoveateError):
    """A request body that pruning cannot read."""


class StateStoreError(FoveateError):
    """The store of decisions cannot be asked."""


class VectorIndexError(FoveateError):
    """The index cannot do what it is asked."""


class RequestError(FoveateError):
    """A request that is answered by the proxy itself, in OpenAI's error shape."""

    def __init__(
        self, status: int, message: str, kind: str = "invalid_request_error", code: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code

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
    remedy = error["msg"][0].lower() + error["msg"][1:]
    return f"{source}: {where} is {error['input']!r}: {remedy}"
