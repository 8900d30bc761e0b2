"""The sealed key file: a passport's secrets under a random root key (protocol section 6).

The root key lies in slots, one per way to open the file; today a password's. A reader learns from
a file without its secret: that it is a key file, its size class, and the Argon2id parameters.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mip_cli.crypto import aead, jsontext, kdf
from mip_cli.crypto.aead import NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.kdf import LIMITS, KdfLimits, KdfParams
from mip_cli.errors import FileInvalid, KeyLocked, WrongSecret
from mip_cli.models import Kind
from mip_cli.store import files, secrets_codec
from mip_cli.store.secrets_codec import PassportSecrets

FORMAT = "mip.keyfile/1"
MAX_BYTES = 256 * 1024
"""Larger files are refused unread."""

_FORMAT_FAMILY = "mip.keyfile/"
_SLOT = b"mip keyfile slot/1"
_PAYLOAD = b"mip keyfile payload/1"
_HEADER = b"mip keyfile header/1"
_WHAT = "key file"


@dataclass(frozen=True)
class Slot:
    """One way to the root key; public."""

    kind: Kind
    """Which kind of key opens it; ``password`` in this version."""
    params: KdfParams
    """How the password is stretched."""
    wrapped: Sealed
    """The root key under the stretched password."""


@dataclass(frozen=True)
class Envelope:
    """The whole file as its reader sees it without a secret."""

    slots: tuple[Slot, ...]
    """Ways to open it."""
    payload: Sealed
    """The sealed secrets."""
    mac: bytes
    """HMAC-SHA256 of slots and payload under a key derived from the root key."""


@dataclass(frozen=True, repr=False)
class Unlocked:
    """An opened key file: what it holds, and what reseals it without a second Argon2id run."""

    path: Path
    """Where it lies."""
    secrets: PassportSecrets
    """What it holds."""
    stretched: int
    """``w``: opens the password commitment; a field element."""
    root_key: bytes
    """256 bits that seal the payload."""
    envelope: Envelope
    """The file as it was when opened."""

    def __repr__(self) -> str:
        return f"Unlocked({str(self.path)!r}, <redacted>)"


def create(
    path: Path,
    secrets: PassportSecrets,
    password: bytes,
    *,
    overwrite: bool = False,
    rng: Rng = system_rng,
    limits: KdfLimits = LIMITS,
) -> Unlocked:
    """Seal secrets in a new file, durable on return; ``secrets.password_kdf`` says how.

    ``password`` is normalised (``crypto.password.normalize``). Raises ``UsageFault`` when the file
    exists and ``overwrite`` is false, ``StorageFull``, ``ValueError`` for KDF parameters outside
    ``limits``; then the old file, if any, is untouched.
    """
    keys = kdf.stretch(password, secrets.password_kdf, limits=limits)
    root_key = aead.random_key(rng)
    associated = _slot_data(Kind.PASSWORD, secrets.password_kdf)
    wrapped = aead.seal(keys.wrapping_key, root_key, associated, rng=rng)
    slots = (Slot(Kind.PASSWORD, secrets.password_kdf, wrapped),)
    envelope = _seal(slots, root_key, secrets, rng)
    files.ensure_private_dir(path.parent)
    with files.lock(path, what=f"the {_WHAT} {path}"):
        files.atomic_write(path, _serialize(envelope), overwrite=overwrite)
    return Unlocked(path, secrets, keys.stretched, root_key, envelope)


def open_with_password(path: Path, password: bytes, *, limits: KdfLimits = LIMITS) -> Unlocked:
    """Open a key file with a normalised password; one Argon2id run.

    Raises ``WrongSecret`` for another password, ``FileInvalid`` for a damaged, altered, oversized
    or newer file (found before Argon2id runs, wherever no secret is needed to tell).
    """
    with contextlib.suppress(OSError):  # a read-only disk keeps them, sealed as they are
        files.remove_leftovers(path)
    envelope = _read(path, limits)
    slot = envelope.slots[0]
    keys = kdf.stretch(password, slot.params, limits=limits)
    try:
        associated = _slot_data(slot.kind, slot.params)
        root_key = aead.unseal(keys.wrapping_key, slot.wrapped, associated)
    except NotAuthentic as error:
        raise WrongSecret(
            f"the password does not open {path}", hint="check the keyboard layout and caps lock"
        ) from error
    secrets = _open_payload(path, envelope, root_key)
    if secrets.password_kdf != slot.params:
        raise FileInvalid(f"the {_WHAT} {path} contradicts itself", hint=_BACKUP_HINT)
    return Unlocked(path, secrets, keys.stretched, root_key, envelope)


def update(unlocked: Unlocked, secrets: PassportSecrets, *, rng: Rng = system_rng) -> Unlocked:
    """Reseal changed secrets under the same root key and password; durable on return.

    Raises ``KeyLocked`` when another process changed the file since it was opened: its change
    would be lost. Raises ``ValueError`` for a change of name or password parameters.
    """
    before = unlocked.secrets
    if (secrets.name, secrets.password_kdf) != (before.name, before.password_kdf):
        raise ValueError("an update keeps name and password parameters")
    path = unlocked.path
    with files.lock(path, what=f"the {_WHAT} {path}"):
        if _read_bytes(path) != _serialize(unlocked.envelope):
            raise KeyLocked(
                f"another process changed {path} in the meantime", hint="run the command again"
            )
        envelope = _seal(unlocked.envelope.slots, unlocked.root_key, secrets, rng)
        files.atomic_write(path, _serialize(envelope))
    return replace(unlocked, secrets=secrets, envelope=envelope)


def public_header(path: Path, *, limits: KdfLimits = LIMITS) -> Envelope:
    """Return what anyone can read of a key file; raise ``FileInvalid`` when it is damaged."""
    return _read(path, limits)


_BACKUP_HINT = "restore it from a backup; the password is not the problem"


def _seal(slots: tuple[Slot, ...], root_key: bytes, secrets: PassportSecrets, rng: Rng) -> Envelope:
    plaintext = secrets_codec.encode(secrets)
    payload = aead.seal(kdf.subkey(root_key, _PAYLOAD), plaintext, _PAYLOAD, rng=rng)
    tag = aead.mac(kdf.subkey(root_key, _HEADER), jsontext.canonical(_body(slots, payload)))
    return Envelope(slots, payload, tag)


def _open_payload(path: Path, envelope: Envelope, root_key: bytes) -> PassportSecrets:
    body = jsontext.canonical(_body(envelope.slots, envelope.payload))
    try:
        if not aead.mac_matches(kdf.subkey(root_key, _HEADER), body, envelope.mac):
            raise NotAuthentic
        plaintext = aead.unseal(kdf.subkey(root_key, _PAYLOAD), envelope.payload, _PAYLOAD)
    except NotAuthentic as error:
        raise FileInvalid(f"the {_WHAT} {path} was altered", hint=_BACKUP_HINT) from error
    try:
        return secrets_codec.decode(plaintext)
    except ValueError:
        raise FileInvalid(
            f"the {_WHAT} {path} holds a passport of another version", hint=_NEWER_HINT
        ) from None


_NEWER_HINT = "update mip"


def _slot_data(kind: Kind, params: KdfParams) -> bytes:
    return _SLOT + b"\0" + jsontext.canonical({"kind": kind.value, "kdf": _kdf_document(params)})


def _kdf_document(params: KdfParams) -> dict[str, object]:
    return {
        "name": "argon2id",
        "memory_kib": params.memory_kib,
        "iterations": params.iterations,
        "lanes": params.lanes,
        "salt": _hex(params.salt),
    }


def _body(slots: tuple[Slot, ...], payload: Sealed) -> dict[str, object]:
    return {
        "format": FORMAT,
        "slots": [
            {
                "kind": slot.kind.value,
                "kdf": _kdf_document(slot.params),
                "nonce": _hex(slot.wrapped.nonce),
                "wrapped": _hex(slot.wrapped.ciphertext),
            }
            for slot in slots
        ],
        "payload": {"nonce": _hex(payload.nonce), "ciphertext": _hex(payload.ciphertext)},
    }


def _serialize(envelope: Envelope) -> bytes:
    document = _body(envelope.slots, envelope.payload) | {"mac": _hex(envelope.mac)}
    document["checksum"] = _hex(hashlib.sha256(jsontext.canonical(document)).digest())
    return json.dumps(document, indent=2).encode() + b"\n"


def _read_bytes(path: Path) -> bytes:
    return files.read_bounded(path, MAX_BYTES, what=_WHAT, follow_symlinks=False)


def _read(path: Path, limits: KdfLimits) -> Envelope:
    data = _read_bytes(path)
    if not data:
        raise FileInvalid(f"the {_WHAT} {path} is empty", hint=_BACKUP_HINT)
    try:
        document = jsontext.parse(data)
        name = document["format"]
        newer = isinstance(name, str) and name.startswith(_FORMAT_FAMILY) and name != FORMAT
        envelope = None if newer else _parse(document)
    except (ValueError, TypeError, KeyError):
        raise FileInvalid(_why_unreadable(path, data), hint=_BACKUP_HINT) from None
    if envelope is None:
        raise FileInvalid(f"the {_WHAT} {path} has an unknown version", hint=_NEWER_HINT)
    # the one accepted spelling, checksum included: a change of any byte shows without a password
    if _serialize(envelope) != data:
        raise FileInvalid(f"the {_WHAT} {path} is damaged", hint=_BACKUP_HINT)
    for slot in envelope.slots:
        try:
            kdf.check_params(slot.params, limits)
        except ValueError as error:
            raise FileInvalid(f"the {_WHAT} {path}: {error}", hint=_BACKUP_HINT) from None
    return envelope


def _why_unreadable(path: Path, data: bytes) -> str:
    if data.lstrip()[:1] == b"{" and not data.rstrip().endswith(b"}"):
        return f"the {_WHAT} {path} is cut short"
    return f"{path} is not a {_WHAT} of mip, or is damaged"


def _parse(document: Any) -> Envelope:
    if document["format"] != FORMAT or not 1 <= len(document["slots"]) <= 1:
        raise ValueError("not a key file of this version")
    return Envelope(
        slots=tuple(_parse_slot(slot) for slot in document["slots"]),
        payload=Sealed(
            _unhex(document["payload"]["nonce"]), _unhex(document["payload"]["ciphertext"])
        ),
        mac=_unhex(document["mac"]),
    )


def _parse_slot(document: Any) -> Slot:
    parameters = document["kdf"]
    numbers = [parameters[key] for key in ("memory_kib", "iterations", "lanes")]
    if Kind(document["kind"]) is not Kind.PASSWORD or any(type(n) is not int for n in numbers):
        raise ValueError("not a slot of this version")
    memory_kib, iterations, lanes = numbers
    return Slot(
        kind=Kind.PASSWORD,
        params=KdfParams(_unhex(parameters["salt"]), memory_kib, iterations, lanes),
        wrapped=Sealed(_unhex(document["nonce"]), _unhex(document["wrapped"])),
    )


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _unhex(text: Any) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError("bytes are 0x and hex digits")
    return bytes.fromhex(text[2:])
