"""Whose key a call is made with."""

from __future__ import annotations

import re
from types import ModuleType

from foveate.proxy.errors import RequestError
from foveate.proxy.http.headers import Headers, value_of

# In places litellm resolves a value with this prefix to the environment variable it names.
KEY = re.compile(r"(?!os\.environ/)[!-~]{1,4096}")

# Where a provider's variable is not <PROVIDER>_API_KEY, and litellm's provider lookup does not return
# its value.
VARIABLES = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "azure": ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_AD_TOKEN"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "cohere_chat": ("COHERE_API_KEY", "CO_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "huggingface": ("HUGGINGFACE_API_KEY", "HF_TOKEN"),
    "watsonx": ("WATSONX_API_KEY", "WATSONX_APIKEY", "WATSONX_TOKEN"),
}
# These sign with the machine's own cloud credentials, which a caller's made-up key would displace.
CLOUDS = frozenset({"bedrock", "sagemaker", "sagemaker_chat", "vertex_ai", "vertex_ai_beta"})
NO_KEY = "fake-api-key"  # what litellm itself fills in for servers that need none


def callers_key(headers: Headers) -> str:
    """Return the key that the caller sent, empty where it cannot be one."""
    scheme, _, given = value_of(headers, b"authorization").decode("latin-1").partition(" ")
    key = given if scheme.lower() == "bearer" else value_of(headers, b"x-api-key").decode("latin-1")
    return key.strip() if KEY.fullmatch(key.strip()) else ""


def own_key(litellm: ModuleType, model: str) -> str:
    """Return the key that litellm finds for the provider of `model` by itself, empty where it finds
    none.
    """
    _, provider, found, _ = litellm.get_llm_provider(model)
    if provider in CLOUDS:
        return NO_KEY
    names = VARIABLES.get(provider, (f"{provider.upper()}_API_KEY",))
    keys = (found if found != NO_KEY else "", *(litellm.get_secret(name) for name in names))
    return next((str(key) for key in keys if key), "")


def no_key(litellm: ModuleType, model: str) -> RequestError:
    """Return the refusal of a request for which there is no key at all; litellm's own has a different
    status each.
    """
    missing = [
        n for n in litellm.validate_environment(model)["missing_keys"] if n.endswith(("_KEY", "_TOKEN"))
    ]
    variables = " or ".join(missing) or "its variable"
    told = f"no key for {model}: send one as `Authorization: Bearer`, or set {variables} where the proxy runs"
    return RequestError(401, told, code="invalid_api_key")
