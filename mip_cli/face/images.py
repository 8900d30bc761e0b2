"""Reads photos that nobody vouches for, in bounded memory and time.

The file must be a regular one of at most 20 MiB; its header may claim at most 40 megapixels; the
decoder runs in a process that holds nothing secret, with limits on memory, time and files.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from mip_cli.errors import FileInvalid, ToolMissing
from mip_cli.face import _decoder
from mip_cli.face.geometry import Pixels
from mip_cli.face.headers import ImageHeader, read_header

MAX_BYTES = _decoder.MAX_BYTES
"""Largest accepted file, bytes."""
MAX_PIXELS = 40_000_000
"""Largest accepted image, pixels."""
MAX_SIDE = 20_000
"""Longest accepted side, pixels."""
TIME_LIMIT = 60.0
"""Seconds the decoder may take in all. What it may compute is less, and bound by its process: a
good photo is not refused for a machine that is busy with something else."""

Source = Path | bytes
"""A file, or its bytes where they came from a pipe."""


def read_image_bytes(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises ``FileInvalid`` when it is missing, empty, too large, or no regular file: a pipe or a
    device could be endless.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise FileInvalid(f"cannot read {path}: {str(reason).lower()}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileInvalid(f"{path} is not a regular file", hint="name a photo on disk")
    with os.fdopen(handle, "rb") as file:
        return file.read(MAX_BYTES + 1)


def check_image(data: bytes) -> ImageHeader:
    """Return the header of acceptable image data; ``FileInvalid`` says what is wrong otherwise."""
    if not data:
        raise FileInvalid("the image file is empty")
    if len(data) > MAX_BYTES:
        raise FileInvalid(
            f"the image file is larger than {MAX_BYTES >> 20} MiB", hint="save a smaller copy"
        )
    header = read_header(data)
    if header.width * header.height > MAX_PIXELS or max(header.width, header.height) > MAX_SIDE:
        raise FileInvalid(
            f"the image claims {header.width} x {header.height} pixels, more than "
            f"{MAX_PIXELS // 1_000_000} million in all or {MAX_SIDE} on a side",
            hint="save a smaller copy",
        )
    return header


class PendingImage:
    """An image on its way out of the decoder; the caller can load models meanwhile."""

    def __init__(self, source: Source) -> None:
        """Start the decoder; raises ``FileInvalid`` for what the header alone gives away."""
        data = source if isinstance(source, bytes) else read_image_bytes(source)
        self._header = check_image(data)
        pixels = self._header.width * self._header.height
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", _decoder.__file__, _packages(), str(pixels)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            cwd="/",
        )
        self._expired = threading.Event()
        self._timer = threading.Timer(TIME_LIMIT, self._expire)
        self._timer.daemon = True
        self._timer.start()
        self._feeder = threading.Thread(target=self._feed, args=(data,), daemon=True)
        self._feeder.start()

    def _expire(self) -> None:
        self._expired.set()
        self._process.kill()

    def _feed(self, data: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - narrows the type only
        with contextlib.suppress(OSError):  # the decoder died; the reader of its answer says so
            self._process.stdin.write(data)
            self._process.stdin.close()

    def result(self) -> Pixels:
        """Wait for the pixels, upright; call once.

        Raises ``FileInvalid`` when the data is broken or needs too much memory or time.
        """
        assert self._process.stdout is not None  # noqa: S101 - narrows the type only
        limit = 3 * _decoder.MAX_WORKING_PIXELS + (1 << 18)
        try:
            answer = self._process.stdout.read(limit)
        finally:
            self.cancel()
        if self._expired.is_set():
            raise FileInvalid(
                f"the image takes longer than {TIME_LIMIT:.0f} s to decode",
                hint="save it as an ordinary JPEG",
            )
        return _upright(_parse(answer), self._header.orientation)

    def cancel(self) -> None:
        """Stop the decoder and let go of its pipes, whether it has answered or not."""
        self._timer.cancel()
        self._process.kill()
        self._process.wait()
        self._feeder.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # unsent bytes cannot be flushed any more
                    pipe.close()


def load_image(source: Source) -> Pixels:
    """Return the upright pixels of a photo, at most four megapixels, shape (rows, columns, 3).

    Raises ``FileInvalid``; see ``PendingImage``.
    """
    return PendingImage(source).result()


def _packages() -> str:
    found = importlib.util.find_spec("cv2")
    if found is None or found.origin is None:
        raise ToolMissing("OpenCV is not installed", hint="run make setup")
    return str(Path(found.origin).parent.parent)


def _parse(answer: bytes) -> Pixels:
    hint = "open it in an image editor and save it again"
    if not answer:  # killed by a limit, or crashed on hostile data
        raise FileInvalid("the image cannot be decoded within the limits", hint=hint)
    if answer[0] != 0:
        raise FileInvalid(answer[1:200].decode("ascii", "replace"), hint=hint)
    if len(answer) < 9:
        raise FileInvalid("the image cannot be decoded within the limits", hint=hint)
    rows, columns = struct.unpack_from("<II", answer, 1)
    if len(answer) != 9 + 3 * rows * columns:
        raise FileInvalid("the image cannot be decoded within the limits", hint=hint)
    return np.frombuffer(answer, dtype=np.uint8, offset=9).reshape(rows, columns, 3)


def _upright(image: Pixels, orientation: int) -> Pixels:
    """Undo an Exif orientation."""
    if orientation >= 5:  # rows and columns swapped
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
