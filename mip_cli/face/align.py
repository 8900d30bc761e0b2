"""Cuts the aligned face chip out of a photo.

dlib chip: 150 x 150 pixels, 0.25 padding, from five points with a similarity transform; large
faces are halved with a 1 4 6 4 1 filter first, so that sampling does not skip pixels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mip_cli.face.geometry import Box, Pixels, Points, similarity_transform

CHIP_SIZE = 150
_PADDING = 0.25
_MEAN_FACE = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
"""Where the five points of an average face lie in a unit square; constants of the dlib model."""


def face_chip(image: Pixels, landmarks: Points) -> Pixels:
    """Return the upright chip for five dlib landmarks, shape (150, 150, 3); outside is black."""
    model = (_PADDING + _MEAN_FACE) / (2 * _PADDING + 1) * CHIP_SIZE
    matrix, shift = similarity_transform(model, landmarks)
    angle = math.atan2(matrix[1, 0], matrix[0, 0])
    scale = math.hypot(matrix[1, 0], matrix[0, 0])
    centre = matrix @ np.array([CHIP_SIZE / 2, CHIP_SIZE / 2]) + shift
    half = (CHIP_SIZE * scale - 1) / 2
    box = Box(centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half)
    source, box = _reduce(image, box, angle)
    corners = _rotated(box, angle)
    across = (corners[1] - corners[0]) / (CHIP_SIZE - 1)
    down = (corners[2] - corners[0]) / (CHIP_SIZE - 1)
    steps = np.arange(CHIP_SIZE)
    points = corners[0] + steps[None, :, None] * across + steps[:, None, None] * down
    return _sample(source, points)


def _rotated(box: Box, angle: float) -> Points:
    """Return corners top left, top right, bottom left and bottom right, turned on the centre."""
    centre = np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
    corners = np.array(
        [
            [box.left, box.top],
            [box.right, box.top],
            [box.left, box.bottom],
            [box.right, box.bottom],
        ]
    )
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    result: Points = (corners - centre) @ turn.T + centre
    return result


def _reduce(image: Pixels, box: Box, angle: float) -> tuple[Pixels, Box]:
    """Return the part of the image that the chip needs, halved until it is not much larger."""
    depth, grow, smaller = 0, 2.0, _half_box(box)
    while smaller.area > CHIP_SIZE**2:
        smaller, depth, grow = _half_box(smaller), depth + 1, grow * 2 + 2
    corners = _rotated(box, angle)
    low, high = corners.min(axis=0) - grow, corners.max(axis=0) + grow
    whole = Box(0, 0, image.shape[1] - 1, image.shape[0] - 1)
    part = Box(low[0], low[1], high[0], high[1]).intersection(whole).rounded()
    piece = image[int(part.top) : int(part.bottom) + 1, int(part.left) : int(part.right) + 1]
    box = Box(
        box.left - part.left, box.top - part.top, box.right - part.left, box.bottom - part.top
    )
    for _ in range(depth):
        if min(piece.shape[:2]) <= 8:  # nothing left to filter: the face lies outside the photo
            break
        piece, box = _half(piece), _half_box(box)
    return piece, box


def _half_box(box: Box) -> Box:
    return Box(box.left / 2 - 1.25, box.top / 2 - 0.75, box.right / 2 - 1.25, box.bottom / 2 - 0.75)


def _half(image: Pixels) -> Pixels:
    """Halve an image with the binomial filter in integers."""
    values = image.astype(np.int32)
    across = _binomial(values.transpose(1, 0, 2)).transpose(1, 0, 2)
    return (_binomial(across) // 256).astype(np.uint8)


def _binomial(values: NDArray[np.int32]) -> NDArray[np.int32]:
    count = (values.shape[0] - 3) // 2
    taps = [values[offset : offset + 2 * count : 2][:count] for offset in range(5)]
    result: NDArray[np.int32] = taps[0] + 4 * taps[1] + 6 * taps[2] + 4 * taps[3] + taps[4]
    return result


def _sample(image: Pixels, points: Points) -> Pixels:
    """Sample bilinearly, rounding down; black wherever a neighbour lies outside."""
    rows, columns = image.shape[:2]
    x, y = points[..., 0], points[..., 1]
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    inside = (left >= 0) & (top >= 0) & (left + 1 < columns) & (top + 1 < rows)
    right_share, bottom_share = (x - left)[..., None], (y - top)[..., None]
    left, top = np.where(inside, left, 0), np.where(inside, top, 0)
    right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    upper = (1 - right_share) * image[top, left] + right_share * image[top, right]
    lower = (1 - right_share) * image[bottom, left] + right_share * image[bottom, right]
    mixed = (1 - bottom_share) * upper + bottom_share * lower
    return np.where(inside[..., None], mixed, 0).astype(np.uint8)
