"""Verification of a proof file: by mathematics alone, and against a chain."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mip_cli.chain.app import App, parse_invocation
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.keys import Signer
from mip_cli.chain.tx import DEFAULT_FEE_CAP, Sender
from mip_cli.chain.values import Receipt
from mip_cli.config import LOCAL_CHAIN_IDS, Settings
from mip_cli.crypto.binding import keccak256
from mip_cli.errors import OTHER_NODE, ProofInvalid, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.passport.passport_keys import CIRCUIT
from mip_cli.flows.passport.proof_file import ProofFile
from mip_cli.models import Request
from mip_cli.progress import Progress
from mip_cli.units import MAX_DEADLINE
from mip_cli.zk.artifacts import load_curve, load_key
from mip_cli.zk.verifier import verify_quickly

CLOCK_TOLERANCE = 60
"""Seconds that this machine's clock may lie behind the holder's."""

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
    """Whether a chain was asked as well; without it, root and level are claims."""
    account: bool = False
    """Whether it is for an account, so that no contract says what it must be for."""


def verify_offline(
    settings: Settings, file: ProofFile, progress: Progress, *, clock: Clock = time.time
) -> Verified:
    """Check the proof against the pinned verifying key; no network.

    Scope, message and root signal are computed anew. Whether the root is one of the registry's,
    and whether the nullifier was used, only a chain can tell. The level is folded into the root
    signal: it is as true as the root. Raises ``ProofInvalid`` when it does
    not hold, its deadline has passed or it was made with other keys.
    """
    progress.step("verifying the proof")
    if file.circuit != CIRCUIT:
        raise ProofInvalid(f"the proof is of another circuit than {CIRCUIT}")
    checked = load_key(settings, CIRCUIT)
    if checked.key_hash != file.verifying_key:
        raise ProofInvalid(
            "the proof was made for another verifying key",
            hint=f"it names {file.verifying_key[:12]}, this build has {checked.key_hash[:12]}",
        )
    if checked.development and file.chain_id not in LOCAL_CHAIN_IDS:
        raise ProofInvalid(
            f"the proof claims chain {file.chain_id} with development keys, which anyone can forge"
        )
    verify_quickly(load_curve(settings), checked.key, file.proof, file.signals)
    left = seconds_left(
        file.deadline,
        clock(),
        hint="check this machine's clock; of a local chain that was put forward, ask with "
        "--on-chain",
    )
    return Verified(file, checked.development, left, on_chain=False)


def seconds_left(deadline: int, now: float, *, hint: str) -> int:
    """Return the seconds to a sound proof's deadline; raise ``ProofInvalid`` out of its bounds.

    ``hint`` is for a proof that seems to come from the future.
    """
    left = deadline - int(now)
    if left < 0:
        raise ProofInvalid(
            f"the proof is sound, but its deadline passed {-left} s ago",
            hint="ask the holder for a new one",
        )
    if left > MAX_DEADLINE + CLOCK_TOLERANCE:
        raise ProofInvalid(
            f"the proof's deadline lies {left} s ahead, and {MAX_DEADLINE} s are allowed",
            hint=hint,
        )
    return left


def verify_on_chain(
    settings: Settings,
    file: ProofFile,
    progress: Progress,
    *,
    asked: Request | None = None,
    accounts: bool = False,
    clock: Clock | None = None,
) -> Verified:
    """Check offline, then ask the registry what it would answer the app now.

    The root must be one that the registry's own events lead to, and the answer the proof's own
    pseudonym; a node that lies about all of it consistently cannot be told from an honest one.
    ``asked`` is what the proof is for where no contract says it, as of a plain account. With
    ``accounts`` the registry is asked without it what it would answer an account, for what the file
    itself names: whoever decides by that has to look at these values.
    Raises ``WrongChain`` for another chain or registry, ``ProofInvalid`` when the app asks for
    another purpose, ``ChainRefusal`` with the registry's reason. Whether the app has seen the
    nullifier before is the app's own state.
    """
    with connection.connect(settings) as link:
        offline = verify_offline(settings, file, progress, clock=clock or link.clock)
        progress.step("asking the registry")
        if (file.chain_id, file.registry) != (link.chain_id, link.registry.address):
            raise WrongChain(
                f"the proof is for chain {file.chain_id} and registry {file.registry}, "
                f"this node serves chain {link.chain_id} with {link.registry.address}"
            )
        account = accounts and asked is None and _for_account(link, file)
        if account:
            scope = file.scope
            asked = Request(link.chain_id, file.app, file.purpose, file.payload, file.level, scope)
        asked = asked or App(link.rpc, file.app).request(link.chain_id, file.payload)
        if (asked.app, asked.payload) != (file.app, file.payload):
            raise ProofInvalid("the proof was made for another app or act")
        if asked.purpose != file.purpose:
            raise ProofInvalid("the app states another purpose than the proof was made for")
        tree = connection.tree(settings, link, progress)
        if connection.earlier_tree(settings, link, tree, file.root) is None:
            raise ProofInvalid(
                "the proof is about a root that the registry never had",
                hint="it is false, or of another chain of the same number",
            )
        answer = link.registry.check(
            file.app, file.purpose, file.payload, asked.level, file.presentation
        )
        if answer != file.nullifier:
            raise NodeUntrusted("the node answers with another pseudonym than the proof's")
    return Verified(file, offline.development, offline.seconds_left, on_chain=True, account=account)


def _for_account(link: Connection, file: ProofFile) -> bool:
    """Tell whether a proof has the form that accounts get, and there is no contract at its app."""
    bound_to_it = file.call is None and file.beneficiary == file.app
    return bound_to_it and not link.rpc.code(file.app)


def send(
    settings: Settings,
    file: ProofFile,
    payer: Signer,
    progress: Progress,
    *,
    fee_cap: int = DEFAULT_FEE_CAP,
) -> Receipt:
    """Bring a proof to its app in a transaction of any account.

    Where an earlier run was cut off after it had signed the same act, its transaction is finished
    instead, so that the app gets one, whichever proof was in it.

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
            raise WrongChain(
                f"the proof is for chain {file.chain_id}",
                hint=OTHER_NODE,
            )
        invocation = parse_invocation(file.call.signature, file.call.arguments)
        call = App(link.rpc, file.app).call(invocation, file.presentation)
        journal = connection.journal(settings)
        sender = Sender(link.rpc, payer, journal, link.chain_id, fee_cap=fee_cap)
        act = f"app:{file.app}:{file.nullifier:#x}:{replace(file, deadline=0).message:#x}:"
        open_entries = journal.pending(link.chain_id, payer.address)
        begun = [e.intent.label for e in open_entries if e.intent.label.startswith(act)]
        # not the message: two proofs of one second share it, and the app must see both
        label = begun[0] if begun else f"{act}0x{keccak256(call.data).hex()}"
        return sender.send(label, call, progress)
