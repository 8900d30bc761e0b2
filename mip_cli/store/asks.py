"""The private keys of open asks, each under a password: ``<data>/asks/<hash of the ask>.mip``.

Who has such a key and the guardians' answers has the people secret, so it is deleted once used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mip_cli.crypto import hpke, jsontext
from mip_cli.crypto.forms import Members, hexed
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.store import files
from mip_cli.store.password_box import BoxForm

FORM = BoxForm("mip.ask.key/1", "key of an ask")


def path_of(data_dir: Path, ask: bytes) -> Path:
    """Return where the key of an ask lies; ``ask`` is its SHA-256."""
    return data_dir / "asks" / f"{ask.hex()}.mip"


@dataclass(frozen=True, repr=False)
class AskKey:
    """What opens the answers to an ask."""

    private_key: bytes
    """X25519."""
    people: bytes
    """X25519 key that the shares restore."""

    def __repr__(self) -> str:
        return "AskKey(<redacted>)"


def create(data_dir: Path, ask: bytes, key: AskKey, password: bytes) -> None:
    """Seal the key of an ask, durable on return."""
    members = {"private_key": hexed(key.private_key), "people": hexed(key.people)}
    FORM.create(path_of(data_dir, ask), jsontext.canonical(members), password)


def open_with_password(data_dir: Path, ask: bytes, password: bytes) -> AskKey:
    """Return the key of an ask.

    Raises ``UsageFault`` when this device made no such ask, ``WrongSecret``, ``FileInvalid``.
    """
    path = path_of(data_dir, ask)
    if not path.exists():
        raise UsageFault(
            "the answers are for an ask that was not made on this device, or was used already",
            hint="make a new one with `mip guardian ask`",
        )
    content = FORM.open(path, password).content
    try:
        m = Members(jsontext.parse(content), "private_key", "people")
        return AskKey(m.data("private_key", hpke.KEY_BYTES), m.data("people", hpke.KEY_BYTES))
    except ValueError:
        # from None: the cause may quote what it could not read
        raise FileInvalid(f"{path} holds no key of an ask", hint="update mip") from None


def forget(data_dir: Path, ask: bytes) -> None:
    """Delete the key of an ask; answers to it open no more."""
    path = path_of(data_dir, ask)
    if path.exists():
        files.remove_file(path)
