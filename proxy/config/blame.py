"""What is said of a setting that is wrong: where it was set, what it is, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic_core import ErrorDetails

from foveate.proxy.config.addresses import shown_address
from foveate.proxy.config.schema import Settings
from foveate.proxy.config.variables import PREFIX, Variable, is_section, paths
from foveate.proxy.errors import given_in, nearest, remedy_of

Place = tuple[str, ...]
# Options of the command, by the setting that they write over.
OPTIONS: Mapping[Place, str] = {
    ("server", "host"): "--host",
    ("server", "port"): "--port",
    ("upstream", "url"): "--upstream",
    ("upstream", "type"): "--upstream",
    ("data",): "--data",
}

KEYS: Place = ("callers", "named")  # where somebody may have written a key in place of its hash


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings came from: those that win first."""

    line: Mapping[str, Any]
    variables: Sequence[Variable]
    file: str  # its path, or what stands for none

    def blame(self, error: ErrorDetails) -> str:
        """Return one line on a failed validation."""
        place = tuple(str(part) for part in error["loc"])
        where = ".".join(place)
        named = self._named(place)
        if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            said = f"{where} is not a setting{_meant(place)}; remove it or correct its name"
        else:
            said = f"{where}{_value(place, error)}: {remedy_of(error)}"
        return said.replace(where, named, 1) if _stands_for(named, place) else f"{named}: {said}"

    def _named(self, place: Place) -> str:
        """Return what to call the source of what stands at a place."""
        if _has(self.line, place):
            return OPTIONS.get(place, "the command line")
        found = [v.name for v in self.variables if _has(v.values, place)]
        return found[-1] if found else self.file


def _stands_for(named: str, place: Place) -> bool:
    """Say whether a source is the variable of the very setting at a place."""
    return named.upper() == PREFIX + "__".join(place).upper()


def _has(values: Any, place: Place) -> bool:
    """Say whether values say something about a place."""
    for part in place:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return bool(values != {})


def _value(place: Place, error: ErrorDetails) -> str:
    """Return what was found, nothing of a secret."""
    if _kind(place) is SecretStr or place[:2] == KEYS:
        return ""
    return f" is {shown_address(given_in(error))!r}"


def _kind(place: Place) -> Any:
    """Return the type of the setting at a place, None where there is none."""
    kind: Any = Settings
    for part in place:
        if not is_section(kind):
            return None
        field = kind.model_fields.get(part)
        kind = field and field.annotation
    return kind


def _meant(place: Place) -> str:
    """Return which setting somebody may have meant: the same name elsewhere, else one that is alike."""
    name = place[-1]
    elsewhere = [".".join(path) for path in paths(Settings) if path[-1] == name]
    if elsewhere:
        return f"; did you mean {elsewhere[0]}?"
    found = nearest(name, _siblings(place))
    return found.replace("mean ", f"mean {'.'.join([*place[:-1], ''])}", 1)


def _siblings(place: Place) -> list[str]:
    """Return the names that are known beside the last of a place."""
    kind: Any = Settings
    for part in place[:-1]:
        if is_section(kind):
            field = kind.model_fields.get(part)
            kind = field and field.annotation
        else:  # a name of the user's own, in a table of blocks
            kind = next((each for each in get_args(kind) if is_section(each)), None)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
