"""Turns aligned face chips into embedding vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mip_cli.face.detect import MEANS
from mip_cli.face.geometry import Pixels
from mip_cli.face.sessions import Model


def embed_dlib(model: Model, chip: Pixels) -> NDArray[np.float32]:
    """Return the 128 numbers of dlib's network for one chip of 150 x 150 pixels."""
    tensor = (chip.astype(np.float32) - MEANS) / np.float32(256)
    result = model.run(np.ascontiguousarray(tensor.transpose(2, 0, 1)[None]))
    return np.asarray(result[0], dtype=np.float32)


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a vector at unit length; a zero vector stays zero and is refused at enrolment."""
    length = float(np.linalg.norm(vector))
    result: NDArray[np.float32] = (vector / length if length > 0 else vector).astype(np.float32)
    return result
