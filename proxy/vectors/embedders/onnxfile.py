"""The little of ONNX's file format that the graphs here need: protocol buffers, written field by field.

Numbers of fields and types are those of onnx.proto (ONNX 1.17, IR version 9).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

FLOAT, INT64 = 1, 7  # of TensorProto.DataType
TYPES = {"float32": FLOAT, "uint8": 2, "int8": 3, "int32": 6, "int64": INT64}
VARINT, BYTES, FIXED32 = 0, 2, 5  # wire types

Size = int | str  # of a dimension: a number, or a name where it differs from run to run


def node(kind: str, inputs: Iterable[str], outputs: Iterable[str], attributes: dict[str, Any]) -> bytes:
    """Return a NodeProto."""
    return b"".join(
        [
            *[_text(1, name) for name in inputs],
            *[_text(2, name) for name in outputs],
            _text(4, kind),
            *[_block(5, _attribute(name, value)) for name, value in attributes.items()],
        ]
    )


def tensor(name: str, array: NDArray[Any]) -> bytes:
    """Return a TensorProto."""
    dimensions = b"".join(_number(1, size) for size in array.shape)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return (
        dimensions + _number(2, TYPES[array.dtype.name]) + _text(8, name) + _block(9, little.tobytes())
    )


def value_info(name: str, kind: int, shape: Sequence[Size]) -> bytes:
    """Return a ValueInfoProto, of what a graph takes or gives."""
    sizes = [_text(2, size) if isinstance(size, str) else _number(1, size) for size in shape]
    dimensions = b"".join(_block(1, size) for size in sizes)
    return _text(1, name) + _block(2, _block(1, _number(1, kind) + _block(2, dimensions)))


def model(
    name: str,
    nodes: Iterable[bytes],
    tensors: Iterable[bytes],
    given: bytes,
    made: bytes,
    versions: tuple[int, int],
) -> bytes:
    """Return a ModelProto of one input and one output; `versions` are those of the format and of the
    operators.
    """
    graph = b"".join(
        [
            *[_block(1, each) for each in nodes],
            _text(2, name),
            *[_block(5, each) for each in tensors],
            _block(11, given),
            _block(12, made),
        ]
    )
    return _number(1, versions[0]) + _block(7, graph) + _block(8, _number(2, versions[1]))


def _attribute(name: str, given: float | list[int]) -> bytes:
    """Return an AttributeProto: of a float, an int or several."""
    if isinstance(given, float):
        return _text(1, name) + _key(2, FIXED32) + struct.pack("<f", given) + _number(20, 1)
    if isinstance(given, int):
        return _text(1, name) + _number(3, given) + _number(20, 2)
    return _text(1, name) + b"".join(_number(8, each) for each in given) + _number(20, 7)


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _number(field: int, given: int) -> bytes:
    return _key(field, VARINT) + _varint(given & 0xFFFF_FFFF_FFFF_FFFF)


def _text(field: int, given: str) -> bytes:
    return _block(field, given.encode())


def _block(field: int, given: bytes) -> bytes:
    return _key(field, BYTES) + _varint(len(given)) + given


def _varint(number: int) -> bytes:
    """Return seven bits a byte, the lowest first, the top bit set where more follow."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
