"""Chroma as the index: embedded and persistent by default, a `chroma run` server by address."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import nlargest
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import IO, Any, NoReturn
from urllib.parse import urlsplit

import numpy as np

from foveate.proxy.errors import ConfigError, VectorIndexError
from foveate.proxy.vectors.indexes import ANY, Entry, EntryKey, Only, Vector
from foveate.proxy.vectors.indexes.aside import set_aside
from foveate.proxy.vectors.indexes.filters import allowed, known, metadata_of
from foveate.proxy.vectors.indexes.lock import held

EXPIRED_AT_ONCE = 100
FILE = "chroma.sqlite3"
# What a database says of a file that it cannot read (SQLite, "Result and Error Codes": CORRUPT, NOTADB), and
# Chroma of tables in it
BROKEN = ("disk image is malformed", "file is not a database", "Failed to get segments")
PAGE = 20_000  # ids read at once
# Of its HNSW graph: how many entries a search looks at before it answers. At Chroma's own 100 it finds two
# thirds of the 200 nearest of 30,000
LOOKED_AT = 400


class Chroma:
    """One collection per embedder, cosine space; an entry's id is its tenant and its segment's id."""

    apart = True  # its work would hold up requests, and its file takes memory as it finds it

    def __init__(self, collection: str, folder: Path, url: str = "") -> None:
        self._name = f"foveate-{collection}"
        self._folder = folder
        self._url = url
        self._collection: Any = None
        self._faults: tuple[type[Exception], ...] = ()  # what its client raises, once that is loaded
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Open the collection, created where it is new; ConfigError names the folder or address that
        fails. What is in the folder and cannot be read is set aside.
        """
        try:
            import chromadb  # a second and 100 MB: the index's own process alone loads it
            import httpx  # chromadb's own client lets its errors through
        except ImportError as error:
            raise ConfigError(
                f"index.type chroma needs {error.name}, which is not installed: pip install chromadb, or set "
                "index.type in_memory"
            ) from None
        refused: type[Exception] = chromadb.errors.ChromaError
        self._faults = (refused, ValueError, httpx.HTTPError)
        where = self._url or self._folder
        try:
            if not self._url:
                self._lock = held(self._folder, os.getppid())
            try:
                self._connect(chromadb)
            except refused as error:
                if self._url or not set_aside(self._folder, error):
                    raise
                self._connect(chromadb)
        except (refused, ValueError, OSError) as error:
            self.close()
            raise ConfigError(f"the Chroma index at {where} cannot be opened: {error}") from None

    def _connect(self, chromadb: ModuleType) -> None:
        settings = chromadb.config.Settings(anonymized_telemetry=False)
        if self._url:
            parts = urlsplit(self._url)
            client: Any = chromadb.HttpClient(
                host=parts.hostname or "127.0.0.1",
                port=parts.port or 8000,
                ssl=parts.scheme == "https",
                settings=settings,
            )
        else:
            if not (self._folder / FILE).is_file():  # what it holds open of an earlier one is gone
                chromadb.api.shared_system_client.SharedSystemClient.clear_system_cache()
            client = chromadb.PersistentClient(str(self._folder), settings=settings)
        self._collection = client.get_or_create_collection(
            self._name,
            configuration={"hnsw": {"space": "cosine", "ef_search": LOOKED_AT}},
            embedding_function=None,
        )
        self._max_batch = int(client.get_max_batch_size())
        self._collection.get(limit=1, include=["embeddings", "metadatas"])

    def ids(self) -> Iterable[EntryKey] | None:
        """Return the keys of all that is stored; None for a server, which others may write to."""
        if self._url:
            return None
        pages = range(0, self._asked("count"), PAGE)
        keys = (
            key
            for start in pages
            for key in self._asked("get", limit=PAGE, offset=start, include=[])["ids"]
        )
        return map(parted, keys)

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries in batches of what Chroma takes at once."""
        for start in range(0, len(entries), self._max_batch):
            batch = entries[start : start + self._max_batch]
            self._asked(
                "upsert",
                ids=[f"{tenant}:{entry.id}" for entry in batch],
                embeddings=np.stack([entry.vector for entry in batch]),
                metadatas=[metadata_of(tenant, entry) for entry in batch],
            )

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the stored entries among `ids`."""
        found: dict[str, Entry] = {}
        wanted = [f"{tenant}:{i}" for i in ids]
        for start in range(0, len(wanted), self._max_batch):
            batch = wanted[start : start + self._max_batch]
            rows = self._asked("get", ids=batch, include=["embeddings", "metadatas"])
            vectors = np.asarray(rows["embeddings"], dtype=np.float32)
            for key, vector, about in zip(rows["ids"], vectors, rows["metadatas"], strict=True):
                segment = key.removeprefix(f"{tenant}:")
                found[segment] = Entry(segment, vector, **known(about))
        return found

    def search(self, tenant: str, vector: Vector, most: int, only: Only = ANY) -> Mapping[str, float]:
        """Return the cosine of the most similar entries; exact where all of `ids` are asked for."""
        if only.ids is None:
            return self._nearest(tenant, vector, most, {"where": allowed(tenant, only)})
        where = allowed("", only)
        wanted = [f"{tenant}:{i}" for i in only.ids]
        found: dict[str, float] = {}
        for start in range(0, len(wanted), self._max_batch):
            some = wanted[start : start + self._max_batch]
            try:
                found |= self._nearest(tenant, vector, most, {"where": where, "ids": some})
            except VectorIndexError:  # an id that is not there is a fault to it
                there = self._asked("get", ids=some, include=[])["ids"]
                found |= self._nearest(tenant, vector, most, {"where": where, "ids": there})
        return dict(nlargest(most, found.items(), key=itemgetter(1)))

    def _nearest(
        self, tenant: str, vector: Vector, most: int, which: dict[str, Any]
    ) -> dict[str, float]:
        if "ids" in which:
            most = min(most, len(which["ids"]))
        if not most:
            return {}
        rows = self._asked(
            "query", query_embeddings=[vector], n_results=most, include=["distances"], **which
        )
        keys = [key.removeprefix(f"{tenant}:") for key in rows["ids"][0]]
        return {key: 1 - far for key, far in zip(keys, rows["distances"][0], strict=True)}

    def delete(self, keys: Sequence[EntryKey]) -> None:
        """Delete entries in batches of what Chroma takes at once."""
        for start in range(0, len(keys), self._max_batch):
            batch = keys[start : start + self._max_batch]
            self._asked("delete", ids=[f"{tenant}:{segment}" for tenant, segment in batch])

    def expired(self, max_entries: int, oldest: int) -> Sequence[EntryKey]:
        """Return the keys of up to EXPIRED_AT_ONCE that are too old, else stored first beyond
        `max_entries`.
        """
        old = self._asked(
            "get", where={"first_seen": {"$lt": oldest}}, limit=EXPIRED_AT_ONCE, include=[]
        )["ids"]
        beyond = 0 if old else self._asked("count") - max_entries
        if beyond > 0:
            old = self._asked("get", limit=min(beyond, EXPIRED_AT_ONCE), include=[])["ids"]
        return [parted(key) for key in old]

    def _asked(self, method: str, **options: Any) -> Any:
        """Return what the collection says; VectorIndexError where it cannot.

        What has gone, or can no longer be read, is begun anew.
        """
        # An open database answers from its handle and would lose every write unseen
        if not self._url and not (self._folder / FILE).is_file():
            self._begin_anew("it is gone")
        try:
            return getattr(self._collection, method)(**options)
        except self._faults as error:
            if not self._url and any(word in str(error) for word in BROKEN):
                self._begin_anew(error)
            raise VectorIndexError(f"Chroma: {error}") from None

    def _begin_anew(self, why: object) -> NoReturn:
        """Set aside what is left, open an empty index in its place, and raise VectorIndexError."""
        self.close()
        set_aside(self._folder, why)
        self.open()
        raise VectorIndexError(f"the index in {self._folder} is begun anew: {why}")

    def close(self) -> None:
        """Let go of the collection; Chroma writes as it goes."""
        self._collection = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def parted(key: str) -> EntryKey:
    """Return the tenant and the segment id of a key."""
    tenant, _, segment = key.rpartition(":")
    return tenant, segment
