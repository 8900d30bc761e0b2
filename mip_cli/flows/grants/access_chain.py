"""What the chain says of a bundle's grant, and the one use of it that an opening takes."""

from __future__ import annotations

import secrets
from dataclasses import replace

from mip_cli.chain import grants as on_chain
from mip_cli.chain.grants import GrantState
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.crypto import grant_access
from mip_cli.crypto.grant_access import SALT_BYTES, AccessReceipt
from mip_cli.crypto.grant_bundle import Bundle
from mip_cli.crypto.grant_card import GranteeKind
from mip_cli.errors import PermissionAbsent, UsageFault, WrongChain
from mip_cli.flows.connection import Connection
from mip_cli.flows.grants import grant_terms
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.progress import Progress
from mip_cli.store.grantees import Accesses, Opened


def require_granted(link: Connection, bundle: Bundle, *, paid: bool = False) -> GrantState:
    """Return what the chain has of a grant; raise ``PermissionAbsent`` unless it is in force.

    With ``paid`` the use is on chain already, so that it may have been the last.
    """
    r, grants = bundle.receipt, grant_terms.grants_of(link)
    if (r.chain_id, r.contract) != (link.chain_id, grants.address):
        raise WrongChain(f"the grant was given on chain {r.chain_id} at {r.contract}")
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


def begun(accesses: Accesses, bundle: Bundle) -> AccessReceipt | None:
    """Return the access of an earlier run that was cut off."""
    for found in accesses.pending(bundle.receipt.id):
        if (found.number, found.view) == (bundle.number, bundle.view):
            return found
    return None


def is_used(link: Connection, bundle: Bundle, receipt: AccessReceipt) -> bool:
    """Tell whether the use of an access is on chain."""
    return any(one.access == receipt.access for one in uses(link, bundle))


def uses(link: Connection, bundle: Bundle) -> list[on_chain.GrantUsed]:
    """Return the uses of the grant on chain, the newest last."""
    r = bundle.receipt
    found: list[on_chain.GrantUsed] = []
    ours, category = False, on_chain.category_id(r.category)
    first, last = link.deployment.block, link.rpc.block_number()
    for _, event in grant_terms.grants_of(link).history([r.pseudonym], first, last):
        if event.category != category:
            continue
        if isinstance(event, on_chain.GrantUsed):
            if ours and event.level >= r.level:  # a use for less opens nothing of this level
                found.append(event)
        else:
            ours = isinstance(event, on_chain.GrantIssued) and event.receipt == r.id
    return found


def unclaimed(link: Connection, bundle: Bundle, accesses: Accesses) -> list[on_chain.GrantUsed]:
    """Return a contract's uses of a grant that nothing was opened by yet."""
    taken = {one.used for one in accesses.finished(bundle.receipt.id)}
    return [one for one in uses(link, bundle) if one.access not in taken]


def use(
    settings: Settings,
    link: Connection,
    grantee: Opened,
    bundle: Bundle,
    earlier: AccessReceipt | None,
    accesses: Accesses,
    purse: Purse | None,
    progress: Progress,
) -> tuple[AccessReceipt, Receipt | None]:
    """Use the grant once, unless an earlier run did; return the receipt and the transaction."""
    r = bundle.receipt
    if grantee.content.card.kind is GranteeKind.CONTRACT:
        if earlier is not None:
            return earlier, None
        free = unclaimed(link, bundle, accesses)
        if not free:
            raise PermissionAbsent(
                "your contract has not used the grant for this opening",
                hint="have the contract use it first, as Lender.apply or Clinic.visit do",
            )
        return _begin(grantee, bundle, accesses, link, free[-1].access), None
    if purse is None or purse.signer.address != r.grantee:
        raise UsageFault(
            f"only {r.grantee} can use the grant", hint="add the key of this account: --key-file"
        )
    receipt = earlier or _begin(grantee, bundle, accesses, link, None)
    if earlier is not None and is_used(link, bundle, receipt):
        return receipt, None
    progress.step("noting the access on chain")
    grants = grant_terms.grants_of(link)
    call = grants.use(r.pseudonym, r.category, r.level, receipt.access)
    label = f"access:{grants.address}:{receipt.id.hex()}"
    return receipt, sender_of(settings, link, purse).send(label, call, progress)


def _begin(
    grantee: Opened, bundle: Bundle, accesses: Accesses, link: Connection, used: bytes | None
) -> AccessReceipt:
    r, signer = bundle.receipt, grantee.content.signer
    bare = AccessReceipt(
        receipt=r.id,
        chain_id=r.chain_id,
        contract=r.contract,
        pseudonym=r.pseudonym,
        category=r.category,
        level=r.level,
        number=bundle.number,
        view=bundle.view,
        at=int(link.clock()),
        salt=secrets.token_bytes(SALT_BYTES),
        signing_key=signer.public,
        used=used,
    )
    receipt = grant_access.sign(bare, signer)
    accesses.begin(receipt)
    return receipt
