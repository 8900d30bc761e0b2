"""Readers for the two kinds of dlib files: packed integers, and layered networks.

dlib writes an integer as a length byte (bit 7 is the sign) and that many little-endian bytes, a
float as two such integers (mantissa, binary exponent), and a tensor's values as raw float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mip_cli.errors import FileInvalid

_SIGN = 0x80
_LENGTH = 0x0F
_SPECIAL_EXPONENT = 32000
"""From this exponent on dlib means infinities and not-a-number, which no weight may be."""


@dataclass(frozen=True)
class ConvLayer:
    """A convolution as stored."""

    weights: NDArray[np.float32]
    """Filters, shape (out, in, rows, columns)."""
    bias: NDArray[np.float32]
    """One value for each filter."""
    stride: int
    """Step in both directions, pixels."""
    padding: int
    """Zeros added on every side, pixels."""


@dataclass(frozen=True)
class AffineLayer:
    """A frozen batch normalisation: ``gamma * x + beta`` for each channel."""

    gamma: NDArray[np.float32]
    beta: NDArray[np.float32]


@dataclass(frozen=True)
class DenseLayer:
    """A fully connected layer without bias."""

    weights: NDArray[np.float32]
    """Shape (inputs, outputs)."""


@dataclass(frozen=True)
class PlainLayer:
    """A layer without weights, by its dlib name (``relu_``, ``max_pool_``, ...)."""

    name: str


Layer = ConvLayer | AffineLayer | DenseLayer | PlainLayer


@dataclass(frozen=True)
class Network:
    """A parsed network file; layers stand in the order in which they run."""

    loss: str
    window: tuple[int, int]
    """Width and height of the sliding window of a detector, pixels; zero for other networks."""
    nms_overlap: float
    """Intersection over union above which a detection is a duplicate; zero for other networks."""
    means: tuple[float, float, float]
    """What is subtracted from red, green and blue before the division by 256."""
    layers: tuple[Layer, ...]


def packed_integers(data: bytes) -> NDArray[np.int64]:
    """Decode a file that is nothing but packed integers.

    Raises ``FileInvalid`` when a length byte is impossible or the last integer is cut off.
    """
    starts: list[int] = []
    position, end = 0, len(data)
    append = starts.append
    while position < end:
        append(position)
        position += 1 + (data[position] & _LENGTH)
    if position != end:
        raise FileInvalid("dlib file ends inside an integer")
    raw = np.frombuffer(data + bytes(8), dtype=np.uint8)
    at = np.asarray(starts, dtype=np.int64)
    heads = raw[at]
    lengths = heads & _LENGTH
    if lengths.size == 0 or lengths.min() == 0 or lengths.max() > 8:
        raise FileInvalid("dlib file holds an integer of impossible length")
    values = np.zeros(at.size, dtype=np.int64)
    for byte in range(8):
        present = lengths > byte
        values[present] |= raw[at[present] + 1 + byte].astype(np.int64) << (8 * byte)
    negative = (heads & _SIGN) != 0
    values[negative] *= -1
    return values


def floats_from_pairs(pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Turn (mantissa, exponent) pairs on the last axis into float32.

    Raises ``FileInvalid`` for infinities and not-a-number.
    """
    mantissas, exponents = pairs[..., 0], pairs[..., 1]
    if exponents.size and exponents.max() >= _SPECIAL_EXPONENT:
        raise FileInvalid("dlib file holds a weight that is not a number")
    return np.ldexp(mantissas.astype(np.float64), exponents.astype(np.int32)).astype(np.float32)


