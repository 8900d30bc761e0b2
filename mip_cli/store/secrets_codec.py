"""What a passport's holder keeps secret, and its form inside the key file (protocol section 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from mip_cli.crypto import jsontext
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfParams
from mip_cli.models import Kind
from mip_cli.store import guardian_codec
from mip_cli.store.guardian_codec import GuardianState
from mip_cli.units import Address, Epoch

SECRETS_FORMAT = "mip.passport/2"

MAX_PSEUDONYMS = 200
"""Apps remembered; with everything else at its largest the key file stays within its bound."""
MAX_PURPOSE = 96
"""UTF-8 bytes of an app's purpose."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_MAX_DIMENSION = 4096


class PassportStatus(StrEnum):
    """How far enrolment has come."""

    PREPARED = "prepared"
    """Secrets are durable; no chain is known to hold the leaf."""
    ENROLLED = "enrolled"
    """The registry holds the leaf; chain, registry and index are set."""


@dataclass(frozen=True)
class Pseudonym:
    """An app that was shown a proof; the holder's pseudonym there follows from it."""

    app: Address
    """The app's contract."""
    purpose: str
    """The purpose it stated."""


@dataclass(frozen=True, repr=False)
class PassportSecrets:
    """Everything one passport needs beside face and password of its holder."""

    name: str
    """The holder's name for it, ``[a-z0-9_-]{1,32}``."""
    status: PassportStatus
    """How far enrolment has come."""
    created: int
    """Unix time in seconds."""
    secret: int
    """``s``: drawn once, never rotated; non-zero field element."""
    anchor: Address
    """Address that enrols."""
    anchor_key: bytes
    """32-byte private key of the anchor."""
    epoch: Epoch
    """How often the keys were replaced."""
    face_spec: str
    """Readable id of the spec, such as ``dlib-128/1``."""
    face_spec_id: int
    """120-bit id that enters the commitment."""
    template: tuple[int, ...]
    """Enrolled coordinates, signed 8-bit."""
    face_salt: int
    """Salt of the face commitment."""
    password_commitment: int
    """Commits to the stretched password: kept, so that face and people prove without it."""
    twin_commitment: int
    """Commits to it a second time, in the shape of the face's hash."""
    keys_salt: int
    """Salt of the keys root."""
    guardian_commitment: int
    """The guardian commitment in the leaf; nobody can open it while there are no guardians."""
    password_kdf: KdfParams
    """What turns the password into the opening of the password commitment."""
    chain_id: int | None = None
    """EIP-155 chain id, once known."""
    registry: Address | None = None
    """PassportRegistry, once known."""
    index: int | None = None
    """Position of the leaf in the tree, once enrolled."""
    guardians: GuardianState | None = None
    """The sets of guardians, once any was invited."""
    pseudonyms: tuple[Pseudonym, ...] = ()
    """Every app shown to, oldest first: a recovery voids what was granted there."""
    archive: ArchiveKey | None = None
    """What opens the archive, once there is one."""

    def __post_init__(self) -> None:
        _validate(self)

    def __repr__(self) -> str:
        return f"PassportSecrets(name={self.name!r}, status={self.status.value}, <redacted>)"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of key that are set; people come with guardians."""
        active = self.guardians and self.guardians.active
        people = (Kind.PEOPLE,) if active and active.members else ()
        return (Kind.FACE, Kind.PASSWORD, *people)


def encode(secrets: PassportSecrets) -> bytes:
    """Write the content of a key file: canonical JSON."""
    kdf = secrets.password_kdf
    document = {
        "format": SECRETS_FORMAT,
        "name": secrets.name,
        "status": secrets.status.value,
        "created": secrets.created,
        "secret": _element_text(secrets.secret),
        "anchor": secrets.anchor,
        "anchor_key": "0x" + secrets.anchor_key.hex(),
        "epoch": secrets.epoch,
        "face_spec": secrets.face_spec,
        "face_spec_id": f"0x{secrets.face_spec_id:030x}",
        "template": list(secrets.template),
        "face_salt": _element_text(secrets.face_salt),
        "password_commitment": _element_text(secrets.password_commitment),
        "twin_commitment": _element_text(secrets.twin_commitment),
        "keys_salt": _element_text(secrets.keys_salt),
        "guardian_commitment": _element_text(secrets.guardian_commitment),
        "password_kdf": {
            "salt": "0x" + kdf.salt.hex(),
            "memory_kib": kdf.memory_kib,
            "iterations": kdf.iterations,
            "lanes": kdf.lanes,
        },
        "chain_id": secrets.chain_id,
        "registry": secrets.registry,
        "index": secrets.index,
        "guardians": secrets.guardians and guardian_codec.to_document(secrets.guardians),
        "pseudonyms": [{"app": p.app, "purpose": p.purpose} for p in secrets.pseudonyms],
    }
    if secrets.archive is not None:
        key = secrets.archive
        document["archive"] = {"key": "0x" + key.key.hex(), "generation": key.generation}
    return jsontext.canonical(document)


def decode(data: bytes) -> PassportSecrets:
    """Read a payload; raise ``ValueError``, without quoting a value, when it is not one."""
    try:
        document = jsontext.parse(data)
        if document.pop("format") != SECRETS_FORMAT:
            raise ValueError("another format")
        known = {field.name for field in fields(PassportSecrets)}
        if set(document) | {"archive"} != known:
            raise ValueError("other fields")
        kdf, guardians = document.pop("password_kdf"), document.pop("guardians")
        archive = _archive(document.pop("archive")) if "archive" in document else None
        return PassportSecrets(
            status=PassportStatus(document.pop("status")),
            secret=_number(document.pop("secret")),
            anchor_key=_bytes(document.pop("anchor_key")),
            face_spec_id=_number(document.pop("face_spec_id")),
            template=tuple(document.pop("template")),
            face_salt=_number(document.pop("face_salt")),
            password_commitment=_number(document.pop("password_commitment")),
            twin_commitment=_number(document.pop("twin_commitment")),
            keys_salt=_number(document.pop("keys_salt")),
            guardian_commitment=_number(document.pop("guardian_commitment")),
            password_kdf=KdfParams(**{**kdf, "salt": _bytes(kdf["salt"])}),
            guardians=None if guardians is None else guardian_codec.from_document(guardians),
            pseudonyms=tuple(Pseudonym(**entry) for entry in document.pop("pseudonyms")),
            archive=archive,
            **document,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        # from None: the cause quotes what it could not read
        raise ValueError("the sealed content is not a passport of this version") from None


def _archive(document: dict[str, Any]) -> ArchiveKey:
    found = ArchiveKey(_bytes(document.pop("key")), document.pop("generation"))
    if document or not _is_int(found.generation):
        raise ValueError("other fields")
    return found


def _validate(s: PassportSecrets) -> None:
    elements = (
        *(s.secret, s.face_salt, s.keys_salt),
        *(s.password_commitment, s.twin_commitment, s.guardian_commitment),
    )
    counts = (s.created, s.epoch, *(n for n in (s.chain_id, s.index) if n is not None))
    sound = (
        all(_is_int(n) and 0 <= n < R for n in elements)
        and s.secret != 0
        and all(_is_int(n) and 0 <= n < 1 << 64 for n in counts)
        and s.epoch < 1 << 32
        and _is_int(s.face_spec_id)
        and 0 <= s.face_spec_id < 1 << 120
        and _NAME.fullmatch(s.name) is not None
        and len(s.anchor_key) == 32
        and all(_ADDRESS.fullmatch(a) for a in (s.anchor, s.registry) if a is not None)
        and isinstance(s.face_spec, str)
        and len(s.face_spec) <= 64
        and 1 <= len(s.template) <= _MAX_DIMENSION
        and all(_is_int(v) and -128 <= v <= 127 for v in s.template)
        and len(s.pseudonyms) <= MAX_PSEUDONYMS
        and all(_ADDRESS.fullmatch(p.app) for p in s.pseudonyms)
        and all(len(p.purpose.encode()) <= MAX_PURPOSE for p in s.pseudonyms)
    )
    if not sound:
        raise ValueError("a field of the passport's secrets is out of range")
    known = (s.chain_id, s.registry, s.index)
    if s.status is PassportStatus.ENROLLED and None in known:
        raise ValueError("an enrolled passport knows its chain, registry and index")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _element_text(value: int) -> str:
    return f"0x{value:064x}"


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")


def _bytes(text: str) -> bytes:
    if not text.startswith("0x"):
        raise ValueError("no 0x")
    return bytes.fromhex(text[2:])
