"""Decides whether a photo is good enough to enrol or to prove with.

The limits were set on photos of people in ordinary poses, well outside the range that occurred;
they refuse what makes matching a matter of luck, not what is merely imperfect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mip_cli.errors import FaceUnusable
from mip_cli.face.geometry import Box, Detection, Landmarks, Pixels

MIN_WIDTH = 60
"""Pixels across the face box; below, the embedding network sees mostly interpolation."""
MIN_SHARPNESS = 0.06
"""Deviation of the Laplacian over deviation of the grey levels, on a face of 112 pixels."""
MIN_CONTRAST = 10.0
"""Standard deviation of the grey levels, of 255."""
MAX_ROLL = 35.0
"""Degrees the head may lean to a shoulder."""
MAX_YAW = 0.55
"""Sideways offset of the nose from the middle of the eyes, in distances between the eyes."""
PITCH_RANGE = (0.3, 1.4)
"""Drop of the nose below the eyes, in distances between the eyes."""
BACKGROUND_RATIO = 0.4
"""Faces narrower than this share of the largest one are bystanders and do not count."""
_PROBE_SIDE = 112


@dataclass(frozen=True)
class Quality:
    """Measures of one face; see the limits of this module for their units."""

    width: float
    sharpness: float
    contrast: float
    roll: float
    yaw: float
    pitch: float


def foreground(detections: list[Detection]) -> list[Detection]:
    """Return the faces that count, largest first: bystanders in the background do not."""
    ordered = sorted(detections, key=lambda found: (found.box.area, found.score), reverse=True)
    if not ordered:
        return []
    least = BACKGROUND_RATIO * ordered[0].box.width
    return [found for found in ordered if found.box.width >= least]


def measure(image: Pixels, box: Box, landmarks: Landmarks) -> Quality:
    """Return the measures of one face."""
    import cv2

    rows, columns = image.shape[:2]
    part = box.intersection(Box(0, 0, columns - 1, rows - 1)).rounded()
    piece = image[int(part.top) : int(part.bottom) + 1, int(part.left) : int(part.right) + 1]
    if piece.size == 0:
        raise FaceUnusable("the face lies outside the photo", hint="show the whole face")
    grey = cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY)
    method = cv2.INTER_AREA if box.width > _PROBE_SIDE else cv2.INTER_LINEAR
    probe = cv2.resize(grey, (_PROBE_SIDE, _PROBE_SIDE), interpolation=method).astype(np.float32)
    contrast = float(probe.std())
    sharpness = float(cv2.Laplacian(probe, cv2.CV_32F).std()) / max(contrast, 1.0)
    left, right = landmarks.eyes
    across = right - left
    span = max(float(np.hypot(*across)), 1e-6)
    unit = across / span
    drop = landmarks.nose - (left + right) / 2
    return Quality(
        width=box.width,
        sharpness=sharpness,
        contrast=contrast,
        roll=math.degrees(math.atan2(across[1], across[0])),
        yaw=float(drop @ unit) / span,
        pitch=float(drop @ np.array([-unit[1], unit[0]])) / span,
    )


def require_one(detections: list[Detection]) -> Detection:
    """Return the only face in the foreground; ``FaceUnusable`` for none or several."""
    faces = foreground(detections)
    if not faces:
        raise FaceUnusable(
            "no face was found in the photo",
            hint="use an upright photo in which the face fills at least an eighth of the width",
        )
    if len(faces) > 1:
        raise FaceUnusable(
            f"the photo shows {len(faces)} faces, one is needed",
            hint="crop the photo to one person",
        )
    return faces[0]


def require_usable(quality: Quality) -> None:
    """Raise ``FaceUnusable`` for the first limit that does not hold."""
    if quality.width < MIN_WIDTH:
        raise FaceUnusable(
            f"the face is too small: {quality.width:.0f} pixels, {MIN_WIDTH} are needed",
            hint="come closer, or use a photo of higher resolution",
        )
    if quality.contrast < MIN_CONTRAST:
        raise FaceUnusable(
            "the face has too little contrast", hint="use more even light, not from behind"
        )
    if quality.sharpness < MIN_SHARPNESS:
        raise FaceUnusable(
            "the face is blurred", hint="hold the camera still, focus on the face, add light"
        )
    if abs(quality.roll) > MAX_ROLL:
        raise FaceUnusable("the head leans too far to one side", hint="hold the head upright")
    if abs(quality.yaw) > MAX_YAW:
        raise FaceUnusable("the face is turned away", hint="look straight into the camera")
    if not PITCH_RANGE[0] <= quality.pitch <= PITCH_RANGE[1]:
        raise FaceUnusable("the face looks up or down", hint="look straight into the camera")
