"""The private keys of open asks, each under a password: ``<data>/asks/<hash of the ask>.mip``.

Who has such a key and the guardians' answers has the people secret, so it is deleted once used.
"""

from __future__ import annotations

from pathlib import Path

from mip_cli.crypto import hpke
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.store import files
from mip_cli.store.password_box import BoxForm

FORM = BoxForm("mip.ask.key/1", "key of an ask")


def path_of(data_dir: Path, ask: bytes) -> Path:
    """Return where the key of an ask lies; ``ask`` is its SHA-256."""
    return data_dir / "asks" / f"{ask.hex()}.mip"


def create(data_dir: Path, ask: bytes, private_key: bytes, password: bytes) -> None:
    """Seal the key of an ask, durable on return."""
    FORM.create(path_of(data_dir, ask), private_key.hex().encode(), password)


def open_with_password(data_dir: Path, ask: bytes, password: bytes) -> bytes:
    """Return the private key of an ask.

    Raises ``UsageFault`` when this device made no such ask, ``WrongSecret``, ``FileInvalid``.
    """
    path = path_of(data_dir, ask)
    if not path.exists():
        raise UsageFault(
            "the answers are for an ask that was not made on this device, or was used already",
            hint="make a new one with `mip guardian ask`",
        )
    try:
        key = bytes.fromhex(FORM.open(path, password).content.decode("ascii"))
        if len(key) != hpke.KEY_BYTES:
            raise ValueError("not a key")
    except ValueError:
        raise FileInvalid(f"{path} holds no key of an ask", hint="update mip") from None
    return key


def forget(data_dir: Path, ask: bytes) -> None:
    """Delete the key of an ask; answers to it open no more."""
    path = path_of(data_dir, ask)
    if path.exists():
        files.remove_file(path)
