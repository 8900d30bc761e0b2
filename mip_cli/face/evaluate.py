"""Counts right and wrong verdicts over labelled pairs of photos."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.face.match import compare
from mip_cli.face.spec import FaceSpec, FaceTemplate

MAX_PAIRS = 1_000_000
"""Rows of a pairs file."""
_COLUMNS = ("path_a", "path_b", "same")


@dataclass(frozen=True)
class Pair:
    """Two photos and whether they show the same person."""

    path_a: str
    path_b: str
    same: bool


@dataclass(frozen=True)
class Report:
    """The outcome of an evaluation at the spec's fixed threshold."""

    spec: FaceSpec
    genuine: int
    """Pairs of the same person."""
    impostor: int
    """Pairs of different people."""
    false_matches: int
    """Impostor pairs that match."""
    false_non_matches: int
    """Genuine pairs that do not match, those with an undetected photo included."""
    undetected: int
    """Photos in which no face was found."""
    gated: int
    """Photos with a face that enrolment would still refuse; the counts above include them."""
    photos: int
    """Distinct photos."""
    eer: float
    """Error rate where both kinds of error are equal, 0 to 1."""
    eer_threshold: int
    """Squared distance at that point; the spec's own threshold does not move."""
    genuine_distances: tuple[int, ...]
    """Squared distances of genuine pairs with two faces, ascending."""
    impostor_distances: tuple[int, ...]
    """The same for impostor pairs."""


def read_pairs(data: bytes) -> list[Pair]:
    """Parse a pairs file: CSV with the columns path_a, path_b and same (1 or 0).

    Raises ``FileInvalid`` for anything else, and for absolute paths or paths with ``..``.
    """
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileInvalid("the pairs file is not CSV in UTF-8") from error
    if not rows or any(name not in (reader.fieldnames or ()) for name in _COLUMNS):
        raise FileInvalid(
            "the pairs file has no rows or lacks a column",
            hint=f"the first line must be: {','.join(_COLUMNS)}",
        )
    if len(rows) > MAX_PAIRS:
        raise FileInvalid(f"the pairs file has more than {MAX_PAIRS} rows")
    return [_pair(number, row) for number, row in enumerate(rows, start=2)]


def _pair(line: int, row: Mapping[str, str | None]) -> Pair:
    path_a, path_b, same = (row.get(name) for name in _COLUMNS)
    if not path_a or not path_b or same not in ("0", "1"):
        raise FileInvalid(f"line {line} of the pairs file is not a pair")
    for path in (path_a, path_b):
        if path.startswith("/") or ".." in path.split("/") or "\0" in path:
            raise FileInvalid(f"line {line} of the pairs file leaves the folder")
    return Pair(path_a, path_b, same == "1")


def score(
    spec: FaceSpec,
    pairs: list[Pair],
    templates: Mapping[str, FaceTemplate | None],
    *,
    gated: int = 0,
) -> Report:
    """Compare every pair by the spec's rules; a photo without a template never matches.

    Raises ``UsageFault`` when one of the two kinds of pair is missing.
    """
    distances: dict[bool, list[float]] = {True: [], False: []}
    matches = {True: 0, False: 0}
    for pair in pairs:
        first, second = templates[pair.path_a], templates[pair.path_b]
        if first is None or second is None:
            distances[pair.same].append(np.inf)
            continue
        verdict = compare(first, second)
        distances[pair.same].append(float(verdict.distance))
        matches[pair.same] += verdict.match
    genuine, impostor = (np.sort(np.array(distances[same])) for same in (True, False))
    if not genuine.size or not impostor.size:
        raise UsageFault("the pairs file needs pairs of both kinds")
    eer, threshold = equal_error(genuine, impostor)
    return Report(
        spec=spec,
        genuine=genuine.size,
        impostor=impostor.size,
        false_matches=matches[False],
        false_non_matches=genuine.size - matches[True],
        undetected=sum(template is None for template in templates.values()),
        gated=gated,
        photos=len(templates),
        eer=eer,
        eer_threshold=threshold,
        genuine_distances=_finite(genuine),
        impostor_distances=_finite(impostor),
    )


def _finite(values: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(value) for value in values[np.isfinite(values)])


def error_rates(
    genuine: NDArray[np.float64], impostor: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return thresholds, false match rates and false non-match rates; inputs ascend."""
    thresholds = np.unique(np.concatenate([[-1.0], genuine, impostor]))
    thresholds = thresholds[np.isfinite(thresholds)]
    false_match = np.searchsorted(impostor, thresholds, side="right") / impostor.size
    false_non_match = 1 - np.searchsorted(genuine, thresholds, side="right") / genuine.size
    return thresholds, false_match, false_non_match


def equal_error(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> tuple[float, int]:
    """Return the equal error rate (mean of both rates where they are closest) and its threshold."""
    thresholds, false_match, false_non_match = error_rates(genuine, impostor)
    best = int(np.argmin(np.abs(false_match - false_non_match)))
    return float((false_match[best] + false_non_match[best]) / 2), int(max(thresholds[best], 0))
