"""litellm: the three APIs from every provider that litellm speaks to, each in its own shape.

Keys: the configured one; else those that litellm finds in the provider's usual environment variables;
else the caller's own. A variable outranks the caller because the caller's SDK must send some key,
mostly a made-up one, which nothing tells from a real one. With a key configured or in a variable,
whoever reaches the proxy spends it.

The body is not trusted: each API's parameters alone reach litellm, whose other arguments choose hosts,
files, keys and callbacks. What else a body holds is ignored, and so is a parameter that the provider
does not know, since clients built for one vendor send them to any model.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from foveate.proxy import formats
from foveate.proxy.errors import ConfigError, RequestError, UpstreamError
from foveate.proxy.formats import Format
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse
from foveate.proxy.upstreams.litellm.answers import complete, streamed, whole
from foveate.proxy.upstreams.litellm.endpoints import ENDPOINTS, Endpoint, arguments
from foveate.proxy.upstreams.litellm.faults import ASKS_FOR_KEY, refusal_of, retry_after, unwrapped
from foveate.proxy.upstreams.litellm.keys import callers_key, no_key, own_key

MODELS = "/v1/models"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that litellm is to answer."""

    wire: Format
    endpoint: Endpoint
    body: dict[str, Any]
    key: str  # the caller's; empty for none


class LiteLLM:
    """An upstream that is litellm, imported when it is first needed."""

    def __init__(
        self,
        api_key: str = "",
        read_timeout: float = 600,
        api_base: str = "",
        defaults: Mapping[str, object] | None = None,
    ) -> None:
        """Take the address of every call (`api_base`, else the provider's own) and arguments of
        litellm's to add; ConfigError where it is not installed.
        """
        if find_spec("litellm") is None:
            raise ConfigError(
                "upstream.type litellm needs litellm, which is not installed: pip install litellm"
            )
        self._api_key = api_key
        self._litellm: ModuleType | None = None
        # A failed call goes back to the caller, whose SDK tries again itself.
        self._fixed: dict[str, object] = {
            "timeout": read_timeout,
            "max_retries": 0,
            "drop_params": True,
            "_skip_mcp_handler": True,
        }
        if api_base:
            self._fixed["api_base"] = api_base
        self._fixed.update(defaults or {})
        found = formats.load_formats().items()
        self._served = formats.by_ends({path: wire for path, wire in found if wire.name in ENDPOINTS})

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return litellm's answer, or its refusal as the provider gave it; UpstreamError where none
        answered.
        """
        path = request.path.partition("?")[0]
        if request.method == "GET" and path == MODELS:
            return complete({"object": "list", "data": []})
        wire = formats.ending(path, self._served)
        if request.method != "POST" or wire is None:
            return whole(404, self._unserved(f"{request.method} {path}").body(), [])
        endpoint = ENDPOINTS[wire.name]
        try:
            body = arguments(endpoint, await request.content())
        except RequestError as error:
            return whole(error.status, wire.error(error), [])
        return await self._complete(Asked(wire, endpoint, body, callers_key(request.headers)))

    async def aclose(self) -> None:
        """Close the connections that litellm keeps."""
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()
            # It would hand out the closed clients again.
            self._litellm.in_memory_llm_clients_cache.flush_cache()

    def _unserved(self, route: str) -> RequestError:
        served = ", ".join(f"POST /v1{end}" for end in self._served)
        return RequestError(404, f"{route} is not served by the litellm upstream; it serves {served}")

    async def _complete(self, asked: Asked) -> UpstreamResponse:
        if self._litellm is None:
            self._litellm = await asyncio.to_thread(load_litellm)
        litellm, key, body = self._litellm, self._api_key, asked.body
        # Every exception of litellm's derives from the openai client's.
        errors: type[Exception] = litellm.exceptions.openai.OpenAIError
        try:
            own = "" if key else own_key(litellm, body["model"])
            key = key or own or asked.key
            check_kept(litellm, body)
            # litellm finds its own again, and knows how each kind is sent.
            given = {"api_key": key} if key and not own else {}
            found = await asked.endpoint.function(litellm)(**body, **self._fixed, **given)
            if not body["stream"]:
                return complete(found)

            def failed(error: Exception) -> bytes:
                return asked.wire.error(refusal_of(unwrapped(error), key))

            return await streamed(asked.endpoint, found, errors, failed)
        except RequestError as refused:
            return whole(refused.status, asked.wire.error(refused), [])
        except errors as raised:
            error = unwrapped(raised)
            told = refusal_of(error, key)
            if isinstance(told, UpstreamError):
                raise told from None
            if not key and ASKS_FOR_KEY.search(str(told)):
                told = no_key(litellm, body["model"])
            return whole(told.status, asked.wire.error(told), retry_after(error))


def check_kept(litellm: ModuleType, body: Mapping[str, Any]) -> None:
    """RequestError where a request goes on from an answer that its provider does not keep."""
    if body.get("previous_response_id") is None:
        return
    # Not an attribute of the module: litellm.responses is a function
    from litellm.responses.main import provider_stores_the_conversation

    model = body["model"]
    _, provider, _, _ = litellm.get_llm_provider(model)
    if not provider_stores_the_conversation(model, provider, {}):
        told = f"previous_response_id: {provider} keeps no answers; send the history as input"
        raise RequestError(400, told)


def load_litellm() -> ModuleType:
    """Import litellm, quiet and without the network. Takes seconds: call it from a thread."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    # Otherwise it reads a .env file of the working folder into this process's environment.
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    # What fails comes back as an exception; log lines quote requests, and addresses that hold keys.
    for name in ("LiteLLM", "litellm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("httpcore", "httpx", "openai"):
        logging.getLogger(name).setLevel(logging.WARNING)
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.disable_hf_tokenizer_download = True
    module: ModuleType = litellm
    return module
