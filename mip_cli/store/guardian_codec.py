"""What a holder keeps of his guardians inside the sealed secrets (protocol sections 6 and 12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mip_cli.crypto.field import R

MAX_GUARDIANS = 16
"""Places of a set, and so the most guardians."""
MAX_LABEL = 64
"""UTF-8 bytes of the name that the holder gives to a guardian."""
MAX_INVITATIONS = 32
"""Invitations that may be open at once."""
MAX_EARLIER = 2
"""Sets that are kept after they gave way."""
INVITATION_BYTES = 16
_KEY_BYTES = 32
_DIGEST_BYTES = 32

T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """One guardian as the holder knows him."""

    label: str
    """The holder's name for him; never leaves the device but in his own invitation."""
    invitation: bytes
    """16 random bytes that tell cards and parts apart."""
    leaf: int
    """His leaf in the set's tree."""
    public_key: bytes
    """X25519, for his parts."""
    position: int
    """His place in the tree."""
    number: int
    """The number of his share."""


@dataclass(frozen=True, repr=False)
class SetRecord:
    """One set of guardians, with all that its tree can be built from again.

    Without members it stands for the absence of guardians: threshold, quorum and lists are empty.
    """

    threshold: int
    """Guardians who restore the people secret and approve a recovery."""
    quorum: int
    """Guardians who approve the recovery of a frozen or revoked passport."""
    salt: int
    """Salt of the set commitment."""
    guardian_commitment: int
    """Commits to the people key of this set."""
    people_public: bytes | None
    """X25519, to which the people slot is sealed; None without members."""
    digests: tuple[bytes, ...]
    """Digests of the shares by number."""
    members: tuple[Member, ...]
    """The guardians, in the order in which the holder named them."""
    fillers: tuple[int, ...] = ()
    """What fills the other places of the tree, from the lowest place upward."""

    def __post_init__(self) -> None:
        _validate_set(self)

    def __repr__(self) -> str:
        return f"SetRecord({self.threshold} of {len(self.members)}, <redacted>)"

    @property
    def leaves(self) -> tuple[int, ...]:
        """The leaves of all sixteen places in tree order; empty without members."""
        by_place = {member.position: member.leaf for member in self.members}
        rest = iter(self.fillers)
        places = range(MAX_GUARDIANS if self.members else 0)
        return tuple(by_place[p] if p in by_place else next(rest) for p in places)


@dataclass(frozen=True)
class OpenInvitation:
    """An invitation whose guardian stands in no set yet."""

    label: str
    """As in ``Member``."""
    invitation: bytes
    """As in ``Member``."""


@dataclass(frozen=True, repr=False)
class GuardianState:
    """Everything the holder keeps of his guardians."""

    active: SetRecord | None = None
    """The set in force."""
    pending: SetRecord | None = None
    """The set that waits for its time."""
    invitations: tuple[OpenInvitation, ...] = ()
    """Invitations that went out."""
    earlier: tuple[SetRecord, ...] = ()
    """Sets that gave way, newest first, at most ``MAX_EARLIER``: a node may have lied."""

    def __post_init__(self) -> None:
        _require(len(self.invitations) <= MAX_INVITATIONS)
        _require(len(self.earlier) <= MAX_EARLIER)
        for i in self.invitations:
            _require(_is_label(i.label) and len(i.invitation) == INVITATION_BYTES)

    def __repr__(self) -> str:
        return f"GuardianState(active={self.active!r}, pending={self.pending!r})"

    def superseded(self, record: SetRecord | None) -> tuple[SetRecord, ...]:
        """Return what ``earlier`` is once a set has given way to another."""
        if record is None or not record.members:
            return self.earlier
        return (record, *(one for one in self.earlier if one != record))[:MAX_EARLIER]


def to_document(state: GuardianState) -> dict[str, object]:
    """Return the state as JSON values."""
    return {
        "active": state.active and _set_document(state.active),
        "pending": state.pending and _set_document(state.pending),
        "invitations": [
            {"label": i.label, "invitation": _hex(i.invitation)} for i in state.invitations
        ],
        "earlier": [_set_document(record) for record in state.earlier],
    }


