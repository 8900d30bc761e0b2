"""Holders of a credential about their document's face, and lies about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from holders import Inputs
from kyc_holders import KycHolder

from mip_cli.crypto import commitments
from mip_cli.crypto.document import document_hash
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import DOCUMENT_PLACE, Policy, entries_of
from mip_cli.zk import document_inputs
from mip_cli.zk.document_inputs import DocumentOpening
from mip_cli.zk.predicate_inputs import PredicateWitness
from mip_cli.zk.predicate_inputs import circuit_inputs as predicate_circuit_inputs

SLOT = 5


@dataclass
class DocumentHolder(KycHolder):
    """A holder whose credential holds the hash of a document's photo."""

    shift: tuple[int, ...] = ()
    """First differences of the document's template to the enrolled one; 2 in turn elsewhere."""
    slot: int = SLOT

    def __post_init__(self) -> None:
        super().__post_init__()
        self.document_salt = self.rng.getrandbits(248)
        hashed = {self.slot: document_hash(self.photo, self.document_salt, self.spec_id)}
        self.claims = tuple(hashed.get(i, claim) for i, claim in enumerate(self.claims))

    @property
    def spec_id(self) -> int:
        return self.parameters.passport.spec_id

    @property
    def photo(self) -> tuple[int, ...]:
        """The document's template."""
        steps = [2 * (-1) ** i for i in range(len(self.base.template))]
        steps[: len(self.shift)] = self.shift
        return tuple(a - d for a, d in zip(self.base.template, steps, strict=True))

    @property
    def opening(self) -> DocumentOpening:
        return DocumentOpening(self.photo, self.document_salt)

    @property
    def policy(self) -> Policy:
        return replace(super().policy, document=self.slot)

    def all_inputs(self, witness: PredicateWitness | None = None) -> Inputs:
        """Return the inputs of a true statement; raises as the product does."""
        shown = witness or self.witness()
        return dict(document_inputs.circuit_inputs(shown, self.opening, self.parameters))

    def unproved(self, witness: PredicateWitness | None = None, **changes: Any) -> Inputs:
        """Return inputs that nobody checked but for the credential's own rules."""
        known = predicate_circuit_inputs(witness or self.witness(), self.parameters)
        document = {"document": [v % R for v in self.photo], "documentSalt": self.document_salt}
        return dict(known) | document | changes


@dataclass(frozen=True)
class Lie:
    """One false statement, and the rules it breaks."""

    rule: str
    inputs: Callable[[DocumentHolder], Inputs]


def _far(*shift: int) -> Callable[[DocumentHolder], Inputs]:
    return lambda holder: DocumentHolder(holder.parameters, shift=shift).unproved()


def _other(holder: DocumentHolder, **changes: Any) -> Inputs:
    return holder.unproved(**changes)


def _first_by_one(holder: DocumentHolder) -> Inputs:
    photo = [v % R for v in holder.photo]
    photo[0] = (holder.photo[0] + 1) % R
    return holder.unproved(document=photo)


def _carried(holder: DocumentHolder) -> Inputs:
    """Hash a photo of another face, and open it by coordinates that pack to the same bytes."""
    mine = DocumentHolder(holder.parameters)
    enrolled = (100, -20, *mine.base.template[2:])
    mine.base.template = enrolled
    mine.base.probe = enrolled
    face = _recommitted(mine)
    photo = list(mine.photo)
    photo[0], photo[1] = 130, -21  # 130 is no byte: 258 = 2 and a carry into the next
    stranger = [*photo]
    stranger[0], stranger[1] = 130 - 256, -20
    hashed = document_hash(stranger, mine.document_salt, mine.spec_id)
    mine.claims = tuple(hashed if i == mine.slot else c for i, c in enumerate(mine.claims))
    witness = mine.witness()
    passport = mine.base.deep(mine.base.witness("FP", face_commitment=face))
    found = mine.unproved(replace(witness, passport=passport))
    return found | {"document": [v % R for v in photo]}


def _recommitted(holder: DocumentHolder) -> int:
    return commitments.face_commitment(holder.base.template, holder.base.face_salt, holder.spec_id)


def _without_face(holder: DocumentHolder) -> Inputs:
    """Open the passport by its password, and call the document's own face the enrolled one."""
    stranger = DocumentHolder(holder.parameters)
    photo = tuple(-v for v in stranger.base.template)
    hashed = document_hash(photo, stranger.document_salt, stranger.spec_id)
    stranger.claims = tuple(
        hashed if i == stranger.slot else claim for i, claim in enumerate(stranger.claims)
    )
    values = [v % R for v in photo]
    found = stranger.unproved(stranger.witness("P"))
    return found | {"coordinates": values, "probe": values, "document": values}


def _other_slot(slot: int) -> Callable[[DocumentHolder], Inputs]:
    """Ask for another claim than the one that holds the hash."""

    def build(holder: DocumentHolder) -> Inputs:
        found = holder.unproved()
        bits = list(found["slotBit"])
        bits[4 * DOCUMENT_PLACE :] = [slot >> i & 1 for i in range(4)]
        return found | {"slotBit": bits}

    return build


def _other_kind(kind: int) -> Callable[[DocumentHolder], Inputs]:
    def build(holder: DocumentHolder) -> Inputs:
        found = holder.unproved()
        kinds = list(found["kind"])
        kinds[DOCUMENT_PLACE] = kind
        return found | {"kind": kinds}

    return build


LIES: dict[str, Lie] = {
    "a photo of another face": Lie("difference range, distance", _far(*[64] * 4)),
    "a photo too far by one": Lie("distance", _far(*[60] * 4, 1)),
    "one coordinate beyond the range": Lie("difference range", _far(64)),
    "one coordinate below the range": Lie("difference range", _far(-65)),
    "another photo than the hashed one": Lie("document hash", _first_by_one),
    "another salt": Lie("document hash", lambda h: _other(h, documentSalt=h.document_salt + 1)),
    "the hash of a plain claim's slot": Lie("document hash", _other_slot(1)),
    "the hash in an absent claim": Lie("document hash", _other_slot(7)),
    "the hash in a date's slot": Lie("document hash", _other_slot(12)),
    "the hash in no slot": Lie("document hash", _other_slot(15)),
    "a photo that packs like the hashed one": Lie("document range", _carried),
    "no face shown": Lie("face shown", _without_face),
    "a predicate of kind 0": Lie("document kind", _other_kind(0)),
    "a predicate of kind 5": Lie("document kind", _other_kind(5)),
    "a predicate of kind 7": Lie("document kind", _other_kind(7)),
}


def entries(holder: DocumentHolder) -> tuple[int, ...]:
    return entries_of(holder.claims, holder.statement.terms)
