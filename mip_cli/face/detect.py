"""The MMOD face detector: a tiled image pyramid, one score map, suppression of duplicates.

King, "Max-Margin Object Detection", arXiv 1502.00046; geometry as in dlib, so that boxes agree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mip_cli.face.geometry import Box, Detection, Pixels
from mip_cli.face.sessions import Model

MEANS = np.array([122.782, 117.001, 104.298], dtype=np.float32)
"""Red, green and blue means the dlib networks subtract before they divide by 256."""
_WINDOW = 80
"""Side of the sliding window, pixels: smaller faces are found in an enlarged image only."""
_NMS_OVERLAP = 0.3382761351109955
"""Shared area over area of the common hull above which the weaker detection goes."""
_CELL, _CELL_OFFSET = 8, 14
"""Three convolutions of kernel 5 and stride 2: map cell c looks at tile pixel 8 c + 14."""
_FIELD, _REACH = 29, 10
"""Pixels the strided convolutions see of one cell; cells the four padded ones see around it."""
_STRIP_PIXELS = 1_000_000
_SHRINK = 5 / 6
_TILE_PADDING, _OUTER_PADDING, _MIN_ROWS = 10, 11, 5


def detect_faces(model: Model, image: Pixels) -> list[Detection]:
    """Return the faces of at least about 80 pixels, surest first, in pixels of the image."""
    levels, rows, columns = _tile_layout(image.shape[0], image.shape[1])
    tensor = np.zeros((rows, columns, 3), dtype=np.float32)
    current = (image.astype(np.float32) - MEANS) / np.float32(256)
    _place(tensor, levels[0], current)
    for level in levels[1:]:
        current = _shrink(current, int(level.height), int(level.width))
        _place(tensor, level, current)
    scores = _scores(model, tensor)
    cells = np.argwhere(scores > 0)
    order = np.argsort(-scores[cells[:, 0], cells[:, 1]], kind="stable")
    kept: list[Detection] = []
    for row, column in cells[order]:
        box = _to_image(levels, float(column), float(row)).rounded()
        if not any(_duplicates(box, other.box) for other in kept):
            kept.append(Detection(box, float(scores[row, column])))
    return kept


def _scores(model: Model, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the score map of a canvas, computed in horizontal strips to bound the memory.

    A cell depends on ten cells around it and no more, so strips that overlap by ten give the same
    map as one run.
    """
    rows, columns = tensor.shape[:2]
    cells = (rows - _FIELD) // _CELL + 1
    step = max(_STRIP_PIXELS // (columns * _CELL), 4 * _REACH)
    pieces = []
    for start in range(0, cells, step):
        low, high = max(start - _REACH, 0), min(start + step + _REACH, cells)
        strip = tensor[_CELL * low : _CELL * (high - 1) + _FIELD]
        scores = model.run(np.ascontiguousarray(strip.transpose(2, 0, 1)[None]))[0, 0]
        pieces.append(scores[start - low : min(start + step, cells) - low])
    return np.concatenate(pieces)


def _tile_layout(rows: int, columns: int) -> tuple[list[Box], int, int]:
    """Return where each pyramid level lies on one canvas, and the canvas size.

    Levels go down the left side first, then up along the right edge where they fit.
    """
    sizes = [(rows, columns)]
    while True:
        rows, columns = int(_SHRINK * rows), int(_SHRINK * columns)
        if rows < _MIN_ROWS or columns == 0:
            break
        sizes.append((rows, columns))
    first_rows, first_columns = sizes[0]
    total = sum(size[0] + _TILE_PADDING for size in sizes) - 2 * _TILE_PADDING
    height, previous = 0, 0
    for level_rows, level_columns in sizes:
        fits_beside = level_columns <= first_columns - previous - _TILE_PADDING
        if fits_beside and (height - first_rows) * 2 >= total - first_rows:
            break
        height += level_rows + _TILE_PADDING
        previous = level_columns
    height -= _TILE_PADDING
    boxes: list[Box] = []
    y = _OUTER_PADDING
    while y < height + _OUTER_PADDING and len(boxes) < len(sizes):
        level_rows, level_columns = sizes[len(boxes)]
        boxes.append(Box(_OUTER_PADDING, y, _OUTER_PADDING + level_columns - 1, y + level_rows - 1))
        y += level_rows + _TILE_PADDING
    y -= _TILE_PADDING
    right = _OUTER_PADDING + first_columns - 1
    for level_rows, level_columns in sizes[len(boxes) :]:
        box = Box(right - level_columns + 1, y - level_rows, right, y - 1)
        if box.intersection(boxes[0]).area:
            break
        boxes.append(box)
        y -= level_rows + _TILE_PADDING
    return boxes, height + 2 * _OUTER_PADDING, first_columns + 2 * _OUTER_PADDING


def _place(tensor: NDArray[np.float32], where: Box, values: NDArray[np.float32]) -> None:
    tensor[int(where.top) : int(where.bottom) + 1, int(where.left) : int(where.right) + 1] = values


def _shrink(image: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Resize bilinearly with corner pixels on corner pixels, rows first and then columns."""
    top, weight = _sampling(image.shape[0], rows)
    bottom = np.minimum(top + 1, image.shape[0] - 1)
    weight = weight[:, None, None]
    mixed = image[top] * (1 - weight) + image[bottom] * weight
    left, weight = _sampling(image.shape[1], columns)
    right = np.minimum(left + 1, image.shape[1] - 1)
    weight = weight[None, :, None]
    result: NDArray[np.float32] = mixed[:, left] * (1 - weight) + mixed[:, right] * weight
    return result


def _sampling(source: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    position = np.arange(target) * ((source - 1) / max(target - 1, 1))
    lower = np.minimum(np.floor(position).astype(np.intp), source - 1)
    return lower, (position - lower).astype(np.float32)


def _to_image(levels: list[Box], column: float, row: float) -> Box:
    """Map a cell of the score map to its window in the image."""
    x, y = _CELL * column + _CELL_OFFSET, _CELL * row + _CELL_OFFSET
    level = _nearest(levels, x, y)
    origin = levels[level]
    half = (_WINDOW - 1) / 2
    sides = [x - half - origin.left, y - half - origin.top]
    sides += [x + half - origin.left, y + half - origin.top]
    for _ in range(level):
        sides = [side / _SHRINK + 0.3 for side in sides]  # 0.3: half a pixel's shift per level
    return Box(*sides)


def _nearest(levels: list[Box], x: float, y: float) -> int:
    best, best_distance = 0, float("inf")
    for index, box in enumerate(levels):
        dx = max(box.left - x, 0.0, x - box.right)
        dy = max(box.top - y, 0.0, y - box.bottom)
        distance = dx * dx + dy * dy
        if distance == 0:
            return index
        if distance < best_distance:
            best, best_distance = index, distance
    return best


def _duplicates(box: Box, other: Box) -> bool:
    shared = box.intersection(other).area
    return shared > 0 and shared / box.hull(other).area > _NMS_OVERLAP


__all__ = ["MEANS", "detect_faces"]
