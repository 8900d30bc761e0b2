"""Guardians' approvals: what they approve, how one is made, checked and brought to the chain.

An approval is bound to one act on one passport and shows a pseudonym of the guardian that serves
this act alone, so anyone may carry it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from mip_cli.chain.recovery import RecoveryState
from mip_cli.chain.tx import Sender
from mip_cli.chain.values import Call, Receipt
from mip_cli.config import Settings
from mip_cli.crypto.binding import cancel_request, recovery_request
from mip_cli.errors import ArtifactMismatch, FileInvalid, Negative, ProofInvalid, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian.guardian_documents import (
    Answer,
    Approval,
    Ask,
    Cancellation,
    Part,
    Passport,
    Recovery,
)
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, ask_hash
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.progress import Progress
from mip_cli.store.guardianships import Guardianship
from mip_cli.zk.artifacts import load_circuit, load_curve, load_key, require_fit
from mip_cli.zk.guardian_inputs import CIRCUIT, ApprovalWitness, approval_inputs, approval_signals
from mip_cli.zk.proof import from_evm_words
from mip_cli.zk.prover import Prover, choose_prover
from mip_cli.zk.verifier import verify_quickly


@dataclass(frozen=True)
class Relayed:
    """What became of approvals that were brought to the chain."""

    receipts: tuple[Receipt, ...]
    """Transactions of this run."""
    known: int
    """Approvals that the chain had already."""
    off: bool
    """Whether the act can never be carried out any more: of a cancellation, that it was."""


def request_of(passport: Passport, act: Recovery | Cancellation) -> int:
    """Return what guardians approve: the public signal ``request``."""
    p = passport
    where = (p.chain_id, p.recovery, p.registry, p.identity_commitment, p.anchor)
    match act:
        case Recovery():
            return recovery_request(*where, act.guardian_epoch, act.nonce, act.new_keys_root)
        case Cancellation():
            return cancel_request(*where, act.guardian_epoch, act.changes)
    assert_never(act)


def require_place(passport: Passport, link: Connection) -> None:
    """Raise ``WrongChain`` unless the node serves the contracts that a passport lives at."""
    wanted = (passport.chain_id, passport.registry, passport.recovery)
    if wanted != (link.chain_id, link.registry.address, link.recovery.address):
        raise WrongChain(
            f"this is about chain {passport.chain_id} and registry {passport.registry}, "
            f"this node serves chain {link.chain_id} with {link.registry.address}",
            hint="name the right node with --rpc-url",
        )


def state_at(passport: Passport, link: Connection) -> RecoveryState:
    """Return what the recovery contract knows of a passport now."""
    return link.recovery.state(passport.registry, passport.identity_commitment, passport.anchor)


def is_stale(act: Recovery | Cancellation, state: RecoveryState) -> bool:
    """Tell whether the chain has moved on, so that the act can never be carried out."""
    match act:
        case Recovery():
            return (act.guardian_epoch, act.nonce) != (state.guardian_epoch, state.nonce)
        case Cancellation():
            wanted = (act.guardian_epoch, act.changes)
            return not state.pending_ready_at or wanted != (state.guardian_epoch, state.changes)
    assert_never(act)


def stale(act: Recovery | Cancellation) -> Negative:
    """Return the refusal of an act that can never be carried out any more."""
    if isinstance(act, Cancellation):
        return Negative("the change of guardians that this is about does not wait any more")
    return Negative(
        "this ask is of the past: the guardians were changed, or a recovery or freeze came first",
        hint="the holder makes a new one with `mip recover continue`",
    )


def approve(
    settings: Settings,
    chain_id: int,
    guardian: Guardianship,
    part: Part,
    request: int,
    *,
    prover: Prover | None = None,
) -> Approval:
    """Make and verify a guardian's approval, about a second of work.

    Raises ``ArtifactMismatch`` for development keys on a public chain.
    """
    artifacts = load_circuit(settings, CIRCUIT)
    require_fit(artifacts, chain_id)
    witness = ApprovalWitness(
        guardian_secret=guardian.secret,
        guardian_salt=guardian.salt,
        siblings=part.siblings,
        position=part.position,
        threshold=part.threshold,
        quorum=part.quorum,
        set_salt=part.set_salt,
        request=request,
    )
    inputs = approval_inputs(witness, part.set_commitment(guardian.leaf))
    proof, signals = artifacts.prove(inputs, prover or choose_prover(settings))
    expected = approval_signals(witness)
    if list(signals) != expected:
        raise ArtifactMismatch(
            "the circuit computed other public values than protocol.md says",
            hint="rebuild it with scripts/build_circuits.py",
        )
    return Approval(expected[3], expected[1], tuple(proof.evm_words()))


def check(settings: Settings, state: RecoveryState, request: int, approval: Approval) -> None:
    """Raise ``ProofInvalid`` unless an approval is one by a guardian of the set in force."""
    signals = (state.set_commitment, approval.nullifier, request, approval.thresholds)
    try:
        proof = from_evm_words(approval.proof)
        verify_quickly(load_curve(settings), load_key(settings, CIRCUIT).key, proof, signals)
    except ProofInvalid as error:
        raise ProofInvalid(
            "an approval is not by a guardian of the set in force, or was changed on its way",
            hint="leave this answer out, and ask another guardian",
        ) from error


def relay(
    settings: Settings,
    ask: bytes,
    answers: Sequence[bytes],
    purse: Purse,
    progress: Progress,
) -> Relayed:
    """Bring the approvals in answers to the chain, for whomever they are meant.

    Raises ``Negative`` for an ask that the chain has left behind, ``ProofInvalid``,
    ``ChainRefusal`` where a recovery was not proposed yet.
    """
    asked, given = ASK.decode(ask), read_answers(ask, answers)
    with connection.connect(settings) as link:
        require_place(asked.passport, link)
        sender = sender_of(settings, link, purse)
        return send(settings, link, asked, given, sender, progress)


def read_answers(ask: bytes, answers: Sequence[bytes]) -> list[Answer]:
    """Read answers, each once; raise ``FileInvalid`` for one that answers another ask."""
    wanted, found = ask_hash(ask), []
    for data in dict.fromkeys(answers):
        answer = ANSWER.decode(data)
        if answer.ask != wanted:
            raise FileInvalid(
                "an answer is for another ask", hint="send your guardians the newest ask"
            )
        found.append(answer)
    return found


def send(
    settings: Settings,
    link: Connection,
    ask: Ask,
    answers: Sequence[Answer],
    sender: Sender,
    progress: Progress,
) -> Relayed:
    """Send every approval that the chain does not have, one transaction each."""
    act = ask.act
    approvals = {a.approval.nullifier: a.approval for a in answers if a.approval is not None}
    if act is None or not approvals:
        raise FileInvalid("there is no approval in the answers")
    request, known = request_of(ask.passport, act), 0
    receipts: list[Receipt] = []
    for approval in approvals.values():
        label = f"approve:{link.recovery.address}:{request:#x}:{approval.nullifier:#x}"
        sender.settle(label, progress)
        if link.recovery.has_approved(request, approval.nullifier):
            known += 1
            continue
        state = state_at(ask.passport, link)
        if is_stale(act, state):
            if isinstance(act, Cancellation) and receipts:
                break  # enough of them: the change is off
            raise stale(act)
        check(settings, state, request, approval)
        progress.step("bringing an approval to the chain")
        receipts.append(sender.send(label, _call(link, ask, act, request, approval), progress))
    return Relayed(tuple(receipts), known, is_stale(act, state_at(ask.passport, link)))


def _call(
    link: Connection, ask: Ask, act: Recovery | Cancellation, request: int, approval: Approval
) -> Call:
    a = approval
    if isinstance(act, Recovery):
        return link.recovery.approve(request, a.thresholds, a.nullifier, a.proof)
    p = ask.passport
    return link.recovery.approve_cancel(
        p.registry, p.identity_commitment, p.anchor, a.thresholds, a.nullifier, a.proof
    )
