"""The installed ``mip`` as a process: what it prints, and everything it shows to others."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mip_cli.config import find_checkout
from mip_cli.flows.passport.passport_file import Opened

MIP = Path(sys.executable).parent / "mip"
CHECKOUT = find_checkout()
STEP_LIMIT = 1800
"""Seconds after which a command or an awaited event counts as hanging."""


@dataclass(frozen=True)
class Result:
    """What a command left behind when it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on stdout, ``schema`` first."""
        document = json.loads(self.out)
        assert next(iter(document)) == "schema"
        return document

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()

    def succeeded(self) -> Result:
        assert self.code == 0, self
        assert "mip: error" not in self.err
        return self

    def refused(self, code: int, words: str = "") -> Result:
        """Assert one error line, at most one hint, the exit code, no traceback."""
        assert self.code == code, self
        errors = [line for line in self.lines if line.startswith("mip: error: ")]
        hints = [line for line in self.lines if line.startswith("mip: hint: ")]
        assert len(errors) == 1, self
        assert len(hints) <= 1, self
        assert self.lines[self.lines.index(errors[0]) + 1 :] == hints
        text = errors[0].removeprefix("mip: error: ")
        assert text[:1] == text[:1].lower()
        assert not text.endswith(".")
        assert words in text, self
        assert "Traceback" not in self.err
        return self


@dataclass
class Seen:
    """Everything any command showed to others: arguments, environments, output."""

    blobs: set[bytes] = field(default_factory=set)
    canaries: dict[bytes, str] = field(default_factory=dict)
    _looked_at: set[bytes] = field(default_factory=set)
    _looked_for: set[bytes] = field(default_factory=set)
    _read: dict[tuple[int, int, int, int], set[bytes]] = field(default_factory=dict)

    def learn(self, opened: Opened, password: str, device_secret: bytes) -> None:
        """Note the forms in which the secrets of an opened passport could leak."""
        s, sealed = opened.unlocked.secrets, opened.unlocked.sealed
        shares = dict(zip(("password", "face", "people"), sealed.shares, strict=True))
        numbers = {
            "secret": s.secret,
            "anchor key": int.from_bytes(s.anchor_key, "big"),
            "face salt": s.face_salt,
            "keys salt": s.keys_salt,
            "password commitment": s.password_commitment,
            "twin commitment": s.twin_commitment,
            "stretched password": opened.stretched,
            "root key": int.from_bytes(sealed.root_key, "big"),
            **{f"share of {kind}": int.from_bytes(share, "big") for kind, share in shares.items()},
            "device secret": int.from_bytes(device_secret, "big"),
        }
        for name, number in numbers.items():
            raw = number.to_bytes(32, "big")
            forms = (
                raw,
                raw[::-1],
                str(number).encode(),
                b"%064x" % number,
                f"{number:x}".encode(),
            )
            for form in (*forms, raw.hex().upper().encode(), base64.b64encode(raw)):
                self.canaries[form] = name
        head = s.template[:24]
        self.canaries[bytes(v & 255 for v in head)] = "template"
        self.canaries[bytes(v + 128 for v in head)] = "template"
        for separator in (",", ", ", " ", "\n"):
            self.canaries[separator.join(map(str, head)).encode()] = "template"
        self.canaries[password.encode()] = "password"

    def leaks(self, data: bytes) -> set[str]:
        return {name for form, name in self.canaries.items() if form in data}

    def leaks_of(self, path: Path) -> set[str]:
        """Return what stands in a file; in one that did not change only what is newly known."""
        found = path.stat()
        # a machine's warm cache is links to one file
        file = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        looked_for = self._read.setdefault(file, set())
        new = {form: name for form, name in self.canaries.items() if form not in looked_for}
        if not new:
            return set()
        data = path.read_bytes()
        leaks = {form: name for form, name in new.items() if form in data}
        looked_for |= new.keys() - leaks.keys()
        return set(leaks.values())

    def leaked(self) -> set[str]:
        """Return what was shown, looking at each pair of blob and canary once."""
        fresh = self.blobs - self._looked_at
        new = {form: name for form, name in self.canaries.items() if form not in self._looked_for}
        found = {name for blob in self._looked_at for form, name in new.items() if form in blob}
        for blob in fresh:
            found |= self.leaks(blob)
        self._looked_at |= fresh
        self._looked_for |= new.keys()
        return found


class Process:
    """A running ``mip`` in a process group of its own, watched from outside."""

    def __init__(
        self,
        seen: Seen,
        command: Sequence[str | Path],
        env: dict[str, str],
        stdin: str | None,
        **options: Any,
    ) -> None:
        self._seen = seen
        self._popen = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=options.pop("stderr", subprocess.PIPE),
            env=env,
            start_new_session=True,
            text=True,
            **options,
        )
        self.pid = self._popen.pid
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        self._output: list[str] = ["", ""]
        self._reader = threading.Thread(target=self._talk, args=(stdin,))
        self._reader.start()

    def _talk(self, stdin: str | None) -> None:
        out, err = self._popen.communicate(stdin or "", timeout=STEP_LIMIT)
        self._output = [out, err or ""]

    def _watch(self) -> None:
        pause = 0.05
        while not self._done.wait(pause):
            begun = time.monotonic()
            for pid in [self.pid, *descendants(self.pid)]:
                for name in ("cmdline", "environ"):
                    try:
                        self._seen.blobs.add(Path(f"/proc/{pid}/{name}").read_bytes())
                    except OSError:
                        continue
            # on a slow machine looking would else take half a core from what is looked at
            pause = max(0.05, 5 * (time.monotonic() - begun))

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the whole group, as a terminal does."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def result(self) -> Result:
        """Wait for the end."""
        self._reader.join(STEP_LIMIT)
        if self._popen.poll() is None:
            self.signal(signal.SIGKILL)
            self._reader.join()
            self._done.set()
            pytest.fail("the command hangs")
        self._done.set()
        self._watcher.join()
        for text in self._output:
            self._seen.blobs.add(text.encode())
        return Result(self._popen.returncode, *self._output)

    def kill(self) -> Result:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        return self.result()


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, also in other sessions."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                for child in children.read().split():
                    found += [int(child), *descendants(int(child))]
    except OSError:
        pass
    return found
