"""The 5-point shape predictor: a cascade of regression trees.

Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees",
CVPR 2014; sampling and rounding as in dlib, so that points agree.
"""

from __future__ import annotations

import io
import zipfile

import numpy as np

from mip_cli.errors import FileInvalid
from mip_cli.face.geometry import Box, Pixels, Points, similarity_transform

_LEVELS = 4
"""Splits on the way from the root of a tree to one of its 16 leaves."""


class LandmarkPredictor:
    """Finds five points in a face box: outer and inner corner of either eye, base of the nose.

    Order: the person's left eye outer, inner; right eye outer, inner; nose.
    """

    def __init__(self, data: bytes) -> None:
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                self._shape = arrays["shape"]
                self._first = arrays["first"].astype(np.intp)
                self._second = arrays["second"].astype(np.intp)
                self._threshold = arrays["threshold"]
                self._leaves = arrays["leaves"]
                self._anchors = arrays["anchors"].astype(np.intp)
                self._deltas = arrays["deltas"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise FileInvalid("landmark model cannot be read") from error
        self._trees = np.arange(self._first.shape[1])

    def predict(self, image: Pixels, box: Box) -> Points:
        """Return the five points on whole pixels, shape (5, 2)."""
        mean = self._shape.reshape(-1, 2).astype(np.float64)
        shape = self._shape.copy()
        corner = np.array([box.left, box.top])
        extent = np.array([box.right - box.left, box.bottom - box.top])
        for cascade in range(len(self._first)):
            points = shape.reshape(-1, 2)
            matrix, _ = similarity_transform(mean, points.astype(np.float64))
            offsets = self._deltas[cascade] @ matrix.T.astype(np.float32)
            samples = (points[self._anchors[cascade]] + offsets) * extent + corner
            grey = _intensity(image, np.floor(samples + 0.5).astype(np.intp))
            node = np.zeros(len(self._trees), dtype=np.intp)
            for _ in range(_LEVELS):
                difference = (
                    grey[self._first[cascade, self._trees, node]]
                    - grey[self._second[cascade, self._trees, node]]
                )
                goes_left = difference > self._threshold[cascade, self._trees, node]
                node = 2 * node + np.where(goes_left, 1, 2)
            chosen = self._leaves[cascade, self._trees, node - 15]
            # One row after the other, as dlib adds them: float32 sums depend on the order.
            shape = np.add.reduce(np.concatenate([shape[None], chosen]), axis=0)
        result: Points = np.floor(shape.reshape(-1, 2) * extent + corner + 0.5)
        return result


def _intensity(
    image: Pixels, points: np.ndarray[tuple[int, ...], np.dtype[np.intp]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the mean of the three colours at each point, rounded down; zero outside the image."""
    rows, columns = image.shape[:2]
    x, y = points[:, 0], points[:, 1]
    inside = (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
    colours = image[np.where(inside, y, 0), np.where(inside, x, 0)].astype(np.int32)
    return np.where(inside, colours.sum(axis=1) // 3, 0).astype(np.float32)
