"""Faces for the other flows and the command line: detect, compare, evaluate, enrol, prove.

A face is a gate, not a key: it has some tens of bits at best, it cannot be replaced, and nothing
here checks that a living person stands before the camera.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mip_cli.config import Settings
from mip_cli.errors import FaceUnusable, FileInvalid
from mip_cli.face import pipeline
from mip_cli.face.annotate import annotated_png
from mip_cli.face.backends import Backend, open_backend
from mip_cli.face.evaluate import Report, read_pairs, score
from mip_cli.face.geometry import Box, Detection, Pixels
from mip_cli.face.images import MAX_BYTES, PendingImage, Source
from mip_cli.face.match import Verdict, quantize, require_enrollable
from mip_cli.face.match import compare as compare_templates
from mip_cli.face.pipeline import Located
from mip_cli.face.quality import Quality, foreground, require_one
from mip_cli.face.spec import SPECS, FaceSpec, FaceTemplate
from mip_cli.flows.models import ensure_models
from mip_cli.progress import Progress, Silent

__all__ = [
    "Comparison",
    "Detected",
    "FaceTemplate",
    "Found",
    "Quality",
    "compare",
    "det_picture",
    "detect",
    "enrolment_template",
    "evaluate",
    "load_backend",
    "match",
    "probe",
    "step_timings",
]

T = TypeVar("T")
MAX_PHOTO_BYTES = MAX_BYTES
"""Largest photo file, bytes."""
MAX_PAIRS_BYTES = 64 << 20
"""Largest pairs file, bytes."""


@dataclass(frozen=True)
class Found:
    """One detected face."""

    box: Box
    score: float
    """Confidence in the detector's own unit."""
    counts: bool
    """False for a bystander much smaller than the largest face."""


@dataclass(frozen=True)
class Detected:
    """What a photo shows and whether it can be used."""

    spec: FaceSpec
    width: int
    """Columns of the upright photo as it was examined."""
    height: int
    """Rows."""
    faces: tuple[Found, ...]
    """Largest first."""
    landmarks: tuple[tuple[float, float], ...]
    """Five points of the largest face, empty without one."""
    quality: Quality | None
    """Measures of the largest face."""
    refusal: FaceUnusable | None
    """Why enrolment would refuse the photo; None when it would not."""
    picture: bytes | None
    """Annotated PNG, when asked for."""


@dataclass(frozen=True)
class Comparison:
    """Two photos compared under one spec."""

    spec: FaceSpec
    verdict: Verdict


def load_backend(settings: Settings, progress: Progress, backend: str | None = None) -> Backend:
    """Open a backend, the default of the settings unless named; builds models on first use."""
    name = backend or settings.face_backend
    if name in SPECS:
        ensure_models(settings, progress)
    return open_backend(name, settings)


def enrolment_template(
    image: Source, settings: Settings, progress: Progress, backend: str | None = None
) -> FaceTemplate:
    """Return the template of the one usable face in a photo, fit to be committed to.

    Raises ``FaceUnusable`` with what to do about it, ``FileInvalid`` for a photo that cannot be
    read, ``ArtifactMismatch`` for a missing or changed model.
    """
    template = probe(image, settings, progress, backend)
    require_enrollable(template)
    return template


def probe(
    image: Source, settings: Settings, progress: Progress, backend: str | None = None
) -> FaceTemplate:
    """Return a fresh vector to compare with a template; fails as ``enrolment_template`` does."""
    opened, pixels = _open_both(image, settings, progress, backend)
    progress.step("reading the face")
    return pipeline.extract(opened, pixels)


def match(template: FaceTemplate, fresh: FaceTemplate) -> Verdict:
    """Compare a probe with a template by the rules of the circuit; ``UsageFault`` across specs."""
    return compare_templates(template, fresh)


def detect(
    image: Source,
    settings: Settings,
    progress: Progress,
    backend: str | None = None,
    *,
    picture: bool = False,
) -> Detected:
    """Return what is found in a photo, with the verdict enrolment would give; never a template."""
    opened, pixels = _open_both(image, settings, progress, backend)
    progress.step("looking for faces")
    detections = opened.detect(pixels)
    counted = foreground(detections)
    located: Located | None = None
    refusal: FaceUnusable | None
    try:
        if counted:
            located = pipeline.locate(opened, pixels, counted[0])
        refusal = pipeline.gate(detections, located)
    except FaceUnusable as error:
        refusal = error
    return Detected(
        spec=opened.spec,
        width=pixels.shape[1],
        height=pixels.shape[0],
        faces=tuple(_found(one, counted) for one in _largest_first(detections)),
        landmarks=_points(located),
        quality=located.quality if located else None,
        refusal=refusal,
        picture=_picture(pixels, detections, located, refusal) if picture else None,
    )


