"""From pixels to a template: detect, align, judge, embed, quantise."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.errors import FaceUnusable
from mip_cli.face.backends import Backend
from mip_cli.face.geometry import Detection, Landmarks, Pixels
from mip_cli.face.match import quantize
from mip_cli.face.quality import Quality, measure, require_one, require_usable
from mip_cli.face.spec import FaceTemplate


@dataclass(frozen=True)
class Located:
    """A face with its landmarks and measures."""

    detection: Detection
    landmarks: Landmarks
    quality: Quality


def locate(backend: Backend, image: Pixels, detection: Detection) -> Located:
    """Return landmarks and measures of one detected face."""
    landmarks = backend.landmarks(image, detection)
    return Located(detection, landmarks, measure(image, detection.box, landmarks))


def locate_usable(backend: Backend, image: Pixels) -> Located:
    """Return the one face of a photo.

    Raises ``FaceUnusable`` for none, several, or one that is too small, blurred or turned away.
    """
    located = locate(backend, image, require_one(backend.detect(image)))
    require_usable(located.quality)
    return located


def gate(detections: list[Detection], located: Located | None) -> FaceUnusable | None:
    """Return why enrolment would refuse a photo with this main face, or None."""
    try:
        require_one(detections)
        if located is not None:
            require_usable(located.quality)
    except FaceUnusable as error:
        return error
    return None


def template_of(backend: Backend, image: Pixels, located: Located) -> FaceTemplate:
    """Return the quantised embedding of a located face."""
    return quantize(backend.spec, backend.embed(image, located.landmarks))


def extract(backend: Backend, image: Pixels) -> FaceTemplate:
    """Return the template of the one usable face; ``FaceUnusable`` otherwise."""
    return template_of(backend, image, locate_usable(backend, image))
