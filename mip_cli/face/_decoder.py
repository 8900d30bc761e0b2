"""Decodes one image in a process of its own; run as ``python -I -S _decoder.py PACKAGES PIXELS``.

Reads the file from standard input and writes a status byte, then either a plain error text or the
two side lengths (little-endian, 4 bytes each) and the pixels, red first. Imports nothing of this
project: it must start fast and know nothing. Limits come first, before any decoder is loaded.
"""

import math
import os
import resource
import struct
import sys
import time

MEMORY = 300 * 1024 * 1024
"""Bytes of address space on top of the loaded libraries; with them and the caller < 512 MiB."""
CPU_SECONDS = 5
"""Seconds of computing for one image, once the libraries are loaded."""
LOADING_SECONDS = 30
"""Seconds of computing to load them: no image's doing, and half a second on an idle laptop."""
MAX_BYTES = 20 * 1024 * 1024
MAX_WORKING_PIXELS = 4_000_000
"""Photos are scaled down to this before they leave: faces need no more, and memory stays small."""
HALVED_FROM = 4 * MAX_WORKING_PIXELS
"""A JPEG of this many pixels is decoded at half its size, which takes a quarter of the memory."""


def main() -> None:
    """Decode standard input within the limits."""
    resource.setrlimit(resource.RLIMIT_CPU, (LOADING_SECONDS, LOADING_SECONDS + CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    # Decoders print warnings on standard error; one of them is the only sign of a cut-off file.
    warnings = os.memfd_create("warnings")
    os.dup2(warnings, 2)
    sys.path.append(sys.argv[1])
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        import cv2
        import numpy as np

        with open("/proc/self/statm") as statistics:
            loaded = int(statistics.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (loaded + MEMORY, loaded + MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        seconds = math.floor(time.process_time()) + CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        cv2.setNumThreads(0)
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        if data.startswith(b"\xff\xd8") and int(sys.argv[2]) >= HALVED_FROM:
            flags |= cv2.IMREAD_REDUCED_COLOR_2
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
        if image is None:
            fail("the image data is broken")
        if b"remature end" in os.pread(warnings, 1 << 20, 0):
            fail("the image is cut off")
        rows, columns = image.shape[:2]
        excess = (rows * columns / MAX_WORKING_PIXELS) ** 0.5
        if excess > 1:
            size = (max(1, round(columns / excess)), max(1, round(rows / excess)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    except MemoryError:
        fail("the image needs too much memory")
    except cv2.error as error:
        text = "needs too much memory" if "emory" in str(error) else "data is broken"
        fail("the image " + text)
    header = struct.pack("<II", image.shape[0], image.shape[1])
    write(b"\0" + header)
    write(np.ascontiguousarray(image).tobytes())
    os._exit(0)


def fail(text: str) -> None:
    """Report why there are no pixels."""
    write(b"\1" + text.encode())
    os._exit(0)


def write(data: "bytes | memoryview") -> None:
    """Write all of the data to standard output."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
