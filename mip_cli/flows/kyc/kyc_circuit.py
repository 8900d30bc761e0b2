"""Which circuit proves some parts of a policy, and which gate checks it; protocol section 21."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.chain.deployments import DOCUMENT_GATE, GATE
from mip_cli.crypto.document import document_hash
from mip_cli.crypto.policy_text import PolicyText
from mip_cli.errors import CredentialInvalid, UsageFault
from mip_cli.flows.kyc.credential_file import Credential
from mip_cli.store.credentials import FaceOpening, Held
from mip_cli.zk import document_inputs, predicate_inputs
from mip_cli.zk.document_inputs import DocumentOpening
from mip_cli.zk.manifest import Circuit
from mip_cli.zk.predicate_inputs import PredicateParameters, PredicateWitness


@dataclass(frozen=True)
class Way:
    """A circuit and its gate."""

    circuit: str
    """Name in the manifest."""
    gate: str
    """Role in a deployment."""


PREDICATES = Way(predicate_inputs.CIRCUIT, GATE)
DOCUMENTS = Way(document_inputs.CIRCUIT, DOCUMENT_GATE)


def way_of(parts: Sequence[PolicyText]) -> Way:
    """Return the way to prove parts of one policy; an app has one gate, so all go the same way."""
    asks = {part.policy.document is not None for part in parts}
    if len(asks) != 1:
        raise UsageFault(
            "the policy asks for a document's face in some of its parts and not in others",
            hint="an app has one gate: its makers ask for the face in all parts or in none",
        )
    return DOCUMENTS if asks == {True} else PREDICATES


def require_face(held: Held, found: Credential, part: PolicyText) -> None:
    """Raise ``CredentialInvalid`` unless the document's face that a part asks for is at hand."""
    slot = part.policy.document
    if slot is None:
        return
    face = held.face
    if face is None:
        raise CredentialInvalid(
            f"the photo that the credential {held.id} is about is not here",
            hint="make one with `mip kyc document PHOTO`",
        )
    hashed = document_hash(face.template, face.salt, face.spec_id)
    if found.signed.statement.claims[slot] != hashed:
        raise CredentialInvalid(f"the credential {held.id} is about another photo than yours")


def inputs_of(
    witness: PredicateWitness, face: FaceOpening | None, circuit: Circuit
) -> dict[str, int | list[int]]:
    """Build the inputs of the circuit that a policy needs; raises what the builders raise."""
    if witness.policy.document is None:
        return predicate_inputs.circuit_inputs(witness, PredicateParameters.of(circuit))
    if face is None:
        raise ValueError("the document's face is not at hand")
    opening = DocumentOpening(face.template, face.salt)
    return document_inputs.circuit_inputs(witness, opening, document_inputs.parameters_of(circuit))