class _Reader:
    """A cursor over a network file; every method raises ``FileInvalid`` at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._data):
            raise FileInvalid("dlib file is truncated")
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece

    def integer(self) -> int:
        head = self._take(1)[0]
        length = head & _LENGTH
        if not 1 <= length <= 8:
            raise FileInvalid("dlib file holds an integer of impossible length")
        value = int.from_bytes(self._take(length), "little")
        return -value if head & _SIGN else value

    def number(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if exponent >= _SPECIAL_EXPONENT:
            raise FileInvalid("dlib file holds a weight that is not a number")
        return float(np.ldexp(float(mantissa), exponent))

    def text(self) -> str:
        return self._take(self.integer()).decode("ascii")

    def flag(self) -> None:
        if self._take(1) not in (b"0", b"1"):
            raise FileInvalid("dlib file holds an impossible flag")

    def expect(self, value: int, what: str) -> None:
        found = self.integer()
        if found != value:
            raise FileInvalid(f"dlib file has {what} {found} where {value} was expected")

    def expect_text(self, value: str) -> None:
        found = self.text()
        if found != value:
            raise FileInvalid(f"dlib file has {found!r} where {value!r} was expected")

    def tensor(self) -> NDArray[np.float32]:
        self.expect(2, "tensor version")
        shape = tuple(self.integer() for _ in range(4))
        if min(shape) < 0:
            raise FileInvalid("dlib file holds a tensor of negative size")
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(self._take(4 * count), dtype="<f4").reshape(shape)

    def alias(self) -> tuple[int, ...]:
        self.expect(1, "alias version")
        return tuple(self.integer() for _ in range(4))

    def at_end(self) -> bool:
        return self._at == len(self._data)


def parse_network(data: bytes, *, layer_count: int, wrapper_count: int) -> Network:
    """Parse a network file with ``layer_count`` computing layers.

    ``wrapper_count`` is how many nested objects stand around the first layer: the other computing
    layers and the tags and skips of residual blocks, each announced by its version number alone.
    Raises ``FileInvalid`` when the bytes do not follow that shape to their last one.
    """
    reader = _Reader(data)
    reader.expect(1, "file version")
    loss = reader.text()
    window, overlap = (0, 0), 0.0
    if loss == "loss_mmod_":
        window, overlap = _detector_options(reader)
    elif loss == "loss_metric_2":
        reader.number()  # margin and distance threshold of the training loss
        reader.number()
    else:
        raise FileInvalid(f"dlib file has an unknown loss {loss!r}")
    for _ in range(wrapper_count):
        if reader.integer() not in (1, 2):
            raise FileInvalid("dlib file has an unknown layer version")
    reader.expect(3, "input layer version")
    name = reader.text()
    means = (reader.number(), reader.number(), reader.number())
    if name == "input_rgb_image_sized":
        reader.integer()
        reader.integer()
    elif name != "input_rgb_image_pyramid":
        raise FileInvalid(f"dlib file has an unknown input {name!r}")
    layers: list[Layer] = []
    for index in range(layer_count):
        layers.append(_layer(reader))
        for _ in range(3):
            reader.flag()
        for _ in range(3):  # gradients and cached outputs: empty in a cleaned network
            reader.tensor()
        if index == 0:
            reader.expect(1, "sample expansion")
    if not reader.at_end():
        raise FileInvalid("dlib file goes on after the last layer")
    return Network(loss, window, overlap, means, tuple(layers))


def _detector_options(reader: _Reader) -> tuple[tuple[int, int], float]:
    reader.expect(1, "options version")
    width, height = reader.integer(), reader.integer()
    values = [reader.number() for _ in range(7)]
    if values[4] != 1.0:  # a covered share of 1 means that only the overlap decides
        raise FileInvalid("dlib file suppresses by covered share, which is not supported")
    return (width, height), values[3]


def _layer(reader: _Reader) -> Layer:
    name = reader.text()
    match name:
        case "con_4":
            return _convolution(reader)
        case "affine_":
            parameters = reader.tensor().reshape(-1)
            gamma, beta = reader.alias(), reader.alias()
            reader.integer()
            if gamma != beta or parameters.size != 2 * int(np.prod(gamma)):
                raise FileInvalid("dlib file has an affine layer of odd size")
            half = parameters.size // 2
            return AffineLayer(parameters[:half], parameters[half:])
        case "bn_con2":
            return _batch_norm(reader)
        case "fc_2":
            outputs, inputs = reader.integer(), reader.integer()
            parameters = reader.tensor()
            reader.alias()
            reader.alias()
            reader.integer()
            for _ in range(4):
                reader.number()
            return DenseLayer(parameters.reshape(inputs, outputs))
        case "max_pool_2" | "avg_pool_2":
            for _ in range(6):
                reader.integer()
            return PlainLayer(name)
        case "relu_" | "add_prev_":
            return PlainLayer(name)
        case _:
            raise FileInvalid(f"dlib file has an unknown layer {name!r}")


def _batch_norm(reader: _Reader) -> AffineLayer:
    """Read a batch normalisation and freeze it at its running statistics."""
    parameters = reader.tensor().reshape(-1)
    reader.alias()
    reader.alias()
    reader.tensor()  # mean and deviation of the last training batch: not used after training
    reader.tensor()
    mean = reader.tensor().reshape(-1).astype(np.float64)
    variance = reader.tensor().reshape(-1).astype(np.float64)
    reader.integer()
    reader.integer()
    for _ in range(4):
        reader.number()
    epsilon = reader.number()
    half = mean.size
    if parameters.size != 2 * half or variance.size != half:
        raise FileInvalid("dlib file has a batch normalisation of odd size")
    gamma = parameters[:half] / np.sqrt(variance + epsilon)
    beta = parameters[half:] - gamma * mean
    return AffineLayer(gamma.astype(np.float32), beta.astype(np.float32))


def _convolution(reader: _Reader) -> ConvLayer:
    parameters = reader.tensor().reshape(-1)
    filters, rows, columns, stride, stride_x, padding, padding_x = (
        reader.integer() for _ in range(7)
    )
    shape: Any = reader.alias()
    reader.alias()
    for _ in range(4):
        reader.number()
    if stride != stride_x or padding != padding_x or shape[0] != filters:
        raise FileInvalid("dlib file has a convolution of unsupported form")
    if shape[2:] != (rows, columns) or parameters.size != int(np.prod(shape)) + filters:
        raise FileInvalid("dlib file has a convolution of odd size")
    return ConvLayer(
        parameters[:-filters].reshape(shape), parameters[-filters:], stride=stride, padding=padding
    )
