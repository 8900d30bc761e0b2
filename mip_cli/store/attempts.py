"""How often photos did not match, per key file and across restarts (protocol section 11).

Counted before the photo is compared, so that a kill in between costs an attempt and never gives
one. Each count is authenticated under the device secret. It stops who uses the tool, not who has
the disk: he has device secret and template, and still needs a second kind of key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mip_cli.crypto import aead, jsontext, kdf
from mip_cli.errors import KeyLocked
from mip_cli.store import files
from mip_cli.store.device import DeviceSecret, device_dir
from mip_cli.store.slots import FaceSlot

FORMAT = "mip.attempts/1"
LIMIT = 5
"""Photos that may fail to match in a row."""
WAIT = 3600
"""Seconds between attempts beyond the limit, for a passport without people: nobody else could
open its face again, and a holder in bad light must not lose it for ever."""
MAX_ENTRIES = 256
"""Counts kept; the oldest goes first."""

_MAX_BYTES = 64 * 1024
_MAC = b"mip attempts/1"
_WHAT = "record of attempts"


@dataclass(frozen=True)
class _Count:
    failed: int
    last: int
    mac: bytes


class Attempts:
    """The count of one face slot on the device that can open it."""

    def __init__(
        self, data_dir: Path, secret: DeviceSecret, slot: FaceSlot, *, has_people: bool
    ) -> None:
        self._path = _path(data_dir)
        self._key = kdf.subkey(secret.value, _MAC)
        self._slot = _slot_id(slot)
        self._has_people = has_people

    def require_open(self, now: float) -> int:
        """Return how many attempts are left now; raise ``KeyLocked`` when there is none."""
        with _locked(self._path):
            return self._require(_read(self._path), now)

    def begin(self, now: float) -> None:
        """Count an attempt, durably, before a photo is compared; ``KeyLocked`` when none is left.

        ``forget`` sets it back once the passport is open.
        """
        with _locked(self._path):
            counts = _read(self._path)
            self._require(counts, now)
            found = counts.get(self._slot)
            failed, last = (found.failed if found else 0) + 1, int(now)
            mac = aead.mac(self._key, self._body(failed, last))
            _write(self._path, {**counts, self._slot: _Count(failed, last, mac)})

    def _require(self, counts: dict[str, _Count], now: float) -> int:
        found = counts.get(self._slot)
        if found is None:
            return LIMIT
        body = self._body(found.failed, found.last)
        if not aead.mac_matches(self._key, body, found.mac):
            raise _altered(self._path)
        if found.failed < LIMIT:
            return LIMIT - found.failed
        if self._has_people:
            raise KeyLocked(
                f"the face is closed after {LIMIT} photos that did not match",
                hint="open the passport with password and people",
            )
        left = min(WAIT, found.last + WAIT - int(now))
        if left > 0:
            raise KeyLocked(
                f"the face is closed for {-(-left // 60)} minutes more "
                f"after {LIMIT} photos that did not match",
                hint="wait, then take one good photo: better light, straight into the camera",
            )
        return 1

    def _body(self, failed: int, last: int) -> bytes:
        return jsontext.canonical({"slot": self._slot, "failed": failed, "last": last})


def forget(data_dir: Path, slot: FaceSlot) -> None:
    """Forget the failures of a face slot: two kinds of key opened its passport."""
    path = _path(data_dir)
    if not path.exists():
        return
    with _locked(path):
        try:
            counts = _read(path)
        except KeyLocked:
            files.remove_file(path)  # whoever opens the passport may mend the record too
            return
        if counts.pop(_slot_id(slot), None) is not None:
            _write(path, counts)


def _path(data_dir: Path) -> Path:
    return device_dir(data_dir) / "attempts.json"


def _slot_id(slot: FaceSlot) -> str:
    # the slot, not the file's name: a copy under another name shares the count
    return kdf.subkey(slot.wrapped.nonce + slot.wrapped.ciphertext, _MAC)[:16].hex()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    files.ensure_private_dir(path.parent)
    with files.lock(path, what=f"the {_WHAT}"):
        yield


def _write(path: Path, counts: dict[str, _Count]) -> None:
    newest = sorted(counts.items(), key=lambda item: item[1].last)[-MAX_ENTRIES:]
    entries = {
        slot: {"failed": c.failed, "last": c.last, "mac": "0x" + c.mac.hex()}
        for slot, c in sorted(newest)
    }
    document = {"format": FORMAT, "attempts": entries}
    files.atomic_write(path, json.dumps(document, indent=2).encode() + b"\n")


def _read(path: Path) -> dict[str, _Count]:
    if not path.exists() and not path.is_symlink():
        return {}
    data = files.read_bounded(path, _MAX_BYTES, what=_WHAT, follow_symlinks=False)
    try:
        document = jsontext.parse(data)
        if document["format"] != FORMAT:
            raise ValueError("another format")
        return {slot: _count(entry) for slot, entry in document["attempts"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _altered(path) from None


def _count(entry: Any) -> _Count:
    failed, last, mac = entry["failed"], entry["last"], bytes.fromhex(entry["mac"][2:])
    if type(failed) is not int or type(last) is not int or not 0 < failed < 1 << 32:
        raise ValueError("not a count")
    return _Count(failed, last, mac)


def _altered(path: Path) -> KeyLocked:
    # closed, not open: whoever alters the count must not win attempts by it
    return KeyLocked(
        f"the {_WHAT} {path} was altered or is damaged",
        hint=f"open the passport with password and people, or move {path} away if it is yours",
    )
