"""Draws what was found on a copy of the photo."""

from __future__ import annotations

import numpy as np

from mip_cli.face.geometry import Detection, Pixels
from mip_cli.face.pipeline import Located

_GOOD, _BAD, _POINT = (30, 160, 60), (200, 50, 40), (40, 110, 220)


def annotated_png(
    image: Pixels, detections: list[Detection], located: Located | None, verdict: str, *, good: bool
) -> bytes:
    """Return a PNG with every box, the main face's landmarks and one line of text below."""
    import cv2

    colour = _GOOD if good else _BAD
    canvas = image.copy()
    stroke = max(1, round(min(canvas.shape[:2]) / 250))
    for found in detections:
        box = found.box.rounded()
        corner, opposite = (int(box.left), int(box.top)), (int(box.right), int(box.bottom))
        cv2.rectangle(canvas, corner, opposite, colour, stroke)
    if located is not None:
        for x, y in located.landmarks.points:
            cv2.circle(canvas, (round(x), round(y)), 2 * stroke, _POINT, -1)
    # The text stands below the picture, where it covers nothing and always has contrast.
    height = max(24, canvas.shape[0] // 16)
    strip = np.full((height, canvas.shape[1], 3), 255, dtype=np.uint8)
    scale = _fitting_scale(verdict, canvas.shape[1] - 8, height)
    cv2.putText(
        strip, verdict, (4, round(height * 0.7)), cv2.FONT_HERSHEY_SIMPLEX, scale, colour,
        max(1, round(1.5 * scale)),
        cv2.LINE_AA,
    )  # fmt: skip
    picture = np.concatenate([canvas, strip])
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    data: bytes = encoded.tobytes()
    return data


def _fitting_scale(text: str, width: int, height: int) -> float:
    import cv2

    (needed, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
    return float(min(width / max(needed, 1), 0.5 * height / max(tall, 1)))
