"""Compares quantised faces in integers, by the same three rules as the circuit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mip_cli.errors import FaceUnusable, UsageFault
from mip_cli.face.spec import QUANTUM_LIMIT, FaceSpec, FaceTemplate


@dataclass(frozen=True)
class Verdict:
    """The answer to: is the probe the enrolled person?"""

    match: bool
    """True when distance, coordinate range and norm floor all hold."""
    distance: int
    """Squared distance in quantised units."""
    threshold: int
    """Largest squared distance that matches."""
    largest_difference: int
    """Largest magnitude among the differences of coordinates."""
    reason: str
    """Which rule failed, in plain words; empty for a match."""


def quantize(spec: FaceSpec, embedding: NDArray[np.float32]) -> FaceTemplate:
    """Return the integers of an embedding: scaled, rounded half to even, clipped to +-127.

    Raises ``UsageFault`` when the embedding has another dimension and ``FaceUnusable`` when it
    holds no usable numbers.
    """
    if embedding.shape != (spec.dimension,):
        raise UsageFault(f"{spec.id} embeds into {spec.dimension} numbers, not {embedding.shape}")
    if not np.isfinite(embedding).all():
        raise FaceUnusable("the face network gave no usable numbers", hint="use another photo")
    scaled = np.rint(embedding.astype(np.float64) * spec.scale)
    clipped = np.clip(scaled, -QUANTUM_LIMIT, QUANTUM_LIMIT)
    return FaceTemplate(spec, tuple(int(value) for value in clipped))


def fold_norm(template: FaceTemplate) -> int:
    """Return the sum of squares of sums of ``fold`` neighbours, which the circuit bounds below."""
    width, values = template.spec.fold, template.values
    return sum(sum(values[start : start + width]) ** 2 for start in range(0, len(values), width))


def require_enrollable(template: FaceTemplate) -> None:
    """Raise ``FaceUnusable`` for a template near zero, which no circuit would accept."""
    if fold_norm(template) < template.spec.fold_floor:
        raise FaceUnusable(
            "the photo gives a degenerate face template",
            hint="use a sharp, evenly lit photo of one face",
        )


def compare(template: FaceTemplate, probe: FaceTemplate) -> Verdict:
    """Compare a probe with a template.

    Raises ``UsageFault`` when their specs differ: such numbers mean different things.
    """
    spec = template.spec
    if spec != probe.spec:
        raise UsageFault(
            f"templates of different specs cannot be compared: {spec.id} and {probe.spec.id}",
            hint="make both with the same --backend",
        )
    differences = [a - b for a, b in zip(template.values, probe.values, strict=True)]
    distance = sum(difference * difference for difference in differences)
    reason = ""
    if fold_norm(template) < spec.fold_floor:
        reason = "the enrolled template is degenerate"
    elif distance > spec.threshold:
        reason = "the faces lie too far apart"
    elif _outside(differences, spec.coordinate_limit):
        reason = "one coordinate differs more than the circuit allows"
    return Verdict(
        match=not reason,
        distance=distance,
        threshold=spec.threshold,
        largest_difference=max((abs(difference) for difference in differences), default=0),
        reason=reason,
    )


def _outside(differences: Iterable[int], limit: int) -> bool:
    return any(not -limit <= difference < limit for difference in differences)
