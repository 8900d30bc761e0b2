"""The sealed container: any content under a random root key that lies in two or three slots.

Protocol section 6. Two slots open it, one alone tells nothing of the content. A reader without
them learns its form, its size class and what the slots show. Nothing here touches the disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mip_cli.crypto import aead, jsontext, kdf, shamir
from mip_cli.crypto.aead import NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.kdf import LIMITS, KdfLimits
from mip_cli.crypto.shamir import SharesInconsistent
from mip_cli.errors import FileInvalid, ThresholdNotMet
from mip_cli.models import Kind
from mip_cli.store import slots as slot_form
from mip_cli.store.slots import (
    NUMBERS,
    FaceSlot,
    Lock,
    PasswordSlot,
    PeopleSlot,
    Slot,
    unhex,
)

FORMAT = "mip.keyfile/2"
MAX_BYTES = 256 * 1024
"""Larger files are refused unread; so is content that would make one."""
PAD_BYTES = 4096
"""Content is filled with spaces up to a multiple of this, so that its size tells nothing."""
THRESHOLD = 2
"""Slots that open a container."""

_FORMAT_FAMILY = "mip.keyfile/"
_PAYLOAD = b"mip keyfile payload/1"
_HEADER = b"mip keyfile header/2"
BACKUP_HINT = "restore it from a backup; the password is not the problem"
NEWER_HINT = "update mip"


@dataclass(frozen=True)
class Envelope:
    """A container as its reader sees it without a secret."""

    slots: tuple[Slot, ...]
    """Ways to open it, in the order of the kinds' numbers."""
    payload: Sealed
    """The sealed content."""
    mac: bytes
    """HMAC-SHA256 of slots and payload under a key derived from the root key."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that open it."""
        return tuple(slot.kind for slot in self.slots)

    @property
    def password(self) -> PasswordSlot | None:
        """The slot that a password opens."""
        return next((s for s in self.slots if isinstance(s, PasswordSlot)), None)

    @property
    def face(self) -> FaceSlot | None:
        """The slot that a face on its device opens."""
        return next((s for s in self.slots if isinstance(s, FaceSlot)), None)

    @property
    def people(self) -> PeopleSlot | None:
        """The slot that guardians open."""
        return next((s for s in self.slots if isinstance(s, PeopleSlot)), None)


@dataclass(frozen=True, repr=False)
class Unsealed:
    """An opened container: its content, and what reseals it and changes its slots."""

    envelope: Envelope
    """The container as it was when opened."""
    content: bytes
    """What it holds, without the filling."""
    root_key: bytes
    """256 bits that seal the content."""
    shares: tuple[bytes, ...]
    """The shares of all three kinds by number, also of those that have no slot."""

    def __repr__(self) -> str:
        return "Unsealed(<redacted>)"


def seal(content: bytes, locks: Iterable[Lock], *, rng: Rng = system_rng) -> Unsealed:
    """Seal content under a new root key with two or three locks of different kinds.

    Raises ``ValueError`` for other locks and for content too large for a file.
    """
    root_key = aead.random_key(rng)
    shares = shamir.split(root_key, THRESHOLD, len(NUMBERS), rng)
    found = {slot.kind: slot for slot in (_seal_slot(lock, shares, rng) for lock in locks)}
    envelope = assemble(_ordered(found), root_key, _payload(content, root_key, rng))
    return Unsealed(envelope, content, root_key, shares)


def reseal(
    opened: Unsealed,
    *,
    content: bytes | None = None,
    add: Iterable[Lock] = (),
    drop: Iterable[Kind] = (),
    rng: Rng = system_rng,
) -> Unsealed:
    """Change content or slots under the same root key; a lock replaces the slot of its kind.

    Without ``content`` the sealed payload stays as it is. Raises ``ValueError`` when fewer than
    two slots would stay, and for content too large for a file.
    """
    found = {slot.kind: slot for slot in opened.envelope.slots}
    for kind in drop:
        found.pop(kind, None)
    for lock in add:
        slot = _seal_slot(lock, opened.shares, rng)
        found[slot.kind] = slot
    payload = opened.envelope.payload
    if content is not None:
        payload = _payload(content, opened.root_key, rng)
    envelope = assemble(_ordered(found), opened.root_key, payload)
    return replace(
        opened, envelope=envelope, content=opened.content if content is None else content
    )


def unseal(envelope: Envelope, shares: Mapping[Kind, bytes], what: str) -> Unsealed:
    """Open a container with the shares of two kinds; ``what`` names it in messages.

    Raises ``ThresholdNotMet`` for fewer, ``FileInvalid`` when the file was altered.
    """
    if len(shares) < THRESHOLD:
        raise ThresholdNotMet(
            f"{what} opens with two of its kinds: {_list(envelope.kinds)}",
            hint="give a second kind of key",
        )
    numbered = {NUMBERS[kind]: share for kind, share in shares.items()}
    body = jsontext.canonical(_body(envelope.slots, envelope.payload))
    try:
        root_key = shamir.combine(THRESHOLD, numbered)
        if not aead.mac_matches(kdf.subkey(root_key, _HEADER), body, envelope.mac):
            raise NotAuthentic
        content = aead.unseal(kdf.subkey(root_key, _PAYLOAD), envelope.payload, _PAYLOAD)
    except (NotAuthentic, SharesInconsistent) as error:
        raise FileInvalid(f"{what} was altered", hint=BACKUP_HINT) from error
    known = next(iter(numbered.items()))
    points = {shamir.SECRET: root_key, known[0]: known[1]}
    every = tuple(shamir.share_at(points, number) for number in range(len(NUMBERS)))
    return Unsealed(envelope, content.rstrip(b" "), root_key, every)