def compare(
    first: Source,
    second: Source,
    settings: Settings,
    progress: Progress,
    backend: str | None = None,
) -> Comparison:
    """Compare the one usable face of each photo: the first is the template, the second the probe.

    Raises as ``enrolment_template`` does; the message says which photo is meant.
    """
    opened, pixels = _open_both(first, settings, progress, backend, label="first photo")
    pending = _labelled("second photo", lambda: PendingImage(second))
    try:
        progress.step("reading the first face")
        template = _labelled("first photo", lambda: pipeline.extract(opened, pixels))
        _labelled("first photo", lambda: require_enrollable(template))
    except BaseException:
        pending.cancel()
        raise
    pixels = _labelled("second photo", pending.result)
    progress.step("reading the second face")
    fresh = _labelled("second photo", lambda: pipeline.extract(opened, pixels))
    return Comparison(opened.spec, compare_templates(template, fresh))


def evaluate(
    pairs_csv: bytes,
    root: Path,
    settings: Settings,
    progress: Progress,
    backend: str | None = None,
) -> Report:
    """Run a backend over labelled pairs of photos below a folder.

    The largest face of each photo counts, whatever its quality: this measures the matcher, and
    refusing hard photos would flatter it. Raises ``FileInvalid`` when a photo cannot be read.
    """
    pairs = read_pairs(pairs_csv)
    paths = sorted({path for pair in pairs for path in (pair.path_a, pair.path_b)})
    opened = load_backend(settings, progress, backend)
    templates: dict[str, FaceTemplate | None] = {}
    gated = 0
    progress.step(f"reading {len(paths)} photos")
    # The next photo is decoded in its own process while this one is examined.
    pending = _start(root, paths[0])
    for done, path in enumerate(paths):
        progress.advance(done, len(paths))
        following = None
        try:
            following = _start(root, paths[done + 1]) if done + 1 < len(paths) else None
            pixels = _labelled(path, pending.result)
            templates[path], refused = _template_and_gate(opened, pixels)
        except BaseException:
            pending.cancel()
            if following is not None:
                following.cancel()
            raise
        gated += refused
        if following is not None:
            pending = following
    progress.step(f"comparing {len(pairs)} pairs")
    return score(opened.spec, pairs, templates, gated=gated)


def det_picture(report: Report) -> bytes:
    """Return the detection error trade-off of an evaluation as a PNG.

    Raises ``ToolMissing`` without the ``plot`` extra.
    """
    from mip_cli.face.detplot import det_png

    return det_png(report)


def step_timings(image: Source, settings: Settings, backend: str | None = None) -> dict[str, float]:
    """Return CPU milliseconds of each step on one photo, models loaded and warm."""
    opened, pixels = _open_both(image, settings, Silent(), backend)
    pipeline.extract(opened, pixels)  # the first run allocates and optimises
    timings: dict[str, float] = {}

    def timed(name: str, work: Callable[[], T]) -> T:
        start = time.process_time()
        result = work()
        timings[name] = (time.process_time() - start) * 1000
        return result

    detections = timed("detect", lambda: opened.detect(pixels))
    face = require_one(detections)
    landmarks = timed("landmarks", lambda: opened.landmarks(pixels, face))
    vector = timed("embed", lambda: opened.embed(pixels, landmarks))
    timed("quantise", lambda: quantize(opened.spec, vector))
    return timings


def _open_both(
    image: Source,
    settings: Settings,
    progress: Progress,
    backend: str | None,
    label: str | None = None,
) -> tuple[Backend, Pixels]:
    """Decode the photo in its process while the models load in this one."""
    progress.step("reading the photo")

    def start() -> PendingImage:
        return PendingImage(image)

    pending = _labelled(label, start) if label else start()
    try:
        opened = load_backend(settings, progress, backend)
    except BaseException:
        pending.cancel()
        raise
    return opened, _labelled(label, pending.result) if label else pending.result()


def _labelled(label: str, work: Callable[[], T]) -> T:
    """Run a step on one of several photos so that a failure names the photo."""
    try:
        return work()
    except (FaceUnusable, FileInvalid) as error:
        raise type(error)(f"{label}: {error.message}", hint=error.hint) from error


def _start(root: Path, path: str) -> PendingImage:
    return _labelled(path, lambda: PendingImage(root / path))


def _template_and_gate(backend: Backend, pixels: Pixels) -> tuple[FaceTemplate | None, bool]:
    detections = backend.detect(pixels)
    faces = foreground(detections)
    if not faces:
        return None, False
    try:
        located = pipeline.locate(backend, pixels, faces[0])
        template = pipeline.template_of(backend, pixels, located)
    except FaceUnusable:
        return None, False
    return template, pipeline.gate(detections, located) is not None


def _largest_first(detections: list[Detection]) -> list[Detection]:
    return sorted(detections, key=lambda one: one.box.area, reverse=True)


def _found(detection: Detection, counted: list[Detection]) -> Found:
    counts = any(detection is one for one in counted)
    return Found(detection.box, detection.score, counts)


def _points(located: Located | None) -> tuple[tuple[float, float], ...]:
    if located is None:
        return ()
    return tuple((float(x), float(y)) for x, y in located.landmarks.points)


def _picture(
    pixels: Pixels,
    detections: list[Detection],
    located: Located | None,
    refusal: FaceUnusable | None,
) -> bytes:
    text = "one usable face" if refusal is None else refusal.message
    return annotated_png(pixels, detections, located, text, good=refusal is None)
