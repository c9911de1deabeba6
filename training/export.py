"""Quantises a trained model to int8, for the product.

    python -m training.export --model model.safetensors --out relevance.npz

A weight of a layer is divided by the largest of its output's column, one of a table by the largest of its row, as the
product's graph expects them. The same model gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Array = NDArray[Any]
TABLES = ("embeddings.word_embeddings", "embeddings.position_embeddings")
POSITIONS = 256  # what the product reads of a text
LARGEST = 127


def quantised(weights: dict[str, Array]) -> dict[str, Array]:
    """Return int8 weights with their scales, under the names that BERT gives them; the small rest as float32."""
    made: dict[str, Array] = {}
    for name, array in weights.items():
        array = array.astype(np.float32)
        if name.removesuffix(".weight") in TABLES:
            rows = array[:POSITIONS] if "position" in name else array
            made[f"{name}_q"], made[f"{name}_scale"] = scaled(rows, axis=1)
        elif array.ndim == 2 and ".layer." in name:
            made[f"{name}_q"], made[f"{name}_scale"] = scaled(array.T, axis=0)
        elif not name.startswith("pooler"):
            made[name] = array
    return made


def scaled(array: Array, axis: int) -> tuple[Array, Array]:
    """Return whole numbers from -127 to 127, and what to multiply them by."""
    scale = np.abs(array).max(axis=axis, keepdims=True) / LARGEST
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.rint(array / scale).astype(np.int8), scale


def packed(arrays: dict[str, Array]) -> bytes:
    """Return arrays as an .npz file without the time of its making."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            member = BytesIO()
            np.save(member, np.ascontiguousarray(arrays[name]))
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, member.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return out.getvalue()


def main() -> None:
    """Read, quantise, write, and print the file's checksum."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    content = packed(quantised(load_file(given.model)))
    given.out.write_bytes(content)
    print(f"{given.out}: {len(content) / 2**20:.1f} MiB, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
