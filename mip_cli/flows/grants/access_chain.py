"""What the chain says of a bundle's grant, and the one use of it that an opening takes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from mip_cli.chain import grants as on_chain
from mip_cli.chain.grants import GrantState
from mip_cli.chain.tx import Sender
from mip_cli.chain.values import Receipt
from mip_cli.crypto import grant_access
from mip_cli.crypto.grant_access import SALT_BYTES, AccessReceipt
from mip_cli.crypto.grant_bundle import Bundle
from mip_cli.crypto.grant_card import GranteeKind
from mip_cli.errors import OTHER_NODE, PermissionAbsent, UsageFault, WrongChain
from mip_cli.flows.connection import Connection
from mip_cli.flows.grants import grant_terms
from mip_cli.progress import Progress
from mip_cli.store.grantees import Accesses, Opened


def require_granted(link: Connection, bundle: Bundle, *, paid: bool = False) -> GrantState:
    """Return what the chain has of a grant; raise ``PermissionAbsent`` unless it is in force.

    With ``paid`` the use is on chain already, so that it may have been the last.
    """
    r, grants = bundle.receipt, grant_terms.grants_of(link)
    if (r.chain_id, r.contract) != (link.chain_id, grants.address):
        raise WrongChain(
            f"the grant was given on chain {r.chain_id} at {r.contract}",
            hint=OTHER_NODE,
        )
    state = grants.grant_of(r.pseudonym, r.category)
    judged = replace(state, uses_left=max(1, state.uses_left)) if paid else state
    fault = judged.fault(r.grantee, r.level, link.epochs.epoch_of(r.pseudonym), int(link.clock()))
    if fault is None and state.receipt != r.id:
        fault = "grants: another consent took the place of this one"
    if fault is not None:
        raise PermissionAbsent(
            f"the chain does not allow it: {fault.removeprefix('grants: ')}",
            hint="ask the holder for a new grant, or a new bundle",
        )
    return state


def uses(link: Connection, bundle: Bundle) -> list[tuple[int, on_chain.GrantUsed]]:
    """Return the uses of the grant on chain with their blocks, the newest last."""
    r = bundle.receipt
    found: list[tuple[int, on_chain.GrantUsed]] = []
    ours, category = False, on_chain.category_id(r.category)
    first, last = link.deployment.block, link.rpc.block_number()
    for block, event in grant_terms.grants_of(link).history([r.pseudonym], first, last):
        if event.category != category:
            continue
        if isinstance(event, on_chain.GrantUsed):
            if ours and event.level >= r.level:  # a use for less opens nothing of this level
                found.append((block, event))
        else:
            ours = isinstance(event, on_chain.GrantIssued) and event.receipt == r.id
    return found


@dataclass(frozen=True)
class Paid:
    """A use that is on chain and that nothing was opened by yet."""

    access: bytes
    """The word of its event."""
    begun: AccessReceipt | None
    """Of the run that was cut off; None for a contract's use that no run took."""
    early: int = 0
    """Blocks that a contract's use still needs until no re-org undoes it."""


@dataclass(frozen=True, repr=False)
class Use:
    """The one use of a grant that an opening takes."""

    link: Connection
    grantee: Opened
    bundle: Bundle
    accesses: Accesses
    sender: Sender | None
    """Of the grantee's account; None where a contract is the grantee."""

    def paid(self, progress: Progress) -> Paid | None:
        """Return a use to open by without another one, of a run before or by the contract.

        It may have been taken for an older bundle of the grant: what was paid for stays so. A use
        by the contract counts once no re-org undoes it: ``take`` refuses it before.
        """
        pending = self.accesses.pending(self.bundle.receipt.id)
        if self.sender is not None:
            for one in pending:
                self.sender.settle(self._label(one), progress)
        done = {one.access for one in self.accesses.finished(self.bundle.receipt.id)}
        noted = [(at, one.access) for at, one in uses(self.link, self.bundle)]
        waiting = [(at, access) for at, access in noted if access not in done]
        # an account's own transaction was waited for when it was sent
        final = self.link.final_block() if self._by_contract else None
        free = [access for at, access in waiting if final is None or at <= final]
        if final is not None and waiting and not free:
            return Paid(waiting[0][1], None, waiting[0][0] - final)
        for one in sorted(pending, key=self._fits, reverse=True):
            if one.access in free:
                return Paid(one.access, one)
        if self._by_contract and free:
            return Paid(free[-1], None)
        return None

    def take(self, paid: Paid | None, progress: Progress) -> tuple[AccessReceipt, Receipt | None]:
        """Use the grant once, unless that is paid; return access receipt and transaction."""
        if paid is not None and paid.early:
            more = "another block" if paid.early == 1 else f"{paid.early} more blocks"
            raise PermissionAbsent(
                "your contract's use of the grant is not final yet",
                hint=f"a re-org could take it back until there is {more}; then try again",
            )
        if paid is not None:
            fitting = paid.begun if paid.begun is not None and self._fits(paid.begun) else None
            receipt = fitting or self._begin(paid.access)
            for one in self.accesses.pending(receipt.receipt):
                if one.access == paid.access and one.id != receipt.id:
                    self.accesses.drop(one)  # one use, one opening
            return receipt, None
        r = self.bundle.receipt
        if self._by_contract:
            raise PermissionAbsent(
                "your contract has not used the grant for this opening",
                hint="have the contract use it first, as Lender.apply or Clinic.visit do",
            )
        if self.sender is None or self.sender.address != r.grantee:
            raise UsageFault(
                f"only {r.grantee} can use the grant",
                hint="add the key of this account: --key-file",
            )
        begun = (one for one in self.accesses.pending(r.id) if one.used is None and self._fits(one))
        receipt = next(begun, None) or self._begin(None)
        progress.step("noting the access on chain")
        call = grant_terms.grants_of(self.link).use(
            r.pseudonym, r.category, r.level, receipt.access
        )
        return receipt, self.sender.send(self._label(receipt), call, progress)

    @property
    def _by_contract(self) -> bool:
        return self.grantee.content.card.kind is GranteeKind.CONTRACT

    def _fits(self, receipt: AccessReceipt) -> bool:
        return (receipt.number, receipt.view) == (self.bundle.number, self.bundle.view)

    def _label(self, receipt: AccessReceipt) -> str:
        return f"access:{grant_terms.grants_of(self.link).address}:{receipt.id.hex()}"

    def _begin(self, used: bytes | None) -> AccessReceipt:
        r, signer = self.bundle.receipt, self.grantee.content.signer
        bare = AccessReceipt(
            receipt=r.id,
            chain_id=r.chain_id,
            contract=r.contract,
            pseudonym=r.pseudonym,
            category=r.category,
            level=r.level,
            number=self.bundle.number,
            view=self.bundle.view,
            at=int(self.link.clock()),
            salt=secrets.token_bytes(SALT_BYTES),
            signing_key=signer.public,
            used=used,
        )
        receipt = grant_access.sign(bare, signer)
        self.accesses.begin(receipt)
        return receipt
