"""Builds the index that is set, in the process that it works in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foveate.proxy.importer import constructor, import_class
from foveate.proxy.vectors.indexes import INDEXES, VectorIndex
from foveate.proxy.vectors.indexes.apart import POSSIBLE, Apart
from foveate.proxy.vectors.indexes.owner import Joint


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """Where an index may keep what it holds."""

    folder: Path  # for files
    url: str = ""  # of a server
    key: str = ""  # that the server asks for


def build_index(
    kind: str, collection: str, place: IndexPlace, options: Mapping[str, Any], address: str = ""
) -> VectorIndex:
    """Return the index that the setting index.type names, not opened; ConfigError where there is none.

    `collection` names the vectors of one embedder. At `address`, where there is one, a process has the
    index for several workers.
    """
    given = {"collection": collection, **asdict(place)}
    found = import_class("index.type", INDEXES, kind)
    make = constructor("index", found, given, options)
    if POSSIBLE and getattr(found, "apart", False):
        return Joint(make, address) if address else Apart(make)
    made: VectorIndex = make()
    return made
