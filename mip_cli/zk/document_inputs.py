"""Inputs of the ``document_face`` circuit: those of ``kyc_predicate`` and a document's face.

Protocol section 21. What does not hold is refused here in words; the circuit binds the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.crypto.document import document_hash
from mip_cli.crypto.field import R, require_canonical
from mip_cli.errors import CredentialInvalid, FaceMismatch, UsageFault
from mip_cli.zk import predicate_inputs
from mip_cli.zk.manifest import Circuit
from mip_cli.zk.passport_inputs import PassportParameters
from mip_cli.zk.predicate_inputs import PredicateParameters, PredicateWitness

CIRCUIT = "document_face"
"""Name of the circuit in the manifest."""

_Inputs = dict[str, "int | list[int]"]


@dataclass(frozen=True, repr=False)
class DocumentOpening:
    """The template of the photo on a document, and the salt of its hash."""

    template: tuple[int, ...]
    """Signed 8-bit coordinates."""
    salt: int

    def __repr__(self) -> str:
        return "DocumentOpening(<redacted>)"


def parameters_of(circuit: Circuit) -> PredicateParameters:
    """Read the parameters from a manifest entry; raise ``ValueError`` if it is another's."""
    if circuit.template != "DocumentFace" or len(circuit.params) != 10:
        raise ValueError(f"{circuit.name} is not a document circuit")
    return PredicateParameters(PassportParameters(*circuit.params[:7]), *circuit.params[7:])


def circuit_inputs(
    witness: PredicateWitness, opening: DocumentOpening, parameters: PredicateParameters
) -> _Inputs:
    """Build the input signals by name.

    Raises ``UsageFault`` unless the face is among the kinds shown, ``CredentialInvalid`` when the
    credential holds another hash, ``FaceMismatch`` when the faces differ, and what
    ``predicate_inputs.circuit_inputs`` raises.
    """
    passport, slot = witness.passport, witness.policy.document
    if slot is None:
        raise ValueError("the policy asks for no document")
    if passport.face is None:
        raise UsageFault("a proof about a document shows the face among its kinds")
    require_canonical(opening.salt, "salt")
    hashed = document_hash(opening.template, opening.salt, parameters.passport.spec_id)
    if witness.credential.statement.claims[slot] != hashed:
        raise CredentialInvalid("the credential is about the face of another document photo")
    require_match(passport.face.template, opening.template, parameters.passport)
    return {
        **predicate_inputs.circuit_inputs(witness, parameters),
        "document": [value % R for value in opening.template],
        "documentSalt": opening.salt,
    }


def require_match(
    enrolled: tuple[int, ...], document: tuple[int, ...], parameters: PassportParameters
) -> None:
    """Raise ``FaceMismatch`` unless the circuit would take both templates for one face."""
    differences = [a - b for a, b in zip(enrolled, document, strict=True)]
    reach = 1 << (parameters.diff_bits - 1)
    far = any(not -reach <= d < reach for d in differences)
    if far or sum(d * d for d in differences) > parameters.threshold:
        raise FaceMismatch(
            "the face on the document does not match the enrolled face",
            hint="take a sharp, even photo of the document's portrait, without glare",
        )
