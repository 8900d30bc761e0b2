"""Credentials on their way, ``<data>/credentials/<passport>/<id>.fetch``; protocol section 22.

What a holder needs to go on after his line or machine broke: the access token, and which of his
requests it was used with. Sealed like the credentials, and deleted once the credential is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mip_cli.crypto import aead, jsontext, kdf
from mip_cli.crypto.aead import NONCE_BYTES, NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.field import to_bytes
from mip_cli.crypto.forms import Form, Members, element, hexed
from mip_cli.errors import FileInvalid
from mip_cli.store import files

SUFFIX = ".fetch"
PAD_BYTES = 4096

_LABEL = b"mip fetches/1"
_MAX_FILE = 64 * 1024
_MAX_TEXT = 4096


@dataclass(frozen=True, repr=False)
class Fetch:
    """A credential that was promised and has not come yet."""

    issuer: str
    """Origin of the issuer's server."""
    configuration: str
    """What was offered."""
    token: str
    """The access token."""
    subject: int
    """The request that goes with it."""

    def __repr__(self) -> str:
        return "Fetch(<redacted>)"


class Fetches:
    """What is on its way to one passport."""

    def __init__(self, data_dir: Path, passport: str, secret: int) -> None:
        self._folder = data_dir / "credentials" / passport
        self._key = kdf.subkey(to_bytes(secret), _LABEL)

    def put(self, offer: str, fetch: Fetch, *, rng: Rng = system_rng) -> None:
        """Note what an offer led to, durable on return."""
        content = jsontext.canonical(
            {
                "issuer": fetch.issuer,
                "configuration": fetch.configuration,
                "token": fetch.token,
                "subject": element(fetch.subject),
            }
        )
        filled = content + b" " * (-len(content) % PAD_BYTES)
        path = self._path(offer)
        sealed = aead.seal(self._key, filled, _LABEL + path.stem.encode(), rng=rng)
        files.ensure_private_dir(self._folder)
        files.atomic_write(path, _FORM.encode(sealed))

    def find(self, offer: str) -> Fetch | None:
        """Return what an offer led to; None when nothing is on its way."""
        path = self._path(offer)
        if not path.exists():
            return None
        sealed = _FORM.decode(
            files.read_bounded(path, _MAX_FILE, what="fetch", follow_symlinks=False)
        )
        try:
            content = aead.unseal(self._key, sealed, _LABEL + path.stem.encode())
            m = Members(
                jsontext.parse(content.rstrip(b" ")), "issuer", "configuration", "token", "subject"
            )
            return Fetch(
                m.text("issuer", _MAX_TEXT),
                m.text("configuration", _MAX_TEXT),
                m.text("token", _MAX_TEXT),
                m.element("subject"),
            )
        except (NotAuthentic, ValueError, TypeError, KeyError):
            raise FileInvalid(f"the file {path} was altered or is another passport's") from None

    def remove(self, offer: str) -> None:
        """Forget it, durably."""
        files.remove_file(self._path(offer))

    def _path(self, offer: str) -> Path:
        return self._folder / f"{hashlib.sha256(offer.encode()).hexdigest()[:16]}{SUFFIX}"


def _write(sealed: Sealed) -> dict[str, object]:
    return {"nonce": hexed(sealed.nonce), "ciphertext": hexed(sealed.ciphertext)}


def _read(m: Members) -> Sealed:
    size = len(m.text("ciphertext", _MAX_FILE)) // 2 - 1
    return Sealed(m.data("nonce", NONCE_BYTES), m.data("ciphertext", size))


_FORM = Form("mip.fetch/1", "fetch", ("nonce", "ciphertext"), _write, _read, limit=_MAX_FILE)
