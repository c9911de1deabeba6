"""The weights of the relevance model: an .npz file of int8 tensors and their scales, as
`training.export` writes it.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from foveate.proxy.errors import ConfigError

Array = NDArray[Any]


class OwnWeights:
    """A model's weights by the names that BERT gives them."""

    def __init__(self, content: bytes) -> None:
        """Read them; ConfigError where the content is no file of arrays."""
        try:
            with np.load(BytesIO(content), allow_pickle=False) as stored:
                self._arrays: dict[str, Array] = dict(stored)
        except (ValueError, OSError, EOFError, TypeError, BadZipFile):
            raise ConfigError(
                "embedder.model is no file of weights that training.export wrote"
            ) from None

    def array(self, name: str) -> Array:
        """Return a tensor as it is."""
        return self._arrays[name]

    def table(self, name: str) -> tuple[Array, Array]:
        """Return an embedding table: int8, shape (rows, 384), and its scales, shape (rows, 1)."""
        return self._arrays[f"{name}.weight_q"], self._arrays[f"{name}.weight_scale"]

    def linear(self, *names: str) -> tuple[Array, Array, Array]:
        """Return the layers side by side: int8, shape (in, out), scales and biases, shape (out,)."""
        return (
            np.concatenate([self._arrays[f"{name}.weight_q"] for name in names], axis=1),
            np.concatenate([self._arrays[f"{name}.weight_scale"].reshape(-1) for name in names]),
            np.concatenate([self._arrays[f"{name}.bias"] for name in names]),
        )
