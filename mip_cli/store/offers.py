"""An issuer's open offers, ``<data>/issuers/<name>.offers/<id>.mip``; protocol section 22.

Sealed under a key that follows from the one of the issuer's file, so that a server which opened
that file once can read offers that another process makes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mip_cli.crypto import aead, jsontext, kdf
from mip_cli.crypto.aead import NONCE_BYTES, NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.claims import ClaimValue, Schema, parse_schema
from mip_cli.crypto.credential import MAX_NONCE
from mip_cli.crypto.forms import Form, Members, element, hexed
from mip_cli.errors import EnvironmentFault, FileInvalid
from mip_cli.store import files
from mip_cli.store.credentials import MAX_CREDENTIAL
from mip_cli.store.issuers import Opened, path_of

ID_BYTES, CODE_BYTES, REFERENCE_BYTES, DIGEST_BYTES = 8, 32, 16, 32
PIN_DIGITS = 8
MAX_WRONG = 5
"""Wrong transaction codes that end an offer."""
SUFFIX = ".mip"
PAD_BYTES = 4096

_LABEL = b"mip offers/1"
_ID = re.compile(r"[0-9a-f]{16}")
_MAX_FILE = 1024 * 1024
_NAMES = (
    "code", "reference", "pin", "created", "expires", "days", "schema", "claims", "wrong",
    "token", "token_until", "subject", "number", "document",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Offer:
    """A credential that waits for its holder, and what became of it."""

    id: str
    code: bytes
    """The pre-authorised code's random part."""
    reference: bytes
    """Names the offer in a link."""
    pin: str
    """The transaction code, told on another way."""
    created: int
    """Unix time."""
    expires: int
    """Unix time after which the code is void."""
    days: int
    """How long the credential shall be good."""
    schema: Schema
    claims: Mapping[str, ClaimValue]
    """Empty once signed."""
    wrong: int = 0
    """Wrong transaction codes so far."""
    token: bytes = b""
    """SHA-256 of the access token; empty until the code was spent."""
    token_until: int = 0
    """Unix time after which the token is void."""
    subject: int = 0
    """For whom it was signed; 0 before."""
    number: int | None = None
    """Number of the credential, once signed."""
    document: bytes = b""
    """The credential, until the token ends."""

    def __repr__(self) -> str:
        return f"Offer({self.id}, <redacted>)"

    @property
    def is_spent(self) -> bool:
        """Whether the code was used."""
        return bool(self.token)

    def is_open(self, now: float) -> bool:
        """Tell whether the code can be used."""
        return not self.is_spent and self.wrong < MAX_WRONG and now < self.expires

    def is_over(self, now: float) -> bool:
        """Tell whether neither code nor token can be used any more."""
        return not self.is_open(now) and now >= self.token_until


