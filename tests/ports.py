"""Ports for the servers of tests, none given twice while suites run beside each other."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 10_000, 32_000  # Linux gives connections the ports above these
_NEXT = Path(tempfile.gettempdir()) / f"mip-tests-{os.getuid()}.port"


def unused_port() -> int:
    """Return a port that nothing listens on and that no other test was given of late."""
    descriptor = os.open(_NEXT, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        last = int(text) if text.isdecimal() else FIRST
        for step in range(1, LAST - FIRST):
            port = FIRST + (last - FIRST + step) % (LAST - FIRST)
            if _is_unused(port):
                file.seek(0)
                file.truncate()
                file.write(str(port))
                return port
    raise OSError("every port is in use")


def _is_unused(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
