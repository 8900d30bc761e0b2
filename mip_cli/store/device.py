"""The device secret: what makes a face slot open on one device only (protocol section 11).

In the system's keyring where one is there and unlocked, else in ``<data>/device/secret`` (0600).
Its name follows from it, so that a slot names its device without telling the secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mip_cli.crypto import kdf
from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.errors import FileInvalid, KeyLocked
from mip_cli.store import files
from mip_cli.store.keyring import Keyring
from mip_cli.store.slots import DEVICE_NAME_BYTES

SECRET_BYTES = 32
DEVICE_FILES = ("secret", "keyring", "attempts.json")
"""What may lie in the folder of a device; private."""
_NAME = b"mip device name/1"
_MAX_BYTES = 256
_WHAT = "device secret"


class Place(StrEnum):
    """Where a device secret lies."""

    KEYRING = "keyring"
    """In the system's keyring; the operating system asks for the login first."""
    FILE = "file"
    """In a file that only its owner reads."""


@dataclass(frozen=True, repr=False)
class DeviceSecret:
    """The secret of one device."""

    value: bytes
    """32 bytes."""
    place: Place
    """Where it lies."""

    def __repr__(self) -> str:
        return f"DeviceSecret({self.place.value}, <redacted>)"

    @property
    def name(self) -> bytes:
        """16 bytes that tell device secrets apart; public."""
        return kdf.subkey(self.value, _NAME)[:DEVICE_NAME_BYTES]


def device_dir(data_dir: Path) -> Path:
    """Return the folder of what belongs to this device; it may not exist yet."""
    return data_dir / "device"


def find(data_dir: Path, name: bytes, keyring: Keyring | None) -> DeviceSecret:
    """Return the device secret of a name, as a face slot states it.

    Raises ``KeyLocked`` when this device does not have it, or its keyring is locked.
    """
    secret = _from_file(data_dir)
    if secret is not None and secret.name == name:
        return secret
    if keyring is not None and (found := keyring.get(name.hex())) is not None:
        secret = DeviceSecret(_decode(found), Place.KEYRING)
        if secret.name == name:
            return secret
    if _marked(data_dir) == name:
        raise KeyLocked(
            "the device secret lies in the system's keyring, which is locked or not there",
            hint="unlock the keyring, or open the passport with password and people",
        )
    raise KeyLocked(
        "the passport's face was set on another device, or this one lost its device secret",
        hint="open it with password and people, then set the face anew: `mip recover`",
    )


def ensure(data_dir: Path, keyring: Keyring | None, *, rng: Rng = system_rng) -> DeviceSecret:
    """Return the secret of this device, drawn at first use; durable on return.

    Raises ``KeyLocked`` when it lies in a keyring that is locked now.
    """
    folder = files.ensure_private_dir(device_dir(data_dir))
    with files.lock(folder / "secret", what="the device secret"):
        if (secret := _from_file(data_dir)) is not None:
            return secret
        if (name := _marked(data_dir)) is not None:
            return find(data_dir, name, keyring)
        value = rng(SECRET_BYTES)
        if keyring is not None:
            secret = DeviceSecret(value, Place.KEYRING)
            if keyring.set(secret.name.hex(), value.hex()):
                files.atomic_write(folder / "keyring", secret.name.hex().encode() + b"\n")
                return secret
        files.atomic_write(folder / "secret", value.hex().encode() + b"\n", overwrite=False)
        return DeviceSecret(value, Place.FILE)


def place(data_dir: Path) -> Place | None:
    """Return where this device's secret lies, without reading it; None before first use."""
    folder = device_dir(data_dir)
    if (folder / "secret").exists():
        return Place.FILE
    return Place.KEYRING if (folder / "keyring").exists() else None


def _from_file(data_dir: Path) -> DeviceSecret | None:
    path = device_dir(data_dir) / "secret"
    if not path.exists() and not path.is_symlink():
        return None
    return DeviceSecret(_decode(_line(path)), Place.FILE)


def _marked(data_dir: Path) -> bytes | None:
    path = device_dir(data_dir) / "keyring"
    if not path.exists() and not path.is_symlink():
        return None
    try:
        return bytes.fromhex(_line(path))
    except ValueError:
        raise _damaged(path) from None


def _line(path: Path) -> str:
    data = files.read_bounded(path, _MAX_BYTES, what=_WHAT, follow_symlinks=False)
    try:
        return data.decode().rstrip("\n")
    except UnicodeDecodeError:
        raise _damaged(path) from None


def _decode(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != SECRET_BYTES:
        raise FileInvalid("the device secret is damaged", hint=_HINT)  # quotes nothing
    return value


_HINT = "open the passport with password and people, then set the face anew"


def _damaged(path: Path) -> FileInvalid:
    return FileInvalid(f"the {_WHAT} {path} is damaged", hint=_HINT)