class OfferBook:
    """The offers of one issuer."""

    def __init__(self, data_dir: Path, opened: Opened) -> None:
        self._folder = path_of(data_dir, opened.name).with_suffix(".offers")
        self._key = kdf.subkey(opened.box.key, _LABEL)
        self._seen: dict[str, tuple[tuple[int, int], Offer]] = {}

    def put(self, offer: Offer, *, rng: Rng = system_rng) -> None:
        """Seal an offer, durable on return; takes the place of an older state."""
        content = _encode(offer)
        filled = content + b" " * (-len(content) % PAD_BYTES)
        sealed = aead.seal(self._key, filled, _associated(offer.id), rng=rng)
        files.ensure_private_dir(self._folder)
        files.atomic_write(self._path(offer.id), _FORM.encode(sealed))

    def get(self, identifier: str) -> Offer | None:
        """Open an offer; None when there is none, ``FileInvalid`` for an altered one."""
        if not _ID.fullmatch(identifier) or not self._path(identifier).exists():
            return None
        path = self._path(identifier)
        sealed = _FORM.decode(
            files.read_bounded(path, _MAX_FILE, what="offer", follow_symlinks=False)
        )
        try:
            content = aead.unseal(self._key, sealed, _associated(identifier))
            return _decode(identifier, content.rstrip(b" "))
        except (NotAuthentic, ValueError, TypeError, KeyError):
            raise FileInvalid(f"the offer {path} was altered or is another issuer's") from None

    @contextlib.contextmanager
    def locked(self, identifier: str) -> Iterator[Offer | None]:
        """Give an offer that nobody else changes until the block ends."""
        if not _ID.fullmatch(identifier) or not self._path(identifier).exists():
            yield None
            return
        with files.lock(self._path(identifier), what=f"the offer {identifier}"):
            yield self.get(identifier)

    def all(self) -> list[Offer]:
        """Return all offers, oldest first."""
        found = [offer for offer in map(self._seen_or_read, self._ids()) if offer is not None]
        return sorted(found, key=lambda offer: (offer.created, offer.id))

    def _seen_or_read(self, identifier: str) -> Offer | None:
        """Read an offer unless its file is the one that was read before: each is a new file."""
        try:
            status = self._path(identifier).stat()
        except FileNotFoundError:
            return None
        mark = (status.st_ino, status.st_mtime_ns)
        known = self._seen.get(identifier)
        if known is not None and known[0] == mark:
            return known[1]
        offer = self.get(identifier)
        if offer is not None:
            self._seen[identifier] = (mark, offer)
        return offer

    def tidy(self, now: float) -> None:
        """Delete what nobody can fetch any more; of what was signed, number and schema stay."""
        for identifier in self._ids():
            with self.locked(identifier) as offer:
                if offer is None or not offer.is_over(now):
                    continue
                if offer.number is None:
                    files.remove_file(self._path(identifier))
                elif offer.document:
                    self.put(replace(offer, document=b"", pin="0" * PIN_DIGITS))

    def _ids(self) -> list[str]:
        try:
            found = [path.stem for path in self._folder.iterdir() if path.suffix == SUFFIX]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            reason = (error.strerror or "unknown failure").lower()
            raise EnvironmentFault(f"cannot list {self._folder}: {reason}") from error
        return sorted(name for name in found if _ID.fullmatch(name))

    def _path(self, identifier: str) -> Path:
        return self._folder / f"{identifier}{SUFFIX}"


def _associated(identifier: str) -> bytes:
    return _LABEL + b"\x00" + identifier.encode()


def _encode(offer: Offer) -> bytes:
    return jsontext.canonical(
        {
            "code": hexed(offer.code),
            "reference": hexed(offer.reference),
            "pin": offer.pin,
            "created": offer.created,
            "expires": offer.expires,
            "days": offer.days,
            "schema": offer.schema.to_json(),
            "claims": dict(offer.claims),
            "wrong": offer.wrong,
            "token": hexed(offer.token) if offer.token else None,
            "token_until": offer.token_until,
            "subject": element(offer.subject),
            "number": offer.number,
            "document": offer.document.decode(),
        }
    )


def _decode(identifier: str, data: bytes) -> Offer:
    m = Members(jsontext.parse(data), *_NAMES)
    document: Any = m.raw("document")
    claims: Any = m.raw("claims")
    if not isinstance(document, str) or len(document) > MAX_CREDENTIAL:
        raise ValueError("no credential")
    if not isinstance(claims, dict):
        raise ValueError("no claims")
    return Offer(
        identifier,
        m.data("code", CODE_BYTES),
        m.data("reference", REFERENCE_BYTES),
        m.text("pin", PIN_DIGITS),
        m.integer("created"),
        m.integer("expires"),
        m.integer("days"),
        parse_schema(m.raw("schema")),
        claims,
        m.integer("wrong", MAX_WRONG),
        b"" if m.absent("token") else m.data("token", DIGEST_BYTES),
        m.integer("token_until"),
        m.element("subject"),
        None if m.absent("number") else m.integer("number", MAX_NONCE),
        document.encode(),
    )


def _write(sealed: Sealed) -> dict[str, object]:
    return {"nonce": hexed(sealed.nonce), "ciphertext": hexed(sealed.ciphertext)}


def _read(m: Members) -> Sealed:
    size = len(m.text("ciphertext", _MAX_FILE)) // 2 - 1
    return Sealed(m.data("nonce", NONCE_BYTES), m.data("ciphertext", size))


_FORM = Form("mip.offer/1", "offer", ("nonce", "ciphertext"), _write, _read, limit=_MAX_FILE)
