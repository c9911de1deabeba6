"""One caller: what it is called, and what it may use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import msgspec

from foveate.proxy.errors import RequestError
from foveate.proxy.formats.wire.reading import read_object
from foveate.proxy.http.overrides import Overrides


@dataclass(frozen=True, slots=True)
class Caller:
    """What a caller may use; nothing named is no limit. `name` is empty for whoever has none."""

    name: str = ""
    models: tuple[str, ...] = ()  # names, or patterns such as gpt-5*
    policies: tuple[
        str, ...
    ] = ()  # the first decides where neither the caller nor the settings name one of them
    requests_a_minute: int = 0
    tokens_a_day: int = 0

    def require_model(self, content: bytes, named: str = "") -> None:
        """Raise RequestError 403 unless this caller may ask the model that a body names.

        A model that the path names as well, as Azure's deployments do, has to be allowed too.
        """
        if not self.models:
            return
        asked = [named] if named else []
        model = model_of(content)
        if model is not None or not named:
            asked.append(model or "")
        for each in asked:
            if not any(fnmatchcase(each, pattern) for pattern in self.models):
                told = f"model {each[:100]!r}" if each else "a request whose body names no model"
                raise RequestError(
                    403,
                    f"caller {self.name} may not send {told}; allowed: {', '.join(self.models)}",
                    code="model_not_allowed",
                )

    def within(self, asked: Overrides, default: str) -> Overrides:
        """Return what a request asks for, under a policy that this caller may use; RequestError 403 where
        it names another.
        """
        if not self.policies or asked.policy in self.policies:
            return asked
        if asked.policy is not None:
            raise RequestError(
                403,
                f"caller {self.name} may not use policy {asked.policy}; allowed: {', '.join(self.policies)}",
                code="policy_not_allowed",
            )
        return asked if default in self.policies else replace(asked, policy=self.policies[0])


ANYBODY = Caller()


class _Named(msgspec.Struct):
    model: str | None = None


_decoder = msgspec.json.Decoder(_Named)


def model_of(content: bytes) -> str | None:
    """Return the model that a body names, None where it names none."""
    try:
        return read_object(content, _decoder)[0].model
    except (msgspec.MsgspecError, RecursionError):
        return None
