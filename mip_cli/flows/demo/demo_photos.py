"""Photos for the demonstration: a folder of the user's, or portraits that come with packages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mip_cli.errors import ToolMissing, UsageFault

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Photos:
    """Two photos of one person and one of another."""

    first: Path
    """For enrolment."""
    again: Path
    """A fresh one of the same person."""
    other: Path
    """Somebody else."""
    first_text: str
    """What ``first`` is."""
    again_text: str
    """What ``again`` is."""


def find(folder: Path | None, work_dir: Path) -> Photos:
    """Return photos from ``folder`` (one folder a person), else portraits from packages.

    The portraits are single photos: the second one is the first taken again in software, and the
    text says so. Raises ``UsageFault`` when the folder does not hold enough.
    """
    if folder is None:
        return _portraits(work_dir)
    people = [
        sorted(p for p in person.iterdir() if p.suffix.lower() in _SUFFIXES)
        for person in sorted(folder.iterdir() if folder.is_dir() else [])
        if person.is_dir()
    ]
    holders = [photos for photos in people if len(photos) > 1]
    if not holders or len(people) < 2:
        raise UsageFault(
            f"{folder} does not hold photos of two people",
            hint="it needs one folder for each person, with two photos of the first",
        )
    holder = holders[0]
    other = next(photos for photos in people if photos and photos is not holder)
    return Photos(holder[0], holder[1], other[0], "a photo", "a second photo of the same person")


def _portraits(work_dir: Path) -> Photos:
    try:
        import cv2
        import matplotlib
        from skimage import data as portraits
    except ImportError as error:
        raise ToolMissing(
            "there are no photos to play with", hint="name some: mip demo --photos DIR"
        ) from error
    work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    image = portraits.astronaut()[:, :, ::-1]
    first, again = work_dir / "astronaut.jpg", work_dir / "astronaut-again.jpg"
    turned = cv2.warpAffine(image, cv2.getRotationMatrix2D((256, 256), 4, 1.03), (512, 512))
    cv2.imwrite(str(first), image)
    cv2.imwrite(str(again), cv2.convertScaleAbs(turned, alpha=0.85), [cv2.IMWRITE_JPEG_QUALITY, 80])
    other = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return Photos(
        first,
        again,
        other,
        "a portrait (Eileen Collins, NASA, public domain)",
        "the same portrait turned, darkened and compressed",
    )
