"""Proofs for contracts that keep something for the pseudonyms of other apps (``check_for``).

The pseudonym is the one that the holder has at the app; the message names the asking contract. The
proof names the payer and never the anchor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mip_cli.chain.registry import KEY_LEVEL
from mip_cli.crypto import commitments
from mip_cli.crypto.binding import message_of, scope_of
from mip_cli.errors import UsageFault
from mip_cli.flows.passport import membership
from mip_cli.flows.passport.holding import Holding
from mip_cli.flows.passport.leaf_proof import VALIDITY, prove_witness, witness_of
from mip_cli.flows.passport.passport_keys import CIRCUIT
from mip_cli.models import Kind, Presentation
from mip_cli.units import Address, Nullifier
from mip_cli.zk.artifacts import load_circuit, require_fit
from mip_cli.zk.prover import Prover, choose_prover


@dataclass(frozen=True)
class ForApp:
    """One act at a contract, under the pseudonym at an app."""

    app: Address
    """Whose pseudonym of the holder it is."""
    purpose: str
    """Text of the scope."""
    contract: Address
    """The contract that asks for the proof."""
    payload: bytes
    """32 bytes: what exactly is to be done."""
    nonce: int
    """As the contract demands it."""


def pseudonym_at(holding: Holding, app: str, purpose: str) -> Nullifier:
    """Return the holder's pseudonym at an app."""
    scope = scope_of(holding.link.chain_id, app, purpose)
    content = holding.content
    return commitments.nullifier(content.secret, content.anchor, scope)


def require_keys(holding: Holding, what: str) -> None:
    """Raise ``UsageFault`` unless the passport was opened with face and password."""
    if holding.opened.probe is None or holding.opened.stretched is None:
        raise UsageFault(
            f"{what} takes face and password", hint="add --image FILE and the password"
        )


def show(
    holding: Holding, act: ForApp, beneficiary: Address, prover: Prover | None = None
) -> Presentation:
    """Make and verify a level 2 proof: face and password of an opened passport."""
    link, content = holding.link, holding.content
    deadline = holding.now() + VALIDITY
    scope = scope_of(link.chain_id, act.app, act.purpose)
    message = message_of(
        link.chain_id,
        act.contract,
        beneficiary=beneficiary,
        payload=act.payload,
        nonce=act.nonce,
        deadline=deadline,
    )
    artifacts = load_circuit(holding.settings, CIRCUIT)
    require_fit(artifacts, link.chain_id)
    kinds = frozenset({Kind.FACE, Kind.PASSWORD})
    bare = witness_of(content, holding.opened, kinds, scope=scope, message=message)
    way = membership.path(holding.settings, link, bare.leaf, holding.progress, newest=False)
    holding.progress.step("proving")
    witness = replace(bare, path=way)
    proof = prove_witness(artifacts, witness, prover or choose_prover(holding.settings))
    return Presentation(
        root=witness.root,
        level=KEY_LEVEL,
        nullifier=commitments.nullifier(witness.secret, witness.anchor, scope),
        beneficiary=beneficiary,
        nonce=act.nonce,
        deadline=deadline,
        proof=tuple(proof.evm_words()),
    )
