"""Runs an embedding model's graph: onnxruntime, as both bundled models want it."""

from __future__ import annotations

from typing import Any


def inference_session(model: bytes) -> Any:
    """Return the session of a graph, which several threads may run at once.

    Called from the thread that loads the model: importing the runtime takes longer than all of ours,
    while requests are served already.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Texts side by side use every core; threads that share one text wait for each other.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it never gives back what the longest text took
    made = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    made._model_bytes = None  # kept for other providers, of which there are none
    return made
