"""The ways to open a key file: one slot per kind, each with one share of the root key in it.

Protocol section 6. A *lock* is what a slot is sealed with; a *slot* is the sealed, public result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

from mip_cli.crypto import aead, hpke, jsontext, kdf
from mip_cli.crypto.aead import NotAuthentic, Rng, Sealed
from mip_cli.crypto.kdf import KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.models import Kind

SHARE_BYTES = 32
DEVICE_NAME_BYTES = 16
MAX_DIMENSION = 4096
"""Coordinates of a template in a face slot."""
FACE_PAD_BYTES = 1024
"""The plaintext of a face slot is filled up to a multiple of this."""
NUMBERS = {Kind.PASSWORD: 0, Kind.FACE: 1, Kind.PEOPLE: 2}
"""The number of each kind's share, and the order of the slots."""

_SLOT = b"mip keyfile slot/2"
_FACE = b"mip keyfile face/1"
_PEOPLE = b"mip keyfile people/1"


@dataclass(frozen=True, repr=False)
class PasswordLock:
    """A stretched password."""

    params: KdfParams
    """How it was stretched; public."""
    wrapping_key: bytes
    """32 bytes, from ``kdf.stretch``."""

    def __repr__(self) -> str:
        return "PasswordLock(<redacted>)"


@dataclass(frozen=True, repr=False)
class FaceLock:
    """A face template under a secret that only one device has."""

    device: bytes
    """16-byte name of the device secret; public."""
    secret: bytes
    """The device secret, 32 bytes."""
    spec_id: int
    """Spec of the template, 120 bits."""
    template: tuple[int, ...]
    """Coordinates, signed 8-bit."""

    def __repr__(self) -> str:
        return "FaceLock(<redacted>)"


@dataclass(frozen=True)
class PeopleLock:
    """The guardians' public key; sealing needs none of them."""

    public_key: bytes
    """X25519, 32 bytes."""


Lock = PasswordLock | FaceLock | PeopleLock


@dataclass(frozen=True)
class PasswordSlot:
    """Opened by a password; public."""

    params: KdfParams
    """How the password is stretched."""
    wrapped: Sealed
    """The share under the wrapping key."""

    kind = Kind.PASSWORD


@dataclass(frozen=True)
class FaceSlot:
    """Opened by the device secret, by the holder's tool after a photo matched; public."""

    device: bytes
    """16-byte name of the device secret."""
    wrapped: Sealed
    """Share and template under the device secret."""

    kind = Kind.FACE


@dataclass(frozen=True)
class PeopleSlot:
    """Opened by the people secret; public."""

    public_key: bytes
    """X25519 key it is sealed to."""
    encapsulated: bytes
    """HPKE's ephemeral key, 32 bytes."""
    wrapped: bytes
    """The sealed share."""

    kind = Kind.PEOPLE


Slot = PasswordSlot | FaceSlot | PeopleSlot


@dataclass(frozen=True, repr=False)
class FaceContent:
    """What a face slot holds; secret."""

    share: bytes
    """The share of the root key; released after a match only."""
    spec_id: int
    """Spec of the template."""
    template: tuple[int, ...]
    """What a photo is compared with."""

    def __repr__(self) -> str:
        return "FaceContent(<redacted>)"


def seal(lock: Lock, share: bytes, rng: Rng) -> Slot:
    """Put a share into a slot."""
    match lock:
        case PasswordLock():
            associated = _associated(Kind.PASSWORD, {"kdf": _kdf_document(lock.params)})
            return PasswordSlot(
                lock.params, aead.seal(lock.wrapping_key, share, associated, rng=rng)
            )
        case FaceLock():
            content = {
                "share": _hex(share),
                "spec_id": f"0x{lock.spec_id:030x}",
                "template": list(lock.template),
            }
            plaintext = jsontext.canonical(content)
            plaintext += b" " * (-len(plaintext) % FACE_PAD_BYTES)
            associated = _associated(Kind.FACE, {"device": _hex(lock.device)})
            key = kdf.subkey(lock.secret, _FACE)
            return FaceSlot(lock.device, aead.seal(key, plaintext, associated, rng=rng))
        case PeopleLock():
            return PeopleSlot(lock.public_key, *hpke.seal(lock.public_key, share, _PEOPLE))
    assert_never(lock)


def open_password(slot: PasswordSlot, wrapping_key: bytes) -> bytes:
    """Return the share; raise ``NotAuthentic`` for another password."""
    associated = _associated(Kind.PASSWORD, {"kdf": _kdf_document(slot.params)})
    return _share(aead.unseal(wrapping_key, slot.wrapped, associated))


