"""What providers refuse: the rules on how a history has to be built, each in its provider's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from foveate.proxy.upstreams.strict.chat import chat_faults
from foveate.proxy.upstreams.strict.messages import message_faults
from foveate.proxy.upstreams.strict.responses import response_faults

# By the name of the wire format: yields what is wrong with a request's body, the gravest first.
FAULTS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "chat": chat_faults,
    "messages": message_faults,
    "responses": response_faults,
}
