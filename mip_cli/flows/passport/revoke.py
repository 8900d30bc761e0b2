"""Revoking a passport: its leaf leaves the tree, and no proof is made with it any more.

Face and password together do it at once. Only guardians can bring a revoked passport back, since a
thief could have revoked it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mip_cli.chain.keys import Signer
from mip_cli.chain.registry import REVOKE_PURPOSE, PassportStatus, revoke_payload
from mip_cli.chain.tx import DEFAULT_FEE_CAP, Sender
from mip_cli.config import Settings
from mip_cli.flows import connection
from mip_cli.flows.passport import leaf_proof, membership, passport_file, replacement
from mip_cli.flows.passport.enroll import require_home
from mip_cli.flows.passport.leaf_proof import Act
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.progress import Progress
from mip_cli.units import Address
from mip_cli.zk.prover import Prover

Clock = Callable[[], float]


@dataclass(frozen=True)
class Revoked:
    """A passport that was taken out of the tree."""

    name: str
    """Name on this device."""
    path: Path
    """The key file, which stays: guardians can bring the passport back."""
    registry: Address
    """Registry that held the leaf."""
    tx_hash: bytes | None
    """Transaction of this run; None when it was revoked already."""
    gas_used: int | None
    """Gas of that transaction."""


def revoke(
    settings: Settings,
    name: str,
    factors: Factors,
    payer: Signer,
    progress: Progress,
    *,
    prover: Prover | None = None,
    fee_cap: int = DEFAULT_FEE_CAP,
    clock: Clock | None = None,
) -> Revoked:
    """Take a passport out of the tree; its key file stays. Only guardians can bring it back.

    Raises what the opening raises, ``UsageFault`` before enrolment.
    """
    progress.step("checking the chain")
    with connection.connect(settings) as link:
        opened = passport_file.unlock(settings, name, factors, progress)
        require_home(opened.unlocked.secrets, link)
        opened = replacement.settle(settings, link, opened, factors, progress)
        unlocked, registry = opened.unlocked, link.registry.address
        content, keys = unlocked.secrets, keys_of(unlocked.secrets)
        sender = Sender(
            link.rpc, payer, connection.journal(settings), link.chain_id, fee_cap=fee_cap
        )
        record = link.registry.passport(keys.identity, content.anchor)
        label = f"revoke:{registry}:{keys.identity:#x}:{record.epoch}"
        sender.settle(label, progress)
        record = link.registry.passport(keys.identity, content.anchor)
        if record.status is PassportStatus.REVOKED:
            return Revoked(name, unlocked.path, registry, None, None)
        membership.require_active(record, name)
        tree = connection.tree(settings, link, progress)
        membership.require_member(tree, keys.leaf)
        progress.step("proving")
        payload = revoke_payload(keys.identity, content.anchor)
        act = Act(registry, REVOKE_PURPOSE, payload, record.epoch)
        shown = leaf_proof.make(
            settings, link.chain_id, opened, act, clock=clock or link.clock, prover=prover
        )
        siblings = tree.update_siblings(record.index)
        call = link.registry.revoke(leaf_proof.opening_of(content), siblings, shown)
        progress.step("revoking on chain")
        receipt = sender.send(label, call, progress)
        return Revoked(name, unlocked.path, registry, receipt.tx_hash, receipt.gas_used)
