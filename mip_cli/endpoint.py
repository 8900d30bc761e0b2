"""The address of a node, what may be shown of it, and a limit to the time it may take.

Only scheme, host and port appear in messages: paths and user names of hosted nodes are secrets.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import math
import os
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from mip_cli.errors import ConfigInvalid


@dataclass(frozen=True)
class Endpoint:
    """A checked node address."""

    secure: bool
    """Whether TLS protects it."""
    host: str
    """Host name or address."""
    port: int
    """TCP port."""
    target: str
    """Path and query; may hold an access key, never shown."""
    authorization: str | None
    """Value of the Authorization header, never shown."""

    def __repr__(self) -> str:
        return f"Endpoint({self.label})"

    @property
    def label(self) -> str:
        """The part that may be shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether the traffic stays on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_endpoint(
    url: str, *, what: str = "the RPC URL", example: str = "http://127.0.0.1:8545"
) -> Endpoint:
    """Check a node URL; raise ``ConfigInvalid`` for anything but http and https with a host."""
    hint = f"use a URL such as {example}"
    if any(ord(c) <= 32 or ord(c) > 126 for c in url):
        raise ConfigInvalid(f"{what} holds blanks or non-ASCII characters", hint=hint)
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigInvalid(f"{what} cannot be understood", hint=hint) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigInvalid(f"{what} must start with http:// or https:// and a host", hint=hint)
    secure = parts.scheme == "https"
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    return Endpoint(secure, parts.hostname, port or (443 if secure else 80), target, authorization)


class Watchdog:
    """Cuts a connection at a deadline: a socket timeout alone lets a node drip for ever."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self.fired = False
        self.deadline = time.monotonic() + seconds
        self._sock = sock

    def cut(self) -> None:
        """Break the connection off; whoever waits for it reads an end."""
        self.fired = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Watchdog:
        _DEADLINES.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _DEADLINES.remove(self)


class _Deadlines:
    """One thread that cuts what is late: to start a thread for each request costs as much as it.

    It sleeps until the first deadline it knows; a request with a later one does not wake it.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew: a fork has no thread, perhaps a held lock, and the sockets of its parent."""
        self._changed = threading.Condition()
        self._open: set[Watchdog] = set()
        self._wakes = math.inf
        self._started = False

    def add(self, watchdog: Watchdog) -> None:
        with self._changed:
            self._open.add(watchdog)
            if not self._started:
                threading.Thread(target=self._run, name="deadlines", daemon=True).start()
                self._started = True
            elif watchdog.deadline < self._wakes:
                self._changed.notify()

    def remove(self, watchdog: Watchdog) -> None:
        """Forget a connection; it is not cut once this has returned."""
        with self._changed:
            self._open.discard(watchdog)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for watchdog in [w for w in self._open if w.deadline <= now]:
                    watchdog.cut()
                    self._open.discard(watchdog)
                self._wakes = min((w.deadline for w in self._open), default=math.inf)
                self._changed.wait(None if self._wakes == math.inf else self._wakes - now)


_DEADLINES = _Deadlines()
os.register_at_fork(after_in_child=_DEADLINES.forget)
