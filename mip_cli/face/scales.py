"""Runs a detector at one size of the photo, and at a larger one when it finds nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mip_cli.face.geometry import Detection, Pixels

_FIRST_PIXELS = 307_200
"""640 x 480: enough for a face an eighth as wide as the photo, and a fifth of a second."""
_PASSES = ((_FIRST_PIXELS, 1.0), (4 * _FIRST_PIXELS, 2.0))
"""Most pixels and strongest enlargement of each pass."""
_LEAST_SIDE = 20
"""Pixels: narrower images hold no face and are less than the networks can take."""


def over_scales(image: Pixels, detect: Callable[[Pixels], list[Detection]]) -> list[Detection]:
    """Return the faces of the first pass that finds any, in pixels of the image."""
    import cv2

    rows, columns = image.shape[:2]
    if min(rows, columns) < _LEAST_SIDE:
        return []
    for most_pixels, enlargement in _PASSES:
        factor = min(enlargement, (most_pixels / (rows * columns)) ** 0.5)
        if min(rows, columns) * factor < _LEAST_SIDE:  # a long strip
            continue
        if factor == 1.0:
            found = detect(image)
        else:
            size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
            method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
            scaled = cv2.resize(image, size, interpolation=method)
            found = [_back(one, 1 / factor) for one in detect(scaled)]
        if found:
            return found
    return []


def _back(found: Detection, factor: float) -> Detection:
    points = found.landmarks
    if points is not None:
        points = np.asarray((points + 0.5) * factor - 0.5)
    return Detection(found.box.scaled(factor).rounded(), found.score, points)
