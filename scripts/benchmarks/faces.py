"""Time of each step on one photo, and right and wrong verdicts on a folder of photos."""

from __future__ import annotations

import itertools
import statistics
import tempfile
from pathlib import Path

from benchmarks.common import Context, Figures
from mip_cli.flows import face as flow
from mip_cli.flows.demo import demo_photos
from mip_cli.progress import Silent

RUNS = 7
ROWS, COLUMNS = 480, 640
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def measure(context: Context) -> Figures:
    """Measure the default backend."""
    with tempfile.TemporaryDirectory(prefix="mip-bench-") as folder:
        data = _photo(Path(folder))
    runs = [flow.step_timings(data, context.settings) for _ in range(RUNS)]
    figures = {f"face.{step}_ms": statistics.median(run[step] for run in runs) for step in runs[0]}
    if context.photos is not None:
        figures |= _accuracy(context, context.photos)
    return figures


def _photo(folder: Path) -> bytes:
    """Return a portrait that comes with a package, placed on a canvas of a common size."""
    import cv2
    import numpy as np

    portrait = cv2.imread(str(demo_photos.find(None, folder).first))
    side = cv2.resize(portrait, (ROWS, ROWS), interpolation=cv2.INTER_AREA)
    canvas = np.zeros((ROWS, COLUMNS, 3), dtype=np.uint8)
    canvas[:, :ROWS] = side
    canvas[:, ROWS:] = side[:, : COLUMNS - ROWS]
    return bytes(cv2.imencode(".jpg", canvas)[1])


def _accuracy(context: Context, photos: Path) -> Figures:
    people = {
        person.name: sorted(p for p in person.iterdir() if p.suffix.lower() in _SUFFIXES)
        for person in sorted(photos.iterdir())
        if person.is_dir()
    }
    files = [(name, path) for name, found in people.items() for path in found]
    rows = ["path_a,path_b,same"]
    for (name_a, a), (name_b, b) in itertools.combinations(files, 2):
        pair = (a.relative_to(photos), b.relative_to(photos))
        rows.append(f"{pair[0]},{pair[1]},{int(name_a == name_b)}")
    report = flow.evaluate("\n".join(rows).encode(), photos, context.settings, Silent())
    return {
        f"face.{name}": getattr(report, name)
        for name in (
            "false_matches", "false_non_matches", "impostor", "genuine", "undetected", "eer",
        )
    }  # fmt: skip
