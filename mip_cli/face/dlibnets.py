"""Rebuilds parsed dlib networks as ONNX models, and the landmark forest as plain arrays.

The same input gives the same bytes: opset, IR version and names are fixed, nothing is stamped.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mip_cli.errors import FileInvalid
from mip_cli.face.dlibfile import (
    AffineLayer,
    ConvLayer,
    DenseLayer,
    Layer,
    PlainLayer,
    floats_from_pairs,
    packed_integers,
    parse_network,
)

if TYPE_CHECKING:
    import onnx

_OPSET = 17
_IR_VERSION = 8
CHIP_SIZE = 150
"""Side of the aligned face chip the embedding network takes, pixels."""
_DETECTOR_LAYERS = 19
_EMBEDDER_LAYERS = 108
_EMBEDDER_WRAPPERS = 129
"""107 computing layers, a tag for each of 10 plain blocks, two tags and a skip for each of 4."""
_LANDMARKS = 5
_CASCADES, _TREES, _SPLITS, _LEAVES = 15, 500, 15, 16


@dataclass
class _Graph:
    """An ONNX graph under construction; keeps the shape of the current value."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, inputs: Sequence[str], **attributes: object) -> str:
        from onnx import helper

        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, array: NDArray[np.float32] | NDArray[np.int64]) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def finish(self, output: str, shape_in: list[object], shape_out: list[object]) -> bytes:
        from onnx import TensorProto, checker, helper

        self.nodes[-1].output[0] = "output"
        if output != f"t{len(self.nodes) - 1}":
            raise FileInvalid("network does not end in its last layer")
        graph = helper.make_graph(
            self.nodes,
            "dlib",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape_in)],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape_out)],
            self.weights,
        )
        model = helper.make_model(
            graph,
            producer_name="mip",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def detector_to_onnx(data: bytes) -> bytes:
    """Convert the MMOD detector; input (1, 3, rows, columns), output one score map.

    Raises ``FileInvalid`` when the file is not that detector.
    """
    network = parse_network(data, layer_count=_DETECTOR_LAYERS, wrapper_count=_DETECTOR_LAYERS - 1)
    if network.window != (80, 80):
        raise FileInvalid("detector has an unexpected window")
    graph = _Graph()
    value = "input"
    layers = list(network.layers)
    while layers:
        value = _simple(graph, value, layers)
    return graph.finish(value, [1, 3, "rows", "columns"], [1, 1, "map_rows", "map_columns"])


def embedder_to_onnx(data: bytes) -> bytes:
    """Convert the embedding network; input (faces, 3, 150, 150), output (faces, 128).

    Raises ``FileInvalid`` when the file is not that network.
    """
    network = parse_network(data, layer_count=_EMBEDDER_LAYERS, wrapper_count=_EMBEDDER_WRAPPERS)
    graph = _Graph()
    layers = list(network.layers)
    value, size = _simple(graph, "input", layers), _after(CHIP_SIZE, 7, 2)
    value = graph.add("Relu", [value]) if _pop(layers, "relu_") else value
    _require(layers, "max_pool_2")
    value = graph.add("MaxPool", [value], kernel_shape=[3, 3], strides=[2, 2])
    size = _after(size, 3, 2)
    channels = 32
    while isinstance(layers[0], ConvLayer):
        value, size, channels = _block(graph, value, layers, size, channels)
    _require(layers, "avg_pool_2")
    value = graph.add("ReduceMean", [value], axes=[2, 3], keepdims=0)
    dense = layers.pop(0)
    if layers or not isinstance(dense, DenseLayer) or dense.weights.shape != (channels, 128):
        raise FileInvalid("embedding network has an unexpected end")
    value = graph.add("MatMul", [value, graph.constant(dense.weights)])
    return graph.finish(value, ["faces", 3, CHIP_SIZE, CHIP_SIZE], ["faces", 128])


def _after(size: int, kernel: int, stride: int) -> int:
    return (size - kernel) // stride + 1


def _pop(layers: list[Layer], name: str) -> bool:
    if isinstance(layers[0], PlainLayer) and layers[0].name == name:
        layers.pop(0)
        return True
    return False


def _require(layers: list[Layer], name: str) -> None:
    if not _pop(layers, name):
        raise FileInvalid(f"network lacks a {name} layer where it is expected")


def _simple(graph: _Graph, value: str, layers: list[Layer]) -> str:
    """Emit one convolution with the affine and relu layers that follow it."""
    convolution = layers.pop(0)
    if not isinstance(convolution, ConvLayer):
        raise FileInvalid("network lacks a convolution where it is expected")
    weights, bias = convolution.weights, convolution.bias
    if layers and isinstance(layers[0], AffineLayer):
        affine = layers.pop(0)
        assert isinstance(affine, AffineLayer)  # noqa: S101 - narrows the type only
        gamma, beta = affine.gamma.astype(np.float64), affine.beta.astype(np.float64)
        weights = (weights * gamma[:, None, None, None]).astype(np.float32)
        bias = (bias * gamma + beta).astype(np.float32)
    value = graph.add(
        "Conv",
        [value, graph.constant(weights), graph.constant(bias)],
        kernel_shape=list(weights.shape[2:]),
        strides=[convolution.stride] * 2,
        pads=[convolution.padding] * 4,
    )
    return graph.add("Relu", [value]) if layers and _pop(layers, "relu_") else value


def _block(
    graph: _Graph, value: str, layers: list[Layer], size: int, channels: int
) -> tuple[str, int, int]:
    """Emit one residual block; dlib adds unequal shapes as if the smaller had zeros at its end."""
    first = layers[0]
    assert isinstance(first, ConvLayer)  # noqa: S101 - narrows the type only
    outputs = first.weights.shape[0]
    branch = _simple(graph, value, layers)
    branch = _simple(graph, branch, layers)
    shortcut, shortcut_size, branch_size = value, size, size
    if first.stride == 2:
        _require(layers, "avg_pool_2")
        shortcut = graph.add("AveragePool", [value], kernel_shape=[2, 2], strides=[2, 2])
        shortcut_size, branch_size = _after(size, 2, 2), _after(size, 3, 2)
    missing = shortcut_size - branch_size
    if missing:
        pads = np.array([0, 0, 0, 0, 0, 0, missing, missing], dtype=np.int64)
        branch = graph.add("Pad", [branch, graph.constant(pads)])
    if outputs > channels:
        pads = np.array([0, 0, 0, 0, 0, outputs - channels, 0, 0], dtype=np.int64)
        shortcut = graph.add("Pad", [shortcut, graph.constant(pads)])
    _require(layers, "add_prev_")
    value = graph.add("Add", [branch, shortcut])
    _require(layers, "relu_")
    return graph.add("Relu", [value]), max(shortcut_size, branch_size), outputs


def landmarks_to_npz(data: bytes) -> bytes:
    """Convert the 5-point shape predictor into arrays, all cascades and trees stacked.

    Raises ``FileInvalid`` when the file is not that predictor.
    """
    stream = _Stream(packed_integers(data))
    stream.expect(1)
    shape = stream.matrix()
    stream.expect(_CASCADES)
    per_tree = 1 + 4 * _SPLITS + 1 + _LEAVES * (2 + 4 * _LANDMARKS)
    trees = np.stack([_cascade(stream, per_tree) for _ in range(_CASCADES)])
    splits = trees[..., 1 : 1 + 4 * _SPLITS].reshape(_CASCADES, _TREES, _SPLITS, 4)
    leaves = trees[..., 2 + 4 * _SPLITS :].reshape(_CASCADES, _TREES, _LEAVES, 2 + 4 * _LANDMARKS)
    if (
        (trees[..., 0] != _SPLITS).any()
        or (trees[..., 1 + 4 * _SPLITS] != _LEAVES).any()
        or (leaves[..., 0] != -2 * _LANDMARKS).any()
        or (leaves[..., 1] != -1).any()
    ):
        raise FileInvalid("shape predictor has a tree of unexpected form")
    anchors = stream.table(1)[..., 0]
    deltas = floats_from_pairs(stream.table(4).reshape(_CASCADES, -1, 2, 2))
    stream.finish()
    features = splits[..., :2]
    if features.min() < 0 or features.max() >= anchors.shape[1] or anchors.min() < 0:
        raise FileInvalid("shape predictor names a pixel that it does not have")
    if anchors.max() >= _LANDMARKS:
        raise FileInvalid("shape predictor names a landmark that it does not have")
    buffer = io.BytesIO()
    np.savez(
        buffer,
        shape=shape,
        first=features[..., 0].astype(np.int16),
        second=features[..., 1].astype(np.int16),
        threshold=floats_from_pairs(splits[..., 2:]),
        leaves=floats_from_pairs(leaves[..., 2:].reshape(*leaves.shape[:3], 2 * _LANDMARKS, 2)),
        anchors=anchors.astype(np.int16),
        deltas=deltas,
    )
    return buffer.getvalue()


class _Stream:
    """A cursor over decoded integers."""

    def __init__(self, values: NDArray[np.int64]) -> None:
        self._values = values
        self._at = 0

    def take(self, count: int) -> NDArray[np.int64]:
        if count < 0 or self._at + count > self._values.size:
            raise FileInvalid("shape predictor is truncated")
        piece = self._values[self._at : self._at + count]
        self._at += count
        return piece

    def expect(self, value: int) -> None:
        if int(self.take(1)[0]) != value:
            raise FileInvalid("shape predictor has an unexpected count")

    def matrix(self) -> NDArray[np.float32]:
        self.expect(-2 * _LANDMARKS)
        self.expect(-1)
        return floats_from_pairs(self.take(4 * _LANDMARKS).reshape(-1, 2))

    def table(self, width: int) -> NDArray[np.int64]:
        """Read one row of records for each cascade; all rows have the same length."""
        self.expect(_CASCADES)
        rows = [self.take(int(self.take(1)[0]) * width) for _ in range(_CASCADES)]
        if len({row.size for row in rows}) != 1:
            raise FileInvalid("shape predictor has cascades of different size")
        return np.stack(rows).reshape(_CASCADES, -1, width)

    def finish(self) -> None:
        if self._at != self._values.size:
            raise FileInvalid("shape predictor goes on after its end")


def _cascade(stream: _Stream, per_tree: int) -> NDArray[np.int64]:
    stream.expect(_TREES)
    return stream.take(_TREES * per_tree).reshape(_TREES, per_tree)
