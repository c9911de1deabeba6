"""Classes by name: of our own registries, or `module:Class` as a user writes it in config.yaml."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from foveate.policies.registry import load
from foveate.proxy.errors import ConfigError


def import_class(setting: str, registry: Mapping[str, str], name: str) -> Any:
    """Return the class that `name` stands for in `registry`, or that it names itself as `module:Class`.

    ConfigError, which begins with the `setting`, where there is none.
    """
    target = registry.get(name, name)
    if ":" not in target:
        known = ", ".join(registry)
        raise ConfigError(f'{setting} "{name}" is not one of {known}; write module:Class for a class of your own')
    try:
        return load(target)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f'{setting} "{name}" cannot be imported: {error}') from None


def constructor(setting: str, found: Any, **parameters: Any) -> Callable[[], Any]:
    """Return what builds the class with those keywords; ConfigError where it does not take them.

    It can be pickled where the parameters can.
    """
    try:
        inspect.signature(found).bind(**parameters)
    except TypeError as error:
        given = ", ".join(parameters)
        raise ConfigError(f"{setting}: {found.__name__} cannot be built from {given}: {error}") from None
    return partial(found, **parameters)
