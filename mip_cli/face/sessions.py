"""Opens ONNX models the same way everywhere: CPU, one thread, so that results repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mip_cli import config

if TYPE_CHECKING:
    import onnxruntime


class Model:
    """An ONNX model with one input and one output."""

    def __init__(self, data: bytes) -> None:
        config.forbid_telemetry()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The arena keeps the largest photo's buffers for the rest of the process.
        options.enable_cpu_mem_arena = False
        self._session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output for one input tensor."""
        result: NDArray[np.float32] = self._session.run([self._output], {self._input: tensor})[0]
        return result
