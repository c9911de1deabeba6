"""Embeddings over HTTP, as OpenAI's API has them: of OpenAI, Ollama, vLLM and others."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import requests

from foveate.policies.types import Vectors
from foveate.proxy.errors import ConfigError, FoveateError

BATCH = 64  # texts of one request
TRIES = 3
WAIT = 0.25  # seconds before the second try, twice that before the third
LONGEST_WAIT = 5.0  # that a server may ask for
PATIENCE = 10.0  # seconds for all tries of a batch
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds in which a server that has failed is not asked
AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
TOO_LONG = frozenset({400, 413, 422})


class EmbeddingError(FoveateError):
    """The server has not embedded what it was asked to."""


class HttpEmbedder:
    """Vectors of a model that another server runs; one that fails is left alone for a while, twice as
    long each time.
    """

    reads = 8000  # what most such models read; longer texts are cut where the server refuses them
    batch = BATCH
    patience = PATIENCE

    def __init__(
        self,
        model: str,
        url: str,
        key: str = "",
        dimensions: int = 0,
        query_prefix: str = "",
        text_prefix: str = "",
    ) -> None:
        self._model = model
        self._url = url.rstrip("/")
        self._key = key
        self._dimensions = dimensions
        self._query_prefix = query_prefix
        self._text_prefix = text_prefix
        self._pause = PAUSE
        self._ask_again_at = 0.0
        self.symmetric = query_prefix == text_prefix
        self.name = _name_of(model, self._url, dimensions, text_prefix)
        self.tokens = 0  # that the server has counted since the start

    def load(self) -> None:
        """Check what is set; the server is asked when something is to be embedded, so that one that
        comes later serves then.
        """
        if not self._model or not self._url:
            missing = "embedder.url" if self._model else "embedder.model"
            raise ConfigError(
                f"embedder.type http: {missing} is empty; set embedder.url to an address such as "
                "https://api.openai.com/v1, and embedder.model to a model's name"
            )
        self._session = requests.Session()
        if self._key:
            self._session.headers["Authorization"] = f"Bearer {self._key}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), the model's dimensions), float32; EmbeddingError where
        the server does not give them.
        """
        return self._prefixed(self._text_prefix, texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the same of texts that ask for others."""
        return self._prefixed(self._query_prefix, texts)

    def _prefixed(self, prefix: str, texts: Sequence[str]) -> Vectors:
        if time.monotonic() < self._ask_again_at:
            raise EmbeddingError("the embedding server is left alone for a while, since it has failed")
        given = [(prefix + text).encode("utf-8", "replace").decode() or " " for text in texts]
        starts = range(0, len(given), BATCH)
        try:
            found = [self._batch(given[start : start + BATCH]) for start in starts]
        except EmbeddingError:
            self._ask_again_at = time.monotonic() + self._pause
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            raise
        self._pause = PAUSE
        return np.concatenate(found) if found else np.zeros((0, self._dimensions), dtype=np.float32)

    def _batch(self, texts: list[str]) -> Vectors:
        """Return the vectors of a few texts; they are cut once where the server finds one too long."""
        status, told = self._asked(texts)
        if status in TOO_LONG:
            longest = max(map(len, texts)) // 4
            status, told = self._asked([text[: max(200, longest)] for text in texts])
        if status != 200:
            raise EmbeddingError(f"the embedding server at {self._url} answers {status}: {_said(told)}")
        return self._read(told, len(texts))

    def _asked(self, texts: list[str]) -> tuple[int, Any]:
        """Return the status and the body of the answer, after as many tries as there is time for."""
        body: dict[str, Any] = {"model": self._model, "input": texts, "encoding_format": "float"}
        if self._dimensions:
            body["dimensions"] = self._dimensions
        end = time.monotonic() + self.patience
        for n in range(TRIES):
            left = max(0.1, end - time.monotonic())
            wait = WAIT * 2**n
            try:
                answer = self._session.post(f"{self._url}/embeddings", json=body, timeout=left)
                if answer.status_code not in AGAIN:
                    return answer.status_code, _decoded(answer)
                failed: object = f"{answer.status_code}: {_said(_decoded(answer))}"
                wait = asked_for(answer.headers, wait)
            except requests.RequestException as error:
                failed = type(error).__name__
            if time.monotonic() + wait > end or n == TRIES - 1:
                break
            time.sleep(wait)
        raise EmbeddingError(f"the embedding server at {self._url} does not embed ({failed})")

    def _read(self, told: Any, count: int) -> Vectors:
        """Return an answer's vectors in the order of the texts; EmbeddingError where it has others."""
        try:
            rows = sorted(told["data"], key=lambda row: int(row["index"]))
            vectors = np.array([row["embedding"] for row in rows], dtype=np.float32)
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        except (KeyError, TypeError, ValueError):
            raise EmbeddingError(f"the embedding server at {self._url} answers no embeddings") from None
        wrong = len(vectors) != count or not np.isfinite(vectors).all() or not lengths.all()
        if wrong or (self._dimensions and vectors.shape[1] != self._dimensions):
            raise EmbeddingError(
                f"the embedding server at {self._url} answers {vectors.shape} for {count} texts"
            )
        usage = told.get("usage")
        counted = usage.get("total_tokens") if isinstance(usage, dict) else 0
        self.tokens += counted if isinstance(counted, int) else 0
        unit: Vectors = vectors / lengths
        return unit


def _name_of(model: str, url: str, dimensions: int, prefix: str) -> str:
    """Return `http-`, the model's last name, and a hash of what else tells its vectors from others'."""
    base = re.sub(r"[^A-Za-z0-9]+", "-", model.rpartition("/")[2]).strip("-")[:40] or "model"
    told = f"{model} {url} {dimensions} {prefix}"
    return f"http-{base}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def _decoded(answer: Any) -> Any:
    """Return the JSON of an answer, None where it has none."""
    try:
        return answer.json()
    except ValueError:
        return None


def _said(told: Any) -> str:
    """Return what an answer says of its failure, at no length."""
    error = told.get("error", told) if isinstance(told, dict) else told
    text = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(text).split())[:200]


def asked_for(headers: Mapping[str, str], otherwise: float) -> float:
    """Return how many seconds a server asks to wait, in bounds."""
    try:
        return min(LONGEST_WAIT, max(0.0, float(headers.get("retry-after", ""))))
    except ValueError:
        return otherwise
