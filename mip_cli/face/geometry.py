"""Boxes, landmarks and photos: the values that pass between the steps of the face pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""An image, shape (rows, columns, 3), red first."""
Points = NDArray[np.float64]
"""Points, shape (count, 2), x first, pixels of the image they belong to."""


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels; both corners belong to it, as in dlib."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Number of columns."""
        return self.right - self.left + 1

    @property
    def height(self) -> float:
        """Number of rows."""
        return self.bottom - self.top + 1

    @property
    def area(self) -> float:
        """Number of pixels; zero for a box turned inside out."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    def rounded(self) -> Box:
        """Return the box on whole pixels, halves away from zero as C's ``lround``."""
        return Box(*(_lround(side) for side in (self.left, self.top, self.right, self.bottom)))

    def scaled(self, factor: float) -> Box:
        """Return the box in an image ``factor`` times as large, pixel centres on pixel centres."""
        return Box(
            *(
                (side + 0.5) * factor - 0.5
                for side in (self.left, self.top, self.right, self.bottom)
            )
        )

    def intersection(self, other: Box) -> Box:
        """Return the common part, turned inside out when there is none."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def hull(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True)
class Detection:
    """One face found in an image."""

    box: Box
    score: float
    """Confidence of the detector in its own unit; higher is surer."""
    landmarks: Points | None = None
    """Five points, when the detector gives them itself."""


def _lround(value: float) -> float:
    return float(np.floor(abs(value) + 0.5) * np.sign(value))


def similarity_transform(source: Points, target: Points) -> tuple[Points, Points]:
    """Return the matrix and shift of the least-squares similarity from source to target.

    Umeyama's closed form (IEEE PAMI 13(4), 1991), equations 34 to 43; mirror images excluded.
    """
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    from_centre, to_centre = source - mean_source, target - mean_target
    covariance = to_centre.T @ from_centre / len(source)
    left, stretch, right = np.linalg.svd(covariance)
    signs = np.ones(2)
    if np.linalg.det(covariance) < 0:
        signs[1] = -1.0
    rotation = (left * signs) @ right
    variance = float((from_centre**2).sum() / len(source))
    scale = float((stretch * signs).sum()) / variance if variance else 1.0
    matrix = scale * rotation
    return matrix, mean_target - matrix @ mean_source


@dataclass(frozen=True)
class Landmarks:
    """Five points of a face and, from them, what the pose is read from."""

    points: Points
    """As the backend found them, shape (5, 2)."""
    eyes: Points
    """Eye on the left of the picture, then the right one, shape (2, 2)."""
    nose: Points
    """Base or tip of the nose, shape (2,)."""
