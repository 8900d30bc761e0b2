"""Revocation lists that a holder fetched, ``<data>/credentials/<passport>/<id>.list``.

Protocol section 20. The lists are public; which ones a holder has is not, for it tells who issued
his credentials: they are sealed like these, and their names and sizes say little.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from mip_cli.crypto import aead, kdf
from mip_cli.crypto.aead import NONCE_BYTES, NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.field import to_bytes
from mip_cli.crypto.forms import Form, Members, hexed
from mip_cli.errors import FileInvalid
from mip_cli.store import files
from mip_cli.store.issuers import Home

SUFFIX = ".list"
MAX_LIST = 1024 * 1024
"""Bytes of a list."""
MIN_PAD = 4096
"""Bytes of content at least; beyond them the next power of two."""

_LABEL = b"mip revocations/1"
_MAX_FILE = 4 * MAX_LIST + 4096


class RevocationCache:
    """The lists of one passport, the last one of each issuer."""

    def __init__(self, data_dir: Path, passport: str, secret: int) -> None:
        self._folder = data_dir / "credentials" / passport
        self._key = kdf.subkey(to_bytes(secret), _LABEL)

    def put(self, issuer: Home, document: bytes, *, rng: Rng = system_rng) -> None:
        """Keep a list in the place of the issuer's last one."""
        size = max(MIN_PAD, 1 << (len(document) - 1).bit_length())
        path = self._path(issuer)
        sealed = aead.seal(self._key, document.ljust(size), _LABEL + path.stem.encode(), rng=rng)
        files.ensure_private_dir(self._folder)
        files.atomic_write(path, _FORM.encode(sealed))

    def get(self, issuer: Home) -> bytes | None:
        """Return the list kept of an issuer; None without one, or for a damaged one."""
        path = self._path(issuer)
        if not path.exists():
            return None
        try:
            raw = files.read_bounded(path, _MAX_FILE, what="list", follow_symlinks=False)
            found = aead.unseal(self._key, _FORM.decode(raw), _LABEL + path.stem.encode())
        except (FileInvalid, NotAuthentic):
            return None  # fetched anew: nothing is lost with it
        return found.rstrip(b" ")

    def _path(self, issuer: Home) -> Path:
        name = f"{issuer.chain_id}:{issuer.registry}:{issuer.number}".encode()
        return self._folder / f"{hmac.digest(self._key, name, 'sha256').hex()[:16]}{SUFFIX}"


def _write(sealed: Sealed) -> dict[str, object]:
    return {"nonce": hexed(sealed.nonce), "ciphertext": hexed(sealed.ciphertext)}


def _read(m: Members) -> Sealed:
    size = len(m.text("ciphertext", _MAX_FILE)) // 2 - 1
    return Sealed(m.data("nonce", NONCE_BYTES), m.data("ciphertext", size))


_FORM = Form("mip.list/1", "list", ("nonce", "ciphertext"), _write, _read, limit=_MAX_FILE)
