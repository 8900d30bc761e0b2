"""A passport without a photo: fixed secrets and a made-up template, for real proofs on a chain."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.crypto import commitments
from mip_cli.crypto.binding import keccak256, message_of
from mip_cli.crypto.lean_tree import MerklePath
from mip_cli.face.spec import DEFAULT_SPEC
from mip_cli.models import Presentation, Request
from mip_cli.units import Address, Commitment, Epoch, Nullifier
from mip_cli.zk.artifacts import CircuitArtifacts
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    circuit_inputs,
)
from mip_cli.zk.prover import Prover
from mip_cli.zk.witness import Inputs

_SALT = 5


@dataclass(frozen=True)
class Holder:
    """One holder, told apart by a number."""

    number: int
    anchor: Address

    @property
    def secret(self) -> int:
        """The passport's secret."""
        return _element(f"secret {self.number}")

    @property
    def identity(self) -> Commitment:
        """What the registry learns of the secret."""
        return commitments.identity_commitment(self.secret)

    @property
    def keys_root(self) -> Commitment:
        """What the registry learns of the keys."""
        return commitments.keys_root(self._face, self._password, self._guardian, _SALT)

    @property
    def leaf(self) -> int:
        """The leaf after enrolment."""
        return commitments.leaf(self.identity, self.anchor, self.keys_root, Epoch(0))

    @property
    def _template(self) -> tuple[int, ...]:
        digest = keccak256(f"template {self.number}".encode()) * 4
        return tuple(byte % 81 - 40 for byte in digest)

    @property
    def _stretched(self) -> int:
        return _element(f"password {self.number}")

    @property
    def _face(self) -> Commitment:
        return commitments.face_commitment(self._template, _SALT, DEFAULT_SPEC.spec_id)

    @property
    def _password(self) -> Commitment:
        return commitments.password_commitment(self._stretched)

    @property
    def _guardian(self) -> Commitment:
        return commitments.empty_guardian_commitment(_SALT)

    def witness(self, scope: int, message: int, path: MerklePath | None) -> PassportWitness:
        """Return all that a proof with face and password needs."""
        probe = tuple(value + (index % 3 - 1) * 9 for index, value in enumerate(self._template))
        return PassportWitness(
            secret=self.secret,
            anchor=self.anchor,
            epoch=0,
            face_commitment=self._face,
            password_commitment=self._password,
            guardian_commitment=self._guardian,
            keys_salt=_SALT,
            scope=scope,
            message=message,
            path=path,
            face=FaceOpening(self._template, _SALT, probe),
            stretched=self._stretched,
        )

    def present(
        self,
        circuit: CircuitArtifacts,
        prover: Prover,
        request: Request,
        deadline: int,
        path: MerklePath | None = None,
    ) -> Presentation:
        """Make a real proof for an act whose beneficiary is the anchor."""
        message = message_of(
            request.chain_id,
            request.app,
            beneficiary=self.anchor,
            payload=request.payload,
            nonce=0,
            deadline=deadline,
        )
        witness = self.witness(request.scope, message, path)
        proof, signals = circuit.prove(inputs_of(circuit, witness), prover)
        words = tuple(proof.evm_words())
        nullifier = Nullifier(signals[1])
        return Presentation(witness.root, witness.level, nullifier, self.anchor, 0, deadline, words)


def inputs_of(circuit: CircuitArtifacts, witness: PassportWitness) -> Inputs:
    """Return the input signals of a witness."""
    return circuit_inputs(witness, PassportParameters.of(circuit.circuit))


def _element(text: str) -> int:
    return int.from_bytes(keccak256(text.encode()), "big") >> 8
