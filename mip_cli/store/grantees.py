"""A grantee's own file, ``<data>/grantees/<name>.mip``, and the receipts of what he opened.

Sealed under a password of its own: the role has nothing to do with a passport (protocol section
16).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mip_cli.crypto import grant_access, grant_card, grant_kem, grant_signing, jsontext
from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.crypto.forms import Members, hexed
from mip_cli.crypto.grant_access import AccessReceipt
from mip_cli.crypto.grant_card import Card
from mip_cli.crypto.grant_kem import Kem, KemKeys
from mip_cli.crypto.grant_signing import SignerKeys
from mip_cli.errors import EnvironmentFault, FileInvalid, UsageFault
from mip_cli.store import files
from mip_cli.store.password_box import BoxForm, OpenBox

NAME = re.compile(r"[a-z0-9_-]{1,32}")
SUFFIX = ".mip"
FORM = BoxForm("mip.grantee.keys/1", "grantee file")
_NAMES = ("kem_key", "signing_key", "card")
_PENDING, _DONE = ".pending", ".json"
_MAX_RECEIPT = 8 * 1024


@dataclass(frozen=True, repr=False)
class Grantee:
    """What a grantee keeps."""

    keys: KemKeys
    """What grants are sealed to."""
    signer: SignerKeys
    """What access receipts are signed with."""
    card: Card
    """What holders have of him."""

    def __repr__(self) -> str:
        return f"Grantee({self.card.name!r}, <redacted>)"


@dataclass(frozen=True, repr=False)
class Opened:
    """An opened grantee file."""

    name: str
    content: Grantee
    box: OpenBox

    def __repr__(self) -> str:
        return f"Opened({self.name!r}, <redacted>)"


def path_of(data_dir: Path, name: str) -> Path:
    """Return where a grantee's file lies; raise ``UsageFault`` for an impossible name."""
    if not NAME.fullmatch(name):
        raise UsageFault("the name of a grantee has 1 to 32 of a-z 0-9 _ -")
    return data_dir / "grantees" / f"{name}{SUFFIX}"


def require(data_dir: Path, name: str) -> Path:
    """Return the path of an existing grantee; raise ``UsageFault`` when there is none."""
    path = path_of(data_dir, name)
    if not (path.exists() or path.is_symlink()):
        raise UsageFault(f"there is no grantee named {name}", hint="make one: mip access init")
    return path


def new_keys(kem: Kem, rng: Rng = system_rng) -> tuple[KemKeys, SignerKeys]:
    """Draw a grantee's keys."""
    return grant_kem.random_keys(kem, rng), grant_signing.random_keys(rng)


def create(
    data_dir: Path, name: str, content: Grantee, password: bytes, *, rng: Rng = system_rng
) -> Opened:
    """Seal a grantee's keys and card, durable on return; ``UsageFault`` if the name is taken."""
    box = FORM.create(path_of(data_dir, name), _encode(content), password, rng=rng)
    return Opened(name, content, box)


def open_with_password(data_dir: Path, name: str, password: bytes) -> Opened:
    """Open a grantee with its normalised password; raise ``WrongSecret``, ``FileInvalid``."""
    box = FORM.open(require(data_dir, name), password)
    try:
        content = _decode(box.content)
    except (ValueError, TypeError, KeyError, FileInvalid):
        # from None: the cause may quote what it could not read
        raise FileInvalid(f"the grantee {name} has another version", hint="update mip") from None
    return Opened(name, content, box)


class Accesses:
    """The access receipts of one grantee: pending until what they are about was written."""

    def __init__(self, data_dir: Path, name: str) -> None:
        path_of(data_dir, name)
        self._folder = data_dir / "accesses" / name

    def begin(self, receipt: AccessReceipt) -> None:
        """Make a receipt durable, before anything is used or opened."""
        files.ensure_private_dir(self._folder)
        path = self._path(receipt, _PENDING)
        files.atomic_write(path, grant_access.FORM.encode(receipt))

    def finish(self, receipt: AccessReceipt) -> Path:
        """Note that what a receipt is about was opened; return where it lies."""
        done = self._path(receipt, _DONE)
        files.rename(self._path(receipt, _PENDING), done)
        return done

    def drop(self, receipt: AccessReceipt) -> None:
        """Forget a receipt whose use never came."""
        files.remove_file(self._path(receipt, _PENDING))

    def pending(self, grant: bytes) -> list[AccessReceipt]:
        """Return the accesses of a grant that were begun and not finished."""
        return [r for r in self._read(_PENDING) if r.receipt == grant]

    def finished(self, grant: bytes) -> list[AccessReceipt]:
        """Return the accesses of a grant that were finished."""
        return [r for r in self._read(_DONE) if r.receipt == grant]

    def newest(self, grant: bytes) -> int | None:
        """Return the highest number of a bundle of a grant that was taken here; None without one.

        A receipt is durable only after its bundle was found signed, granted on chain and whole, so
        that what is forged never counts.
        """
        taken = [*self.finished(grant), *self.pending(grant)]
        return max((one.number for one in taken), default=None)

    def _read(self, suffix: str) -> Iterator[AccessReceipt]:
        try:
            found = sorted(p for p in self._folder.iterdir() if p.suffix == suffix)
        except FileNotFoundError:
            return
        except OSError as error:
            reason = (error.strerror or "unknown failure").lower()
            raise EnvironmentFault(f"cannot list {self._folder}: {reason}") from error
        for path in found:
            data = files.read_bounded(
                path, _MAX_RECEIPT, what="access receipt", follow_symlinks=False
            )
            yield grant_access.FORM.decode(data)

    def _path(self, receipt: AccessReceipt, suffix: str) -> Path:
        return self._folder / f"{receipt.id.hex()}{suffix}"


def _encode(content: Grantee) -> bytes:
    return jsontext.canonical(
        {
            "kem_key": hexed(content.keys.private),
            "signing_key": hexed(content.signer.private),
            "card": grant_card.FORM.encode(content.card).decode(),
        }
    )


def _decode(data: bytes) -> Grantee:
    m = Members(jsontext.parse(data), *_NAMES)
    card = grant_card.FORM.decode(m.text("card", grant_card.FORM.limit).encode())
    keys = grant_kem.keys_from(card.kem, m.data("kem_key", card.kem.private_bytes))
    signer = grant_signing.keys_from(m.data("signing_key", grant_signing.KEY_BYTES))
    if (keys.public, signer.public) != (card.public_key, card.signing_key):
        raise ValueError("keys and card do not belong together")
    return Grantee(keys, signer, card)
