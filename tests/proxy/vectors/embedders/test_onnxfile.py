"""What is written by hand is what ONNX's own library reads."""

from __future__ import annotations

import numpy as np
import pytest

from foveate.proxy.vectors.embedders.onnxfile import FLOAT, model, node, tensor, value_info

onnx = pytest.importorskip(
    "onnx", reason="onnx is not installed; the graphs are checked by running them"
)


def test_every_field_is_read_as_it_was_meant() -> None:
    arrays = {
        "f": np.array([[1.5, -2.0]], dtype=np.float32),
        "i": np.array([-3, 2**40], dtype=np.int64),
        "b": np.array([[-128, 127], [0, 1]], dtype=np.int8),
    }
    nodes = [
        node("Transpose", ["x"], ["y"], {"perm": [1, 0]}),
        node("LpNormalization", ["y"], ["z"], {"axis": -1, "p": 2}),
        node("LayerNormalization", ["z", "f"], ["out"], {"axis": -1, "epsilon": 1e-12}),
    ]
    tensors = [tensor(name, array) for name, array in arrays.items()]
    content = model(
        "g",
        nodes,
        tensors,
        value_info("x", FLOAT, [1, "n", 384]),
        value_info("out", FLOAT, [1]),
        (9, 20),
    )
    read = onnx.load_from_string(content)
    onnx.checker.check_model(read)
    assert (read.ir_version, read.opset_import[0].version, read.graph.name) == (9, 20, "g")
    assert [(n.op_type, list(n.input), list(n.output)) for n in read.graph.node] == [
        ("Transpose", ["x"], ["y"]),
        ("LpNormalization", ["y"], ["z"]),
        ("LayerNormalization", ["z", "f"], ["out"]),
    ]
    given = [{a.name: onnx.helper.get_attribute_value(a) for a in n.attribute} for n in read.graph.node]
    assert given == [
        {"perm": [1, 0]},
        {"axis": -1, "p": 2},
        {"axis": -1, "epsilon": pytest.approx(1e-12)},
    ]
    for kept in read.graph.initializer:
        assert np.array_equal(onnx.numpy_helper.to_array(kept), arrays[kept.name])
    sizes = [d.dim_param or d.dim_value for d in read.graph.input[0].type.tensor_type.shape.dim]
    assert sizes == [1, "n", 384]
