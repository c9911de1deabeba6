"""Qdrant as the index: its embedded local mode, or a server by address."""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np

from foveate.proxy.errors import ConfigError, VectorIndexError
from foveate.proxy.vectors.indexes import ANY, Entry, EntryKey, Only, Vector
from foveate.proxy.vectors.indexes.filters import known, metadata_of
from foveate.proxy.vectors.indexes.lock import held

EXPIRED_AT_ONCE = 100
AT_ONCE = 500  # entries of one request
PAGE = 10_000
PATIENCE = 10  # seconds that a server has
WORDS = ("tenant", "conversation", "kind", "role")  # of the payload that are looked for
NUMBERS = ("first_seen", "topic")


class Qdrant:
    """One collection per embedder; an entry's point is a hash of its tenant and its segment's id.

    The local mode compares every vector, in Python: for up to some 20,000.
    """

    apart = True

    def __init__(self, collection: str, folder: Path, url: str = "", key: str = "") -> None:
        self._name = f"foveate-{collection}"
        self._folder = folder
        self._url = url
        self._key = key
        self._client: Any = None
        self._faults: tuple[type[Exception], ...] = ()  # what its client raises, once that is loaded
        self._lock: IO[str] | None = None
        self._there = False  # the collection, which is made once a vector's size is known

    def open(self) -> None:
        """Connect; ConfigError names the folder or address that fails, or the extra that is missing."""
        try:
            import qdrant_client  # an extra; the index's own process alone loads it
            from qdrant_client.http.exceptions import ApiException
        except ImportError as error:
            raise ConfigError(
                f"index.type qdrant: {error.name} is not installed: pip install 'foveate[qdrant]'"
            ) from None
        self._models: ModuleType = qdrant_client.models
        self._faults = (ApiException, RuntimeError, ValueError)
        try:
            if self._url:
                self._client = qdrant_client.QdrantClient(
                    url=self._url,
                    api_key=self._key or None,
                    timeout=PATIENCE,
                    check_compatibility=False,
                )
            else:
                self._lock = held(self._folder, os.getppid())
                self._client = qdrant_client.QdrantClient(
                    path=str(self._folder), force_disable_check_same_thread=True
                )
            self._there = self._client.collection_exists(self._name)
        except (*self._faults, OSError) as error:
            where = self._url or self._folder
            raise ConfigError(f"the Qdrant index at {where} cannot be opened: {error}") from None

    def ids(self) -> Iterable[EntryKey] | None:
        """Return the keys of all that is stored; None for a server, which others may write to."""
        if self._url:
            return None
        found: list[EntryKey] = []
        offset = None
        while self._there:
            rows, offset = self._asked(
                "scroll", limit=PAGE, offset=offset, with_payload=["tenant", "segment"]
            )
            found += map(key_of, rows)
            if offset is None:
                break
        return found

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries; the first one of all makes the collection."""
        if entries and not self._there:
            self._make(entries[0].vector.size)
        for start in range(0, len(entries), AT_ONCE):
            points = [
                self._models.PointStruct(
                    id=point_of(tenant, entry.id),
                    vector=entry.vector.tolist(),
                    payload={"segment": entry.id, **metadata_of(tenant, entry)},
                )
                for entry in entries[start : start + AT_ONCE]
            ]
            self._asked("upsert", points=points, wait=True)

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the stored entries among `ids`."""
        wanted = [point_of(tenant, i) for i in ids]
        found: dict[str, Entry] = {}
        for start in range(0, len(wanted) if self._there else 0, AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            for row in self._asked("retrieve", ids=some, with_payload=True, with_vectors=True):
                _, segment = key_of(row)
                vector = np.asarray(row.vector, dtype=np.float32)
                found[segment] = Entry(segment, vector, **known(row.payload))
        return found

    def search(self, tenant: str, vector: Vector, most: int, only: Only = ANY) -> Mapping[str, float]:
        """Return the cosine of the most similar entries; exact where it is asked for `ids`."""
        if not self._there or not most or (only.ids is not None and not only.ids):
            return {}
        exactly = self._models.SearchParams(exact=only.ids is not None)
        found = self._asked(
            "query_points",
            query=vector.tolist(),
            query_filter=filter_of(self._models, tenant, only),
            limit=most,
            with_payload=["tenant", "segment"],
            search_params=exactly if self._url else None,
        )
        return {key_of(row)[1]: float(row.score) for row in found.points}

    def delete(self, keys: Sequence[EntryKey]) -> None:
        """Delete entries."""
        points: list[Any] = [point_of(*key) for key in keys]
        for start in range(0, len(points) if self._there else 0, AT_ONCE):
            some = points[start : start + AT_ONCE]
            self._asked("delete", points_selector=self._models.PointIdsList(points=some), wait=True)

    def expired(self, max_entries: int, oldest: int) -> Sequence[EntryKey]:
        """Return the keys of up to EXPIRED_AT_ONCE that are too old, else first seen first beyond
        `max_entries`.
        """
        if not self._there:
            return []
        rows = self._oldest(EXPIRED_AT_ONCE, filter_of(self._models, "", Only(until=oldest - 1)))
        beyond = 0 if rows else self._asked("count", exact=True).count - max_entries
        if beyond > 0:
            rows = self._oldest(min(beyond, EXPIRED_AT_ONCE), None)
        return [key_of(row) for row in rows]

    def close(self) -> None:
        """Let go of files and connections."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _oldest(self, count: int, which: Any) -> Sequence[Any]:
        rows: Sequence[Any]
        rows, _ = self._asked(
            "scroll",
            scroll_filter=which,
            limit=count,
            order_by="first_seen",
            with_payload=["tenant", "segment"],
        )
        return rows

    def _make(self, size: int) -> None:
        models = self._models
        if not self._asked("collection_exists"):
            self._asked(
                "create_collection",
                vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE),
            )
        for name in WORDS if self._url else ():
            schema = models.KeywordIndexParams(type="keyword", is_tenant=name == "tenant")
            self._asked("create_payload_index", field_name=name, field_schema=schema)
        for name in NUMBERS if self._url else ():
            schema = models.PayloadSchemaType.INTEGER
            self._asked("create_payload_index", field_name=name, field_schema=schema)
        self._there = True

    def _asked(self, method: str, **options: Any) -> Any:
        """Return what the collection says; VectorIndexError where it cannot."""
        try:
            return getattr(self._client, method)(collection_name=self._name, **options)
        except self._faults as error:
            raise VectorIndexError(f"Qdrant: {error}") from None


def point_of(tenant: str, segment: str) -> str:
    """Return the id of a point, which has to be a UUID."""
    return str(uuid.UUID(bytes=blake2b(f"{tenant}:{segment}".encode(), digest_size=16).digest()))


def key_of(row: Any) -> EntryKey:
    """Return the tenant and the segment id of a point."""
    return row.payload["tenant"], row.payload["segment"]


def filter_of(models: ModuleType, tenant: str, only: Only) -> Any:
    """Return a filter in Qdrant's language, whose words its client's `models` has."""
    words = (("tenant", tenant), ("conversation", only.conversation))
    rules: list[Any] = [
        models.FieldCondition(key=name, match=models.MatchValue(value=value))
        for name, value in words
        if value
    ]
    lists = (("kind", only.kinds), ("role", only.roles))
    rules += [
        models.FieldCondition(key=name, match=models.MatchAny(any=list(values)))
        for name, values in lists
        if values
    ]
    if only.topic is not None:
        rules.append(models.FieldCondition(key="topic", match=models.MatchValue(value=only.topic)))
    if only.since is not None or only.until is not None:
        span = models.Range(gte=only.since, lte=only.until)
        rules.append(models.FieldCondition(key="first_seen", range=span))
    if only.ids is not None:
        rules.append(models.HasIdCondition(has_id=[point_of(tenant, i) for i in only.ids]))
    return models.Filter(must=rules) if rules else None
