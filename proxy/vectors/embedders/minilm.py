"""MiniLM's architecture as an ONNX graph for one text, with int8 weights of whichever training."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foveate.proxy.vectors.embedders import onnxfile
from foveate.proxy.vectors.embedders.onnxfile import FLOAT, INT64

LAYERS, HEADS, DIMENSIONS = 6, 12, 384
PER_HEAD = DIMENSIONS // HEADS
MAX_WORDPIECES = 256  # what the model was trained on; a longer text is read up to there
EPSILON = 1e-12  # of BERT's layer normalisation
OPSET, IR = 20, 9  # Gelu is an operator of its own from opset 20 on

Array = NDArray[Any]


def compiled(weights: ModelWeights, graph: OnnxGraph | None = None) -> bytes:
    """Return the model from int64 `ids`, shape (1, wordpieces), to a unit float32 `vector`, shape (1,
    384).

    The weights stay int8 and meet activations quantised for each text (Jacob et al. 2018, Dynamic
    quantisation), which takes a third of the memory and of the time of weights expanded to float32. One
    text a run needs neither padding nor a mask, and its vector does not depend on what else is embedded
    beside it.
    """
    graph = graph or OnnxGraph()
    hidden = embedded(graph, weights)
    for layer in range(LAYERS):
        hidden = encoded(graph, weights, f"encoder.layer.{layer}.", hidden)
    mean = graph("ReduceMean", hidden, graph.constant([1]), keepdims=0)
    graph("LpNormalization", mean, outputs=["vector"], axis=-1, p=2)
    return graph.serialised()


class Layers(Protocol):
    """A model's layers by the names that BERT gives them."""

    def array(self, name: str) -> Array:
        """Return a tensor as it is."""

    def linear(self, *names: str) -> tuple[Array, Array, Array]:
        """Return the layers side by side: int8, shape (in, out), scales and biases, shape (out,)."""


class ModelWeights(Layers, Protocol):
    """A whole model: its layers, and its tables of embeddings."""

    def table(self, name: str) -> tuple[Array, Array]:
        """Return an embedding table: int8, shape (rows, 384), and its scales, shape (rows, 1)."""


class OnnxGraph:
    """A graph under construction; calling it adds an operator and returns the name of its output."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def __call__(
        self, kind: str, *inputs: str, outputs: list[str] | None = None, **attributes: Any
    ) -> str:
        """Add an operator; `outputs` names its outputs where there are several, or one must have a
        name.
        """
        outputs = outputs or [f"{kind}.{len(self._nodes)}"]
        self._nodes.append(onnxfile.node(kind, inputs, outputs, attributes))
        return outputs[0]

    def constant(self, value: Array | list[int] | float) -> str:
        """Add a constant; whole numbers become int64, others float32."""
        array = np.asarray(value, dtype=np.float32 if isinstance(value, float) else None)
        name = f"constant.{len(self._constants)}"
        self._constants.append(onnxfile.tensor(name, np.ascontiguousarray(array)))
        return name

    def linear(self, x: str, weights: tuple[Array, Array, Array]) -> str:
        """Multiply by int8 weights and add the bias, as runtimes fuse it into one operator."""
        quantised, scale, zero = (f"{x}.{part}" for part in ("quantised", "scale", "zero"))
        self("DynamicQuantizeLinear", x, outputs=[quantised, scale, zero])
        matrix, scales, bias = weights
        product = self("MatMulInteger", quantised, self.constant(matrix), zero)
        scaled = self("Mul", scale, self.constant(scales))
        return self("Add", self("Mul", self("Cast", product, to=FLOAT), scaled), self.constant(bias))

    def normalised(self, x: str, weights: Layers, name: str) -> str:
        """Apply the layer normalisation of that name."""
        scale, bias = (
            self.constant(weights.array(f"{name}.LayerNorm.{part}")) for part in ("weight", "bias")
        )
        return self("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def serialised(self) -> bytes:
        """Return the model's bytes."""
        given = onnxfile.value_info("ids", INT64, [1, "wordpieces"])
        made = onnxfile.value_info("vector", FLOAT, [1, DIMENSIONS])
        return onnxfile.model(
            "all-MiniLM-L6-v2", self._nodes, self._constants, given, made, (IR, OPSET)
        )


def embedded(graph: OnnxGraph, weights: ModelWeights) -> str:
    """Add the embeddings of words, positions and the only token type."""
    words, scales = weights.table("embeddings.word_embeddings")
    picked = graph("Cast", graph("Gather", graph.constant(words), "ids"), to=FLOAT)
    word = graph("Mul", picked, graph("Gather", graph.constant(scales), "ids"))
    places, place_scales = weights.table("embeddings.position_embeddings")
    kind = weights.array("embeddings.token_type_embeddings.weight")[0]
    fixed = (places[:MAX_WORDPIECES].astype(np.float32) * place_scales[:MAX_WORDPIECES] + kind).astype(
        np.float32
    )
    length = graph("Shape", "ids", start=1, end=2)
    position = graph("Slice", graph.constant(fixed), graph.constant([0]), length, graph.constant([0]))
    return graph.normalised(graph("Add", word, position), weights, "embeddings")


def encoded(graph: OnnxGraph, weights: Layers, name: str, hidden: str) -> str:
    """Add one encoder layer: self-attention, then the feed-forward network."""
    attention, output = f"{name}attention.output", f"{name}output"
    mixed = graph.linear(attended(graph, weights, name, hidden), weights.linear(f"{attention}.dense"))
    middle = graph.normalised(graph("Add", mixed, hidden), weights, attention)
    wide = graph("Gelu", graph.linear(middle, weights.linear(f"{name}intermediate.dense")))
    narrow = graph.linear(wide, weights.linear(f"{output}.dense"))
    return graph.normalised(graph("Add", narrow, middle), weights, output)


def attended(graph: OnnxGraph, weights: Layers, name: str, hidden: str) -> str:
    """Add scaled dot-product attention over all heads (Vaswani et al. 2017)."""
    layers = weights.linear(*(f"{name}attention.self.{part}" for part in ("query", "key", "value")))
    split = graph("Reshape", graph.linear(hidden, layers), graph.constant([0, 0, 3 * HEADS, PER_HEAD]))
    query, key, value = (f"{name}{part}" for part in ("query", "key", "value"))
    graph("Split", split, outputs=[query, key, value], axis=2, num_outputs=3)
    products = graph(
        "MatMul",
        graph("Transpose", query, perm=[0, 2, 1, 3]),
        graph("Transpose", key, perm=[0, 2, 3, 1]),
    )
    shares = graph("Softmax", graph("Mul", products, graph.constant(float(PER_HEAD**-0.5))), axis=-1)
    heads = graph("MatMul", shares, graph("Transpose", value, perm=[0, 2, 1, 3]))
    return graph(
        "Reshape", graph("Transpose", heads, perm=[0, 2, 1, 3]), graph.constant([0, 0, DIMENSIONS])
    )
