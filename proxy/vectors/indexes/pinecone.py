"""Pinecone as the index: a namespace for each tenant, so that no search can reach another's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import nsmallest
from operator import itemgetter
from typing import Any

import numpy as np

from foveate.proxy.errors import ConfigError, VectorIndexError
from foveate.proxy.vectors.indexes import ANY, Entry, EntryKey, Only, Vector
from foveate.proxy.vectors.indexes.filters import allowed, known, metadata_of

# Pinecone, "Database limits": 2 MB a write, an address of some kilobytes, 10,000 ids a filter or results
WRITTEN_AT_ONCE = 200
READ_AT_ONCE = 100
MOST = 10_000
EXPIRED_AT_ONCE = 100
PATIENCE = 10.0  # seconds that it has


class Pinecone:
    """An index that exists there, of the embedder's dimensions and the metric cosine, by its host.

    What was written is found some seconds later.
    """

    def __init__(self, collection: str, url: str, key: str = "") -> None:
        self._prefix = f"{collection}."
        self._url = url
        self._key = key
        self._index: Any = None
        self._fault: type[Exception] = VectorIndexError  # what its client raises, once that is loaded
        self._dimensions = 0

    def open(self) -> None:
        """Connect; ConfigError names what is missing, or an address that fails."""
        try:
            import pinecone  # an extra
        except ImportError as error:
            raise ConfigError(
                f"index.type pinecone: {error.name} is not installed: pip install 'foveate[pinecone]'"
            ) from None
        self._fault = pinecone.PineconeError
        if not self._url or not self._key:
            missing = "index.key" if self._url else "index.url"
            raise ConfigError(
                f"index.type pinecone: {missing} is empty; set index.url to the index's host and index.key to a key"
            )
        try:
            self._index = pinecone.Pinecone(api_key=self._key, timeout=PATIENCE).Index(host=self._url)
            self._dimensions = int(self._index.describe_index_stats().dimension or 0)
        except (self._fault, ValueError) as error:
            raise ConfigError(f"the Pinecone index at {self._url} cannot be opened: {error}") from None

    def ids(self) -> Iterable[EntryKey] | None:
        """Return None: others may write to it."""
        return None

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries."""
        for start in range(0, len(entries), WRITTEN_AT_ONCE):
            vectors = [
                {
                    "id": entry.id,
                    "values": entry.vector.tolist(),
                    "metadata": {"segment": entry.id, **metadata_of(tenant, entry)},
                }
                for entry in entries[start : start + WRITTEN_AT_ONCE]
            ]
            self._asked("upsert", vectors=vectors, namespace=self._prefix + tenant)

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the stored entries among `ids`."""
        wanted = list(ids)
        found: dict[str, Entry] = {}
        for start in range(0, len(wanted), READ_AT_ONCE):
            some = wanted[start : start + READ_AT_ONCE]
            rows = self._asked("fetch", ids=some, namespace=self._prefix + tenant).vectors
            for segment, row in rows.items():
                vector = np.asarray(row.values, dtype=np.float32)
                found[segment] = Entry(segment, vector, **numbers(known(row.metadata or {})))
        return found

    def search(self, tenant: str, vector: Vector, most: int, only: Only = ANY) -> Mapping[str, float]:
        """Return the cosine of the most similar entries."""
        if only.ids is None:
            return self._nearest(tenant, vector, most, allowed("", only))
        wanted = list(only.ids)
        found: dict[str, float] = {}
        for start in range(0, len(wanted), MOST):
            some = {"segment": {"$in": wanted[start : start + MOST]}}
            rest = allowed("", only)
            found |= self._nearest(tenant, vector, most, {"$and": [some, rest]} if rest else some)
        return dict(sorted(found.items(), key=itemgetter(1), reverse=True)[:most])

    def delete(self, keys: Sequence[EntryKey]) -> None:
        """Delete entries."""
        by: dict[str, list[str]] = {}
        for tenant, segment in keys:
            by.setdefault(tenant, []).append(segment)
        for tenant, ids in by.items():
            for start in range(0, len(ids), WRITTEN_AT_ONCE):
                some = ids[start : start + WRITTEN_AT_ONCE]
                self._asked("delete", ids=some, namespace=self._prefix + tenant)

    def expired(self, max_entries: int, oldest: int) -> Sequence[EntryKey]:
        """Return the keys of up to EXPIRED_AT_ONCE that are too old, else the oldest of the largest
        namespace beyond `max_entries`, as far as a query can tell.
        """
        sizes = {
            name: int(told.vector_count or 0)
            for name, told in self._asked("describe_index_stats").namespaces.items()
            if name.startswith(self._prefix)
        }
        for name in sizes:
            old = self._first_seen(name, {"first_seen": {"$lt": oldest}}, EXPIRED_AT_ONCE)
            if old:
                return old
        beyond = sum(sizes.values()) - max_entries
        if beyond <= 0:
            return []
        return self._first_seen(max(sizes, key=sizes.__getitem__), None, min(beyond, EXPIRED_AT_ONCE))

    def close(self) -> None:
        """Close the connections."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def _nearest(
        self, tenant: str, vector: Vector, most: int, where: Mapping[str, Any] | None
    ) -> dict[str, float]:
        if not most or (where is not None and where.get("segment") == {"$in": []}):
            return {}
        rows = self._asked(
            "query",
            vector=vector.tolist(),
            top_k=min(most, MOST),
            namespace=self._prefix + tenant,
            filter=where,
            include_values=False,
        ).matches
        return {row.id: float(row.score) for row in rows}

    def _first_seen(self, namespace: str, where: Mapping[str, Any] | None, most: int) -> list[EntryKey]:
        anywhere = [1.0] + [0.0] * (self._dimensions - 1)
        rows = self._asked(
            "query",
            vector=anywhere,
            top_k=1000,  # the most that come with their metadata
            namespace=namespace,
            filter=where,
            include_metadata=True,
        ).matches
        seen = [(float((row.metadata or {}).get("first_seen", 0)), row.id) for row in rows]
        return [(namespace.removeprefix(self._prefix), i) for _, i in nsmallest(most, seen)]

    def _asked(self, method: str, **options: Any) -> Any:
        """Return what the index says; VectorIndexError where it cannot."""
        try:
            return getattr(self._index, method)(**options)
        except self._fault as error:
            raise VectorIndexError(f"Pinecone: {error}") from None


def numbers(about: dict[str, Any]) -> dict[str, Any]:
    """Return metadata with whole numbers, which it keeps as floating ones."""
    return {name: int(v) if isinstance(v, float) else v for name, v in about.items()}
