"""The documents that holder and guardians send each other (protocol section 12).

None of them holds a secret in clear: shares are sealed to the key of who shall read them. They do
name the passport's leaf, so they are for the people they are meant for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from mip_cli.chain.abi import checksum
from mip_cli.crypto import hpke, jsontext
from mip_cli.crypto.aead import TAG_BYTES, NotAuthentic
from mip_cli.crypto.field import P
from mip_cli.crypto.forms import Form, Members, element, hexed
from mip_cli.crypto.guardian_set import (
    PLACES,
    SET_DEPTH,
    split_thresholds,
    thresholds_of,
)
from mip_cli.crypto.plaintext import is_readable
from mip_cli.crypto.shamir import MAX_SHARES
from mip_cli.flows.guardian.guardian_documents import (
    Answer,
    AnsweredShare,
    Approval,
    Ask,
    Cancellation,
    Card,
    Invitation,
    Part,
    Passport,
    Recovery,
    SealedShare,
)
from mip_cli.store.guardian_codec import INVITATION_BYTES, MAX_LABEL
from mip_cli.units import Commitment

SHARE_BYTES = 32
MAX_LOCATOR = 400
"""Bytes of a locator."""

_PART_INFO = b"mip guardian part/1"
_ANSWER_INFO = b"mip guardian answer/1"
_DIGEST = b"mip part/1"
_EPOCHS = (1 << 32) - 1


def share_digest(number: int, share: bytes) -> bytes:
    """Return what a share is held against by who knows the list of a set."""
    return hashlib.sha256(_DIGEST + bytes([number]) + share).digest()


def seal_part(part: Part, public_key: bytes, share: bytes) -> Part:
    """Return the part with its share sealed to a guardian, bound to everything else in it."""
    return replace(part, sealed=SealedShare(*hpke.seal(public_key, share, _part_info(part))))


def open_part(part: Part, private_key: bytes) -> bytes:
    """Return the share of a part; raise ``NotAuthentic`` unless whole and for this guardian."""
    sealed = part.sealed
    share = hpke.unseal(private_key, sealed.encapsulated, sealed.wrapped, _part_info(part))
    if len(part.digests) <= part.number or part.digests[part.number] != share_digest(
        part.number, share
    ):
        raise NotAuthentic
    return share


def ask_hash(ask: bytes) -> bytes:
    """Return what an answer names its ask by."""
    return hashlib.sha256(ask).digest()


def seal_share(
    ask: bytes, public_key: bytes, number: int, threshold: int, share: bytes
) -> AnsweredShare:
    """Seal a share to the key of an ask, for that ask (``ask_hash``) alone."""
    sealed = hpke.seal(public_key, bytes([threshold]) + share, _answer_info(ask, number))
    return AnsweredShare(number, SealedShare(*sealed))


def open_share(ask: bytes, private_key: bytes, share: AnsweredShare) -> tuple[int, bytes]:
    """Return threshold and share of an answer; raise ``NotAuthentic`` when they are not whole."""
    sealed = share.sealed
    info = _answer_info(ask, share.number)
    plaintext = hpke.unseal(private_key, sealed.encapsulated, sealed.wrapped, info)
    if len(plaintext) != 1 + SHARE_BYTES or not 1 <= plaintext[0] <= MAX_SHARES:
        raise NotAuthentic
    return plaintext[0], plaintext[1:]


def _part_info(part: Part) -> bytes:
    members = dict(_write_part(part))
    del members["sealed"]
    return _PART_INFO + hashlib.sha256(jsontext.canonical(members)).digest()


def _answer_info(ask: bytes, number: int) -> bytes:
    return _ANSWER_INFO + ask + bytes([number])


def _write_passport(passport: Passport) -> dict[str, object]:
    return {
        "chain_id": passport.chain_id,
        "recovery": passport.recovery.lower(),
        "registry": passport.registry.lower(),
        "identity_commitment": element(passport.identity_commitment),
        "anchor": passport.anchor.lower(),
    }


def _read_passport(found: Members) -> Passport:
    m = found.members("passport", *_PASSPORT)
    return Passport(
        chain_id=m.integer("chain_id"),
        recovery=checksum(m.data("recovery", 20)),
        registry=checksum(m.data("registry", 20)),
        identity_commitment=Commitment(m.element("identity_commitment")),
        anchor=checksum(m.data("anchor", 20)),
    )


_PASSPORT = ("chain_id", "recovery", "registry", "identity_commitment", "anchor")


def _label(found: Members) -> str:
    label = found.text("label", MAX_LABEL)
    if not is_readable(label):
        raise ValueError("its label cannot be shown as it is")
    return label


def _write_invitation(value: Invitation) -> Mapping[str, object]:
    return {"label": value.label, "invitation": hexed(value.invitation)}


def _read_invitation(m: Members) -> Invitation:
    return Invitation(_label(m), m.data("invitation", INVITATION_BYTES))


def _write_card(value: Card) -> Mapping[str, object]:
    return {
        "invitation": hexed(value.invitation),
        "leaf": element(value.leaf),
        "public_key": hexed(value.public_key),
    }


def _read_card(m: Members) -> Card:
    card = Card(
        m.data("invitation", INVITATION_BYTES),
        m.element("leaf"),
        m.data("public_key", hpke.KEY_BYTES),
    )
    if card.leaf == 0:
        raise ValueError("its leaf is zero")
    _require_key(card.public_key)
    return card


def _require_key(public_key: bytes) -> None:
    try:
        hpke.require_public(public_key)
    except ValueError:
        raise ValueError("nothing can be sealed to its public_key") from None


def _write_sealed(value: SealedShare) -> dict[str, object]:
    return {"encapsulated": hexed(value.encapsulated), "wrapped": hexed(value.wrapped)}


def _read_sealed(found: Members, size: int) -> SealedShare:
    m = found.members("sealed", "encapsulated", "wrapped")
    return SealedShare(m.data("encapsulated", hpke.KEY_BYTES), m.data("wrapped", size + TAG_BYTES))


def _write_part(value: Part) -> Mapping[str, object]:
    return {
        "invitation": hexed(value.invitation),
        "passport": _write_passport(value.passport),
        "threshold": value.threshold,
        "quorum": value.quorum,
        "guardian_commitment": element(value.guardian_commitment),
        "set_salt": element(value.set_salt),
        "siblings": [element(sibling) for sibling in value.siblings],
        "position": value.position,
        "number": value.number,
        "digests": [hexed(digest) for digest in value.digests],
        "people": hexed(value.people),
        "locator": value.locator,
        "sealed": _write_sealed(value.sealed),
    }


def _read_part(m: Members) -> Part:
    part = Part(
        invitation=m.data("invitation", INVITATION_BYTES),
        passport=_read_passport(m),
        threshold=m.integer("threshold", PLACES),
        quorum=m.integer("quorum", PLACES),
        guardian_commitment=Commitment(m.element("guardian_commitment")),
        set_salt=m.element("set_salt"),
        siblings=m.element_list("siblings", SET_DEPTH),
        position=m.integer("position", PLACES - 1),
        number=m.integer("number", MAX_SHARES - 1),
        digests=m.data_list("digests", 32, MAX_SHARES),
        people=m.data("people", hpke.KEY_BYTES),
        locator=m.text("locator", MAX_LOCATOR),
        sealed=_read_sealed(m, SHARE_BYTES),
    )
    thresholds_of(part.threshold, part.quorum)
    if len(part.siblings) != SET_DEPTH or part.number >= len(part.digests):
        raise ValueError("its place in the set does not exist")
    if not part.locator.isascii() or not part.locator.isprintable() or " " in part.locator:
        raise ValueError("its locator is malformed")
    return part


def _write_act(act: Recovery | Cancellation | None) -> dict[str, object] | None:
    match act:
        case None:
            return None
        case Recovery():
            return {
                "kind": "recover",
                "new_keys_root": element(act.new_keys_root),
                "guardian_epoch": act.guardian_epoch,
                "nonce": act.nonce,
            }
        case Cancellation():
            return {
                "kind": "cancel",
                "guardian_epoch": act.guardian_epoch,
                "changes": act.changes,
            }


def _read_act(found: Members) -> Recovery | Cancellation | None:
    if found.absent("act"):
        return None
    value = found.raw("act")
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "recover":
        m = found.members("act", "kind", "new_keys_root", "guardian_epoch", "nonce")
        root = Commitment(m.element("new_keys_root"))
        return Recovery(root, m.integer("guardian_epoch", _EPOCHS), m.integer("nonce", _EPOCHS))
    if kind == "cancel":
        m = found.members("act", "kind", "guardian_epoch", "changes")
        return Cancellation(m.integer("guardian_epoch", _EPOCHS), m.integer("changes", _EPOCHS))
    raise ValueError("it asks for something unknown")


def _write_ask(value: Ask) -> Mapping[str, object]:
    return {
        "passport": _write_passport(value.passport),
        "act": _write_act(value.act),
        "people": None if value.people is None else hexed(value.people),
        "public_key": hexed(value.public_key),
        "created": value.created,
    }


def _read_ask(m: Members) -> Ask:
    people = None if m.absent("people") else m.data("people", hpke.KEY_BYTES)
    ask = Ask(
        passport=_read_passport(m),
        act=_read_act(m),
        people=people,
        public_key=m.data("public_key", hpke.KEY_BYTES),
        created=m.integer("created"),
    )
    if ask.act is None and people is None:
        raise ValueError("it asks for nothing")
    _require_key(ask.public_key)
    return ask


def _write_answer(value: Answer) -> Mapping[str, object]:
    share, approval = value.share, value.approval
    return {
        "ask": hexed(value.ask),
        "share": share and {"number": share.number, "sealed": _write_sealed(share.sealed)},
        "approval": approval
        and {
            "thresholds": approval.thresholds,
            "nullifier": element(approval.nullifier),
            "proof": [element(word) for word in approval.proof],
        },
    }


def _read_answer(m: Members) -> Answer:
    share = approval = None
    if not m.absent("share"):
        s = m.members("share", "number", "sealed")
        number = s.integer("number", MAX_SHARES - 1)
        share = AnsweredShare(number, _read_sealed(s, 1 + SHARE_BYTES))
    if not m.absent("approval"):
        a = m.members("approval", "thresholds", "nullifier", "proof")
        words = tuple(int.from_bytes(w, "big") for w in a.data_list("proof", 32, 8))
        if len(words) != 8 or not all(word < P for word in words):
            raise ValueError("its proof is malformed")
        thresholds = a.integer("thresholds")
        split_thresholds(thresholds)
        approval = Approval(thresholds, a.element("nullifier"), words)
    if share is None and approval is None:
        raise ValueError("it says nothing")
    return Answer(m.data("ask", 32), share, approval)


INVITATION = Form(
    "mip.guardian.invitation/1",
    "invitation",
    ("label", "invitation"),
    _write_invitation,
    _read_invitation,
)
CARD = Form(
    "mip.guardian.card/1",
    "card",
    ("invitation", "leaf", "public_key"),
    _write_card,
    _read_card,
)
PART = Form(
    "mip.guardian.part/1",
    "part",
    (
        *("invitation", "passport", "threshold", "quorum", "guardian_commitment", "set_salt"),
        *("siblings", "position", "number", "digests", "people", "locator", "sealed"),
    ),
    _write_part,
    _read_part,
)
ASK = Form(
    "mip.guardian.ask/1",
    "ask",
    ("passport", "act", "people", "public_key", "created"),
    _write_ask,
    _read_ask,
)
ANSWER = Form(
    "mip.guardian.answer/1",
    "answer",
    ("ask", "share", "approval"),
    _write_answer,
    _read_answer,
)
