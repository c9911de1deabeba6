"""The errors of the proxy.

FoveateError
├── ConfigError           a setting is wrong; ends the program with one line
├── FormatError           a body that pruning cannot read; it is forwarded unchanged
├── RequestError          the caller's mistake or the upstream's failure, with an HTTP status
├── UpstreamError         like RequestError, raised by an upstream before it answered
└── VectorIndexError      the index cannot be read or written; the request is forwarded unchanged
"""

from __future__ import annotations

import orjson


class FoveateError(Exception):
    """Anything that the proxy itself reports."""


class ConfigError(FoveateError):
    """A setting that cannot work: names the setting, the value and the remedy."""


class FormatError(FoveateError):
    """A request body that pruning cannot read."""


class VectorIndexError(FoveateError):
    """The index cannot do what it is asked."""


class RequestError(FoveateError):
    """A request that is answered by the proxy itself, in OpenAI's error shape."""

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error", code: str = "") -> None:
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