def assemble(slots: tuple[Slot, ...], root_key: bytes, payload: Sealed) -> Envelope:
    """Put slots and payload together under their MAC; ``ValueError`` when they make no file."""
    slot_form.require_order([slot.kind for slot in slots])
    tag = aead.mac(kdf.subkey(root_key, _HEADER), jsontext.canonical(_body(slots, payload)))
    envelope = Envelope(slots, payload, tag)
    if len(serialize(envelope)) > MAX_BYTES:
        raise ValueError("the content is too large for a key file")
    return envelope


def serialize(envelope: Envelope) -> bytes:
    """Write a container in its one spelling."""
    document = _body(envelope.slots, envelope.payload) | {"mac": _hex(envelope.mac)}
    document["checksum"] = _hex(hashlib.sha256(jsontext.canonical(document)).digest())
    return json.dumps(document, indent=2).encode() + b"\n"


def parse(data: bytes, what: str, *, limits: KdfLimits = LIMITS) -> Envelope:
    """Read a container; raise ``FileInvalid`` for a damaged, hostile or newer one.

    ``what`` names it in messages. What is found here needs no secret to be found, and comes before
    any work with one.
    """
    if len(data) > MAX_BYTES:
        raise FileInvalid(f"{what} is larger than {MAX_BYTES} bytes")
    if not data:
        raise FileInvalid(f"{what} is empty", hint=BACKUP_HINT)
    try:
        document = jsontext.parse(data)
        name = document["format"]
        newer = isinstance(name, str) and name.startswith(_FORMAT_FAMILY) and name != FORMAT
        envelope = None if newer else _parse(document)
    except (ValueError, TypeError, KeyError):
        raise FileInvalid(_why_unreadable(what, data), hint=BACKUP_HINT) from None
    if envelope is None:
        raise FileInvalid(f"{what} has an unknown version", hint=NEWER_HINT)
    # the one accepted spelling, checksum included: a change of any byte shows without a password
    if serialize(envelope) != data:
        raise FileInvalid(f"{what} is damaged", hint=BACKUP_HINT)
    if envelope.password is not None:
        try:
            kdf.check_params(envelope.password.params, limits)
        except ValueError as error:
            raise FileInvalid(f"{what}: {error}", hint=BACKUP_HINT) from None
    return envelope


def _seal_slot(lock: Lock, shares: tuple[bytes, ...], rng: Rng) -> Slot:
    kind = _kind_of(lock)
    return slot_form.seal(lock, shares[NUMBERS[kind]], rng)


def _kind_of(lock: Lock) -> Kind:
    match lock:
        case slot_form.PasswordLock():
            return Kind.PASSWORD
        case slot_form.FaceLock():
            return Kind.FACE
        case slot_form.PeopleLock():
            return Kind.PEOPLE


def _ordered(found: Mapping[Kind, Slot]) -> tuple[Slot, ...]:
    return tuple(found[kind] for kind in NUMBERS if kind in found)


def _payload(content: bytes, root_key: bytes, rng: Rng) -> Sealed:
    filled = content + b" " * (-len(content) % PAD_BYTES)
    return aead.seal(kdf.subkey(root_key, _PAYLOAD), filled, _PAYLOAD, rng=rng)


def _body(slots: tuple[Slot, ...], payload: Sealed) -> dict[str, object]:
    return {
        "format": FORMAT,
        "slots": [slot_form.to_document(slot) for slot in slots],
        "payload": {"nonce": _hex(payload.nonce), "ciphertext": _hex(payload.ciphertext)},
    }


def _parse(document: Any) -> Envelope:
    if document["format"] != FORMAT or not isinstance(document["slots"], list):
        raise ValueError("not a key file of this version")
    slots = tuple(slot_form.from_document(slot) for slot in document["slots"])
    slot_form.require_order([slot.kind for slot in slots])
    payload = document["payload"]
    return Envelope(
        slots, Sealed(unhex(payload["nonce"]), unhex(payload["ciphertext"])), unhex(document["mac"])
    )


def _why_unreadable(what: str, data: bytes) -> str:
    if data.lstrip()[:1] == b"{" and not data.rstrip().endswith(b"}"):
        return f"{what} is cut short"
    return f"{what} is not a key file of mip, or is damaged"


def _list(kinds: Iterable[Kind]) -> str:
    return ", ".join(kind.value for kind in kinds)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
