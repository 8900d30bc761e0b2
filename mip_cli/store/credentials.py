"""A holder's credentials, sealed: ``<data>/credentials/<passport>/<id>.mip``, and in the archive.

Protocol section 20. The key follows from the passport's secret, so that they stay readable when its
keys are replaced. Each is one request and, once it came, the credential.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path

from mip_cli.crypto import aead, jsontext, kdf
from mip_cli.crypto.aead import NONCE_BYTES, NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.field import to_bytes
from mip_cli.crypto.forms import Form, Members, element, hexed
from mip_cli.errors import EnvironmentFault, FileInvalid, UsageFault
from mip_cli.store import files

MAX_CREDENTIAL = 64 * 1024
"""Bytes of a credential's JSON."""
MAX_FILE = 4 * MAX_CREDENTIAL
"""Bytes of one that is sealed."""
SUFFIX = ".mip"
PAD_BYTES = 4096
FOLDER = "credentials"
"""Of the records in the archive."""

KEY_LABEL = b"mip credentials/1"
_NAMES = b"mip credential names/1"
_ID = re.compile(r"[0-9a-f]{16}")
_MAX_DIMENSION = 2048


@dataclass(frozen=True, repr=False)
class FaceOpening:
    """What opens the hash of a document's face: as secret as the face."""

    spec_id: int
    template: tuple[int, ...]
    """Signed 8-bit coordinates."""
    salt: int

    def __repr__(self) -> str:
        return "FaceOpening(<redacted>)"


@dataclass(frozen=True, repr=False)
class Held:
    """A request, and the credential that answered it."""

    blinding: int
    """Opens the subject; whoever has it and the secret can show the credential."""
    subject: int
    """What the issuer saw."""
    created: int
    """Unix time of the request."""
    document: bytes = b""
    """The credential as it came; empty until then."""
    face: FaceOpening | None = None
    """Opening of the document's face in it, where there is one."""

    def __repr__(self) -> str:
        return f"Held({self.id}, <redacted>)"

    @property
    def id(self) -> str:
        """What the holder calls it by."""
        return hashlib.sha256(to_bytes(self.subject)).hexdigest()[:16]


class Vault:
    """Seals the credentials of one passport, each to its place."""

    def __init__(self, secret: int) -> None:
        self._key = kdf.subkey(to_bytes(secret), KEY_LABEL)
        self._names = kdf.subkey(to_bytes(secret), _NAMES)

    def path_of(self, identifier: str) -> str:
        """Return where a credential lies in the archive.

        Its id would do for the holder, but the issuer can compute that one.
        """
        name = hmac.digest(self._names, identifier.encode(), "sha256")[:16].hex()
        return f"{FOLDER}/{name}{SUFFIX}"

    def seal(self, held: Held, place: str, *, rng: Rng = system_rng) -> bytes:
        """Return a request or credential as the file of a place."""
        content = jsontext.canonical(
            {
                "blinding": element(held.blinding),
                "subject": element(held.subject),
                "created": held.created,
                "document": held.document.decode(),
                **({} if held.face is None else {"face": _write_face(held.face)}),
            }
        )
        filled = content + b" " * (-len(content) % PAD_BYTES)
        return SEALED_FORM.encode(aead.seal(self._key, filled, _associated(place), rng=rng))

    def open(self, data: bytes, place: str, what: str) -> Held:
        """Return what lies in a place; raise ``FileInvalid``, which names it as ``what``."""
        try:
            content = aead.unseal(self._key, SEALED_FORM.decode(data), _associated(place))
            found = _decode(content.rstrip(b" "))
        except (NotAuthentic, ValueError, TypeError, KeyError):
            raise FileInvalid(f"{what} was altered or is another passport's") from None
        if place not in (found.id, self.path_of(found.id)):
            raise FileInvalid(f"{what} holds another credential")
        return found


class Wallet:
    """The credentials of one passport in the sealed store."""

    def __init__(self, data_dir: Path, passport: str, secret: int) -> None:
        self._folder = data_dir / "credentials" / passport
        self.vault = Vault(secret)

    def put(self, held: Held, *, rng: Rng = system_rng) -> None:
        """Seal a request or credential, durable on return; takes the place of an older state."""
        files.ensure_private_dir(self._folder)
        files.atomic_write(self._path(held.id), self.vault.seal(held, held.id, rng=rng))

    def has(self, identifier: str) -> bool:
        """Tell whether something of that name is here."""
        return _ID.fullmatch(identifier) is not None and self._path(identifier).exists()

    def remove(self, identifier: str) -> None:
        """Delete what has that name, durably; nothing there is no failure."""
        if self.has(identifier):
            files.remove_file(self._path(identifier))

    def get(self, identifier: str) -> Held:
        """Open one; raise ``UsageFault`` when there is none, ``FileInvalid`` for an altered one."""
        if not self.has(identifier):
            known = ", ".join(self.ids()) or "none"
            raise UsageFault(
                f"there is no credential {identifier[:16]}", hint=f"there are: {known}"
            )
        path = self._path(identifier)
        data = files.read_bounded(path, MAX_FILE, what="credential file", follow_symlinks=False)
        return self.vault.open(data, identifier, f"the credential file {path}")

    def find(self, subject: int) -> Held | None:
        """Return what was requested with a subject; None when nothing was."""
        identifier = Held(0, subject, 0).id
        return self.get(identifier) if self._path(identifier).exists() else None

    def ids(self) -> list[str]:
        """Return the names of all, sorted."""
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


def _associated(place: str) -> bytes:
    return KEY_LABEL + b"\x00" + place.encode()


def _decode(data: bytes) -> Held:
    content = jsontext.parse(data)
    face = content.pop("face", None)
    m = Members(content, "blinding", "subject", "created", "document")
    raw = m.raw("document")
    if not isinstance(raw, str) or len(raw) > MAX_CREDENTIAL:
        raise ValueError("no credential")
    return Held(
        m.element("blinding"),
        m.element("subject"),
        m.integer("created"),
        raw.encode(),
        None if face is None else _read_face(Members(face, "spec_id", "template", "salt")),
    )


def _write_face(face: FaceOpening) -> dict[str, object]:
    return {
        "spec_id": element(face.spec_id),
        "template": hexed(bytes(value + 128 for value in face.template)),
        "salt": element(face.salt),
    }


def _read_face(m: Members) -> FaceOpening:
    size = len(m.text("template", 2 + 2 * _MAX_DIMENSION)) // 2 - 1
    template = tuple(byte - 128 for byte in m.data("template", size))
    return FaceOpening(m.element("spec_id"), template, m.element("salt"))


def _write(sealed: Sealed) -> dict[str, object]:
    return {"nonce": hexed(sealed.nonce), "ciphertext": hexed(sealed.ciphertext)}


def _read(m: Members) -> Sealed:
    size = len(m.text("ciphertext", MAX_FILE)) // 2 - 1
    return Sealed(m.data("nonce", NONCE_BYTES), m.data("ciphertext", size))


SEALED_FORM = Form(
    "mip.credential.file/1",
    "credential file",
    ("nonce", "ciphertext"),
    _write,
    _read,
    limit=MAX_FILE,
)
