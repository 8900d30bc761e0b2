"""Leaf proofs: what a holder shows to act on his own passport (protocol section 3).

The same circuit as any proof, with an empty path: its root is the leaf itself. Scope and message
belong to the asking contract and to one act, the nonce makes it serve once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mip_cli.chain.presentations import LeafOpening
from mip_cli.config import Settings
from mip_cli.crypto import commitments
from mip_cli.crypto.binding import message_of, scope_of
from mip_cli.errors import ArtifactMismatch, UsageFault, WrongSecret
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.flows.passport.passport_keys import CIRCUIT, PublicKeys, keys_of
from mip_cli.models import Kind, Presentation
from mip_cli.store.secrets_codec import PassportSecrets
from mip_cli.units import MAX_DEADLINE, Address
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit, require_fit
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    circuit_inputs,
    public_signals,
)
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Prover, choose_prover

VALIDITY = MAX_DEADLINE // 2
"""Seconds that a leaf proof can be used; leaves room for clocks that differ."""


@dataclass(frozen=True)
class Act:
    """One act on a passport, in the values that its proof is bound to."""

    contract: Address
    """The contract that asks for the proof."""
    purpose: str
    """The contract's text for this act."""
    payload: bytes
    """32 bytes: what exactly is to be done."""
    nonce: int
    """Makes the proof serve once."""


def make(
    settings: Settings,
    chain_id: int,
    opened: Opened,
    act: Act,
    *,
    clock: Callable[[], float],
    prover: Prover | None = None,
    secrets: PassportSecrets | None = None,
) -> Presentation:
    """Make and verify a level 2 leaf proof: face and password of an opened passport.

    ``secrets`` prove another leaf of the same holder than the opened one. Raises ``UsageFault``
    when photo or password were not given at the opening.
    """
    content = secrets or opened.unlocked.secrets
    if opened.probe is None or opened.stretched is None:
        raise UsageFault(
            "an act on the passport itself takes face and password",
            hint="open it with both: --image FILE and the password",
        )
    artifacts = load_circuit(settings, CIRCUIT)
    require_fit(artifacts, chain_id)
    deadline = int(clock()) + VALIDITY
    message = message_of(
        chain_id,
        act.contract,
        beneficiary=content.anchor,
        payload=act.payload,
        nonce=act.nonce,
        deadline=deadline,
    )
    kinds = frozenset({Kind.FACE, Kind.PASSWORD})
    scope = scope_of(chain_id, act.contract, act.purpose)
    witness = witness_of(content, opened, kinds, scope=scope, message=message)
    proof = prove_witness(artifacts, witness, prover or choose_prover(settings))
    return Presentation(
        root=witness.root,
        level=witness.level,
        nullifier=commitments.nullifier(witness.secret, witness.anchor, scope),
        beneficiary=content.anchor,
        nonce=act.nonce,
        deadline=deadline,
        proof=tuple(proof.evm_words()),
    )


def opening_of(content: PassportSecrets) -> LeafOpening:
    """Return the opening of a passport's leaf."""
    keys: PublicKeys = keys_of(content)
    return LeafOpening(keys.identity, content.anchor, keys.root, keys.guardian)


def witness_of(
    content: PassportSecrets,
    opened: Opened,
    kinds: frozenset[Kind],
    *,
    scope: int,
    message: int,
) -> PassportWitness:
    """Return what proves some kinds of an opened passport, without a path.

    Raises ``WrongSecret`` for people who are not those of the leaf.
    """
    public = keys_of(content)
    people_key = opened.people_key if Kind.PEOPLE in kinds else None
    if people_key is not None and commitments.guardian_commitment(people_key) != public.guardian:
        raise WrongSecret(
            "the parts belong to guardians who are not, or not yet, in force on chain",
            hint="see `mip guardian list`; a changed set counts once its change is finished",
        )
    face = None
    if Kind.FACE in kinds and opened.probe is not None:
        face = FaceOpening(content.template, content.face_salt, opened.probe.values)
    return PassportWitness(
        secret=content.secret,
        anchor=content.anchor,
        face_commitment=public.face,
        password_commitment=public.password,
        twin_commitment=public.twin,
        guardian_commitment=public.guardian,
        keys_salt=content.keys_salt,
        scope=scope,
        message=message,
        face=face,
        stretched=opened.stretched if Kind.PASSWORD in kinds else None,
        people_key=people_key,
    )


def prove_witness(artifacts: CircuitArtifacts, witness: PassportWitness, prover: Prover) -> Proof:
    """Make and verify a proof; raise ``ArtifactMismatch`` when it says something else."""
    inputs = circuit_inputs(witness, PassportParameters.of(artifacts.circuit))
    proof, signals = artifacts.prove(inputs, prover)
    if list(signals) != public_signals(witness):
        raise ArtifactMismatch(
            "the circuit computed other public values than protocol.md says",
            hint="rebuild it with scripts/build_circuits.py",
        )
    return proof