def from_document(document: Any) -> GuardianState:
    """Read the state; raise ``ValueError``, ``TypeError`` or ``KeyError`` when it is none."""
    members = _members(document, "active", "pending", "invitations", "earlier")
    return GuardianState(
        active=_optional(_set_from, members["active"]),
        pending=_optional(_set_from, members["pending"]),
        invitations=tuple(_invitation_from(i) for i in members["invitations"]),
        earlier=tuple(_set_from(one) for one in members["earlier"]),
    )


def _invitation_from(document: Any) -> OpenInvitation:
    members = _members(document, "label", "invitation")
    return OpenInvitation(members["label"], _unhex(members["invitation"]))


def _set_document(record: SetRecord) -> dict[str, object]:
    return {
        "threshold": record.threshold,
        "quorum": record.quorum,
        "salt": _element(record.salt),
        "guardian_commitment": _element(record.guardian_commitment),
        "people_public": None if record.people_public is None else _hex(record.people_public),
        "digests": [_hex(digest) for digest in record.digests],
        "members": [
            {
                "label": member.label,
                "invitation": _hex(member.invitation),
                "leaf": _element(member.leaf),
                "public_key": _hex(member.public_key),
                "position": member.position,
                "number": member.number,
            }
            for member in record.members
        ],
        "fillers": [_element(filler) for filler in record.fillers],
    }


def _set_from(document: Any) -> SetRecord:
    members = _members(
        document,
        *("threshold", "quorum", "salt", "guardian_commitment", "people_public"),
        *("digests", "members", "fillers"),
    )
    return SetRecord(
        threshold=members["threshold"],
        quorum=members["quorum"],
        salt=_number(members["salt"]),
        guardian_commitment=_number(members["guardian_commitment"]),
        people_public=_optional(_unhex, members["people_public"]),
        digests=tuple(_unhex(digest) for digest in members["digests"]),
        members=tuple(_member_from(member) for member in members["members"]),
        fillers=tuple(_number(filler) for filler in members["fillers"]),
    )


def _member_from(document: Any) -> Member:
    members = _members(document, "label", "invitation", "leaf", "public_key", "position", "number")
    return Member(
        label=members["label"],
        invitation=_unhex(members["invitation"]),
        leaf=_number(members["leaf"]),
        public_key=_unhex(members["public_key"]),
        position=members["position"],
        number=members["number"],
    )


def _validate_set(s: SetRecord) -> None:
    _require(all(_is_int(n) for n in (s.threshold, s.quorum)))
    _require(all(_is_element(n) for n in (s.salt, s.guardian_commitment, *s.fillers)))
    if not s.members:
        empty = (s.threshold, s.quorum, s.people_public, s.digests, s.fillers)
        _require(empty == (0, 0, None, (), ()))
        return
    count = len(s.members)
    _require(1 <= s.threshold <= s.quorum <= count <= MAX_GUARDIANS)
    _require(len(s.fillers) == MAX_GUARDIANS - count)
    _require(s.people_public is not None and len(s.people_public) == _KEY_BYTES)
    _require(count <= len(s.digests) <= MAX_GUARDIANS)
    _require(all(len(digest) == _DIGEST_BYTES for digest in s.digests))
    for member in s.members:
        _require(_is_label(member.label) and _is_element(member.leaf) and member.leaf != 0)
        _require(len(member.invitation) == INVITATION_BYTES)
        _require(len(member.public_key) == _KEY_BYTES)
        _require(_is_int(member.position) and 0 <= member.position < MAX_GUARDIANS)
        _require(_is_int(member.number) and 0 <= member.number < len(s.digests))
    for field in ("position", "number", "leaf", "invitation"):
        _require(len({getattr(member, field) for member in s.members}) == count)


def _require(sound: bool) -> None:
    if not sound:
        raise ValueError("a field of the guardians is out of range")


def _is_label(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value.encode()) <= MAX_LABEL


def _is_element(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < R


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _members(document: Any, *names: str) -> dict[str, Any]:
    if not isinstance(document, dict) or set(document) != set(names):
        raise ValueError("other fields")
    return document


def _optional(read: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else read(value)


def _element(value: int) -> str:
    return f"0x{value:064x}"


def _number(text: Any) -> int:
    return int.from_bytes(_unhex(text), "big")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _unhex(text: Any) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError("bytes are 0x and hex digits")
    return bytes.fromhex(text[2:])
