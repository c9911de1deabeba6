"""Settings from FOVEATE_ variables, each apart, so that a wrong one is blamed by its own name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_settings import EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError, nearest

PREFIX = "FOVEATE_"
# What Kubernetes sets in each container beside a Service that is called foveate, or foveate-redis.
_OF_A_SERVICE = re.compile(
    r"FOVEATE_(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)


class Variable(NamedTuple):
    """A variable, and the settings that it makes."""

    name: str
    values: dict[str, Any]


def variables_of(environment: Mapping[str, str]) -> list[Variable]:
    """Return the variables of ours, those that say the least about a place first.

    ConfigError for one that names no setting, with the nearest that does, and for one that should be
    JSON and is not.
    """
    given = {name: value for name, value in environment.items() if name.upper().startswith(PREFIX)}
    ours = [name for name, value in given.items() if not is_of_a_service(name, value)]
    for name in ours:
        if not leads_somewhere(name):
            raise ConfigError(f"{name} is not a setting{meant_by(name)}")
    return [_read(name, given[name]) for name in sorted(ours, key=lambda name: name.count("__"))]


def is_of_a_service(name: str, value: str) -> bool:
    """Say whether Kubernetes has set a variable: it looks like a Service's and names no setting."""
    if leads_somewhere(name) or not _OF_A_SERVICE.fullmatch(name):
        return False
    return "SERVICE_" in name or not name.endswith("_PORT") or "://" in value


def leads_somewhere(name: str) -> bool:
    """Say whether a variable names a setting, or a place in one that takes any names."""
    model: Any = Settings
    for part in name.lower().removeprefix(PREFIX.lower()).split("__"):
        if not is_section(model) or part not in model.model_fields:
            return False
        model = model.model_fields[part].annotation
        if str(model).startswith("dict"):
            return True
    return True


def meant_by(name: str) -> str:
    """Return which variable somebody may have meant: one that ends so, else one that is alike."""
    given = name.upper().removeprefix(PREFIX)
    known = {"__".join(path).upper(): path for path in paths(Settings)}
    ends = [each for each, path in known.items() if path[-1].upper() == given]
    found = nearest(given, ends or known)
    return found.replace("mean ", f"mean {PREFIX}", 1) or (
        f"; did you mean {PREFIX}{ends[0]}?" if ends else ""
    )


def paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield where each setting and each block stands."""
    for name, field in model.model_fields.items():
        yield (*above, name)
        inner: Any = field.annotation
        if is_section(inner):
            yield from paths(inner, (*above, name))


def is_section(kind: Any) -> bool:
    """Say whether a setting is a block of others."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _read(name: str, value: str) -> Variable:
    """Return what one variable says."""
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value}
    try:
        return Variable(name, source())
    except SettingsError:
        raise ConfigError(
            f"{name} is not JSON; its setting takes JSON such as "
            '{"name": "value"} or ["value"], or a variable for each of its parts'
        ) from None
