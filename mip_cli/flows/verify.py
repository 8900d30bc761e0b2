"""Verification of a proof file: by mathematics alone, and against a chain."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mip_cli.chain.app import App, parse_invocation
from mip_cli.chain.keys import Signer
from mip_cli.chain.tx import DEFAULT_FEE_CAP, Sender
from mip_cli.chain.values import Receipt
from mip_cli.config import LOCAL_CHAIN_IDS, Settings
from mip_cli.errors import ProofInvalid, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.proof_file import ProofFile
from mip_cli.progress import Progress
from mip_cli.zk.artifacts import load_key
from mip_cli.zk.verifier import verify as verify_proof

Clock = Callable[[], float]


@dataclass(frozen=True)
class Verified:
    """What holds for a proof; each field says how far the check went."""

    file: ProofFile
    """The proof and what it is bound to."""
    development: bool
    """Whether the proof could be forged by anyone: keys of a public seed."""
    seconds_left: int
    """Until the deadline, negative when it has passed."""
    on_chain: bool
    """Whether root and acceptance were asked of a chain as well."""


def verify_offline(
    settings: Settings, file: ProofFile, progress: Progress, *, clock: Clock = time.time
) -> Verified:
    """Check the proof against the pinned verifying key; no network.

    Scope, message and root signal are computed anew. Whether the root is one of the registry's,
    and whether the nullifier was used, only a chain can tell. Raises ``ProofInvalid`` when it does
    not hold, its deadline has passed or it was made with other keys.
    """
    progress.step("verifying the proof")
    checked = load_key(settings, file.circuit)
    if checked.key_hash != file.verifying_key:
        raise ProofInvalid(
            "the proof was made for another verifying key",
            hint=f"it names {file.verifying_key[:12]}, this build has {checked.key_hash[:12]}",
        )
    if checked.development and file.chain_id not in LOCAL_CHAIN_IDS:
        raise ProofInvalid(
            f"the proof claims chain {file.chain_id} with development keys, which anyone can forge"
        )
    verify_proof(checked.key, file.proof, file.signals)
    left = file.deadline - int(clock())
    if left < 0:
        raise ProofInvalid(
            f"the proof is sound, but its deadline passed {-left} s ago",
            hint="ask the holder for a new one",
        )
    return Verified(file, checked.development, left, on_chain=False)


def verify_on_chain(
    settings: Settings, file: ProofFile, progress: Progress, *, clock: Clock = time.time
) -> Verified:
    """Check offline, then ask the registry what it would answer the app now.

    Raises ``WrongChain`` for another chain or registry, ``ChainRefusal`` with the registry's
    reason. Whether the app has seen the nullifier before is the app's own state.
    """
    offline = verify_offline(settings, file, progress, clock=clock)
    progress.step("asking the registry")
    with connection.connect(settings) as link:
        if (file.chain_id, file.registry) != (link.chain_id, link.registry.address):
            raise WrongChain(
                f"the proof is for chain {file.chain_id} and registry {file.registry}, "
                f"this node serves chain {link.chain_id} with {link.registry.address}"
            )
        link.registry.check(file.app, file.purpose, file.payload, file.level, file.presentation)
    return Verified(file, offline.development, offline.seconds_left, on_chain=True)


def send(
    settings: Settings,
    file: ProofFile,
    payer: Signer,
    progress: Progress,
    *,
    fee_cap: int = DEFAULT_FEE_CAP,
) -> Receipt:
    """Bring a proof to its app in a transaction of any account.

    Raises ``UsageFault`` when the file names no call, ``ChainRefusal`` with the app's reason.
    """
    if file.call is None:
        raise UsageFault(
            "the proof names no function of the app", hint="prove with --call 'name(types)'"
        )
    if parse_invocation(file.call.signature, file.call.arguments).payload != file.payload:
        raise ProofInvalid("the proof is bound to other arguments than the call it names")
    progress.step("sending the proof to the app")
    with connection.connect(settings) as link:
        if (file.chain_id, file.registry) != (link.chain_id, link.registry.address):
            raise WrongChain(f"the proof is for chain {file.chain_id}")
        invocation = parse_invocation(file.call.signature, file.call.arguments)
        call = App(link.rpc, file.app).call(invocation, file.presentation)
        sender = Sender(
            link.rpc, payer, connection.journal(settings), link.chain_id, fee_cap=fee_cap
        )
        label = f"app:{file.app}:{file.scope:#x}:{file.nullifier:#x}:{file.message:#x}"
        return sender.send(label, call, progress)
