"""A passport without a photo: fixed secrets and a made-up template, for real proofs on a chain."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.presentations import LeafOpening
from mip_cli.crypto import commitments
from mip_cli.crypto.binding import keccak256, message_of, scope_of
from mip_cli.crypto.lean_tree import MerklePath
from mip_cli.face.spec import DEFAULT_SPEC
from mip_cli.models import Presentation, Request
from mip_cli.units import Address, Commitment, Nullifier
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
_KEYS_SALT = 7


@dataclass(frozen=True)
class Holder:
    """One holder, told apart by a number; other keys of the same holder by ``keys``."""

    number: int
    anchor: Address
    keys: int = 0
    guardian: Commitment | None = None
    """The guardian commitment in the leaf; None for that of enrolment."""

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
        """What the registry learns of the holder's own keys."""
        return commitments.keys_root(self._face, self._password, self._twin, _KEYS_SALT)

    @property
    def guardian_commitment(self) -> Commitment:
        """What the registry learns of the people."""
        if self.guardian is not None:
            return self.guardian
        return commitments.guardian_commitment(_element(f"nobody {self.number}"))

    @property
    def opening(self) -> LeafOpening:
        """What the leaf hashes."""
        return LeafOpening(self.identity, self.anchor, self.keys_root, self.guardian_commitment)

    @property
    def leaf(self) -> int:
        """The leaf after enrolment."""
        return self.opening.leaf

    @property
    def template(self) -> tuple[int, ...]:
        """The enrolled face's."""
        digest = keccak256(f"template {self.number}".encode()) * 4
        return tuple(byte % 81 - 40 for byte in digest)

    @property
    def _stretched(self) -> int:
        return _element(f"password {self.number} {self.keys}")

    @property
    def _face(self) -> Commitment:
        return commitments.face_commitment(self.template, _SALT, DEFAULT_SPEC.spec_id)

    @property
    def _password(self) -> Commitment:
        return commitments.password_commitment(self._stretched)

    @property
    def _twin(self) -> Commitment:
        return commitments.twin_commitment(self._stretched)

    def witness(self, scope: int, message: int, path: MerklePath | None) -> PassportWitness:
        """Return all that a proof with face and password needs."""
        probe = tuple(value + (index % 3 - 1) * 9 for index, value in enumerate(self.template))
        return PassportWitness(
            secret=self.secret,
            anchor=self.anchor,
            face_commitment=self._face,
            password_commitment=self._password,
            twin_commitment=self._twin,
            guardian_commitment=self.guardian_commitment,
            keys_salt=_KEYS_SALT,
            scope=scope,
            message=message,
            path=path,
            face=FaceOpening(self.template, _SALT, probe),
            stretched=self._stretched,
        )


@dataclass(frozen=True)
class Presenter:
    """Makes real proofs."""

    circuit: CircuitArtifacts
    prover: Prover

    def present(
        self,
        holder: Holder,
        request: Request,
        deadline: int,
        *,
        nonce: int = 0,
        path: MerklePath | None = None,
    ) -> Presentation:
        """Make a proof for an act whose beneficiary is the anchor; without a path a leaf proof."""
        message = message_of(
            request.chain_id,
            request.app,
            beneficiary=holder.anchor,
            payload=request.payload,
            nonce=nonce,
            deadline=deadline,
        )
        witness = holder.witness(request.scope, message, path)
        proof, signals = self.circuit.prove(inputs_of(self.circuit, witness), self.prover)
        return Presentation(
            witness.root,
            witness.level,
            Nullifier(signals[1]),
            holder.anchor,
            nonce,
            deadline,
            tuple(proof.evm_words()),
        )


def request_of(chain_id: int, app: Address, purpose: str, payload: bytes) -> Request:
    """Return what a contract of the suite asks for."""
    return Request(chain_id, app, purpose, payload, 2, scope_of(chain_id, app, purpose))


def inputs_of(circuit: CircuitArtifacts, witness: PassportWitness) -> Inputs:
    """Return the input signals of a witness."""
    return circuit_inputs(witness, PassportParameters.of(circuit.circuit))


def _element(text: str) -> int:
    return int.from_bytes(keccak256(text.encode()), "big") >> 8