def open_face(slot: FaceSlot, secret: bytes) -> FaceContent:
    """Return share and template; raise ``NotAuthentic`` for another device's secret."""
    associated = _associated(Kind.FACE, {"device": _hex(slot.device)})
    plaintext = aead.unseal(kdf.subkey(secret, _FACE), slot.wrapped, associated)
    try:
        document = jsontext.parse(plaintext)
        template = tuple(document.pop("template"))
        share, spec_id = unhex(document.pop("share")), unhex(document.pop("spec_id"))
        sound = not document and len(spec_id) == 15 and 1 <= len(template) <= MAX_DIMENSION
        if not sound or any(type(v) is not int or not -128 <= v <= 127 for v in template):
            raise NotAuthentic
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NotAuthentic from None  # the cause quotes what was sealed
    return FaceContent(_share(share), int.from_bytes(spec_id, "big"), template)


def open_people(slot: PeopleSlot, people: PeopleSecret) -> bytes:
    """Return the share; raise ``NotAuthentic`` for another people secret."""
    pair = people.keypair
    if pair.public != slot.public_key:
        raise NotAuthentic
    return _share(hpke.unseal(pair.private, slot.encapsulated, slot.wrapped, _PEOPLE))


def to_document(slot: Slot) -> dict[str, object]:
    """Return a slot as JSON values, members in their order."""
    match slot:
        case PasswordSlot():
            public: dict[str, object] = {"kdf": _kdf_document(slot.params)}
            sealed: dict[str, object] = _sealed_document(slot.wrapped)
        case FaceSlot():
            public = {"device": _hex(slot.device)}
            sealed = _sealed_document(slot.wrapped)
        case PeopleSlot():
            public = {"public_key": _hex(slot.public_key)}
            sealed = {"encapsulated": _hex(slot.encapsulated), "wrapped": _hex(slot.wrapped)}
        case _:
            assert_never(slot)
    return {"kind": slot.kind.value, **public, **sealed}


def from_document(document: Any) -> Slot:
    """Read a slot; raise ``ValueError``, ``TypeError`` or ``KeyError`` when it is none.

    Members that do not belong there show in the spelling of the whole file.
    """
    match Kind(document["kind"]):
        case Kind.PASSWORD:
            return PasswordSlot(_kdf_from(document["kdf"]), _sealed_from(document))
        case Kind.FACE:
            return FaceSlot(_sized(document["device"], DEVICE_NAME_BYTES), _sealed_from(document))
        case Kind.PEOPLE:
            public = _sized(document["public_key"], hpke.KEY_BYTES)
            encapsulated = _sized(document["encapsulated"], hpke.KEY_BYTES)
            return PeopleSlot(public, encapsulated, unhex(document["wrapped"]))
        case other:
            assert_never(other)


def require_order(kinds: list[Kind]) -> None:
    """Raise ``ValueError`` unless these are two or three kinds, each once, in their order."""
    numbers = [NUMBERS[kind] for kind in kinds]
    if not 2 <= len(numbers) <= len(NUMBERS) or numbers != sorted(set(numbers)):
        raise ValueError("a key file has two or three slots of different kinds")


def unhex(text: Any) -> bytes:
    """Read bytes from 0x and hex digits; raise ``ValueError`` for anything else."""
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError("bytes are 0x and hex digits")
    return bytes.fromhex(text[2:])


def _associated(kind: Kind, public: dict[str, object]) -> bytes:
    return _SLOT + b"\0" + jsontext.canonical({"kind": kind.value, **public})


def _share(data: bytes) -> bytes:
    if len(data) != SHARE_BYTES:
        raise NotAuthentic
    return data


def _kdf_document(params: KdfParams) -> dict[str, object]:
    return {
        "name": "argon2id",
        "memory_kib": params.memory_kib,
        "iterations": params.iterations,
        "lanes": params.lanes,
        "salt": _hex(params.salt),
    }


def _kdf_from(document: Any) -> KdfParams:
    numbers = [document[key] for key in ("memory_kib", "iterations", "lanes")]
    if any(type(n) is not int for n in numbers):
        raise ValueError("not a slot of this version")
    return KdfParams(unhex(document["salt"]), *numbers)


def _sealed_document(sealed: Sealed) -> dict[str, object]:
    return {"nonce": _hex(sealed.nonce), "wrapped": _hex(sealed.ciphertext)}


def _sealed_from(document: Any) -> Sealed:
    return Sealed(unhex(document["nonce"]), unhex(document["wrapped"]))


def _sized(text: Any, size: int) -> bytes:
    data = unhex(text)
    if len(data) != size:
        raise ValueError("of another size")
    return data


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
