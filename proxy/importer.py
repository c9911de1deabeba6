"""Classes by name: of our own registries, or `module:Class` as a user writes it in config.yaml."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from foveate.policies.registry import load
from foveate.proxy.errors import ConfigError


def import_class(setting: str, registry: Mapping[str, str], name: str) -> type[Any]:
    """Return the class that `name` stands for in `registry`, or that it names itself as `module:Class`.

    ConfigError, which begins with the `setting`, where there is none.
    """
    target = registry.get(name, name)
    if ":" not in target:
        known = ", ".join(registry)
        raise ConfigError(
            f'{setting} "{name}" is not one of {known}; write module:Class for a class of your own'
        )
    try:
        found = load(target)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f'{setting} "{name}" cannot be imported: {error}') from None
    return found


def constructor(
    setting: str, found: Callable[..., Any], given: Mapping[str, Any], options: Mapping[str, Any]
) -> Callable[[], Any]:
    """Return what builds the class with those keywords of `given` that it takes, and with all
    `options`.

    ConfigError, which begins with the `setting`, where it takes no such options or needs more. It can
    be pickled where the keywords can.
    """
    takes = inspect.signature(found).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
    keywords = {name: value for name, value in given.items() if anything or name in takes} | dict(
        options
    )
    try:
        inspect.signature(found).bind(**keywords)
    except TypeError as error:
        raise ConfigError(
            f"{setting}: {found} cannot be built from {', '.join(keywords)}: {error}"
        ) from None
    return partial(found, **keywords)
