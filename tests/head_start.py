"""What takes long and is the same for every test: machine code, a chain with the suite on it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import cv2

from mip_cli.config import find_checkout, load_settings
from mip_cli.flows.demo import demo_photos
from mip_cli.zk.wasm import CACHE_FOLDER, sha256_hex


def session_folder() -> Path:
    """Make a folder that goes when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="mip-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _machine_code() -> tuple[Path, ...]:
    """Copy the machine code that `make setup` left, so that no test can spoil it."""
    checkout = find_checkout()
    assert checkout is not None, "these tests run in a checkout"
    programs = {sha256_hex(path.read_bytes()) for path in checkout.glob("build/circuits/**/*.wasm")}
    kept = load_settings().cache_dir / CACHE_FOLDER
    folder = session_folder()
    return tuple(
        Path(shutil.copy2(path, folder))
        for path in kept.glob("*.cwasm")
        if path.name.partition("-")[0] in programs
    )


def warm(cache_dir: Path) -> None:
    """Give a machine the cache of one that has proved before; costs no room and no reading.

    One that has a cache keeps its own.
    """
    folder = cache_dir / CACHE_FOLDER
    if folder.exists():
        return
    for part in (cache_dir.parent, cache_dir, folder):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in _machine_code():
        try:
            os.link(path, folder / path.name)
        except OSError:  # another file system
            shutil.copy2(path, folder)


def portraits(folder: Path) -> demo_photos.Photos:
    """Return the demonstration's portraits, the person's two cut to the head.

    A quarter of the pixels: looking for faces is a seventh of a command that opens a passport.
    """
    found = demo_photos.find(None, folder)
    for path in (found.first, found.again):
        whole = cv2.imread(str(path))
        assert whole is not None
        assert cv2.imwrite(str(path), whole[8:264, 96:352])
    return found


def copy_parts(source: Path, target: Path, parts: Iterable[str]) -> None:
    """Copy files and folders, given by their paths below both places."""
    for name in parts:
        (target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy2(source / name, target / name)
