"""Acts on grants that somebody else sends: the holder's proof binds them, not the sender."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mip_cli.chain.grants import PermissionGrants
from mip_cli.chain.values import Call, Receipt
from mip_cli.config import Settings
from mip_cli.crypto.forms import Form, Members, hexed
from mip_cli.crypto.grant_card import address
from mip_cli.errors import OTHER_NODE, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.grants import grant_terms
from mip_cli.flows.sending import Purse, Rehearsed, sender_of
from mip_cli.progress import Progress
from mip_cli.units import Address

MAX_DATA = 2048
"""Bytes of calldata; a grant has 676."""


@dataclass(frozen=True)
class Relay:
    """One call to the contract that keeps grants; whoever sends it pays, and can change nothing."""

    chain_id: int
    contract: Address
    data: bytes


def of(rehearsed: Rehearsed, chain_id: int) -> bytes:
    """Return the file of an act that was rehearsed."""
    call = rehearsed.call
    return FORM.encode(Relay(chain_id, Address(str(call.to)), call.data))


def send(settings: Settings, data: bytes, purse: Purse, progress: Progress) -> Receipt:
    """Send an act of somebody's; raise ``ChainRefusal`` when it is too late for it."""
    relay = FORM.decode(data)
    with connection.connect(settings) as link:
        grants: PermissionGrants = grant_terms.grants_of(link)
        if (relay.chain_id, relay.contract) != (link.chain_id, grants.address):
            raise WrongChain(
                f"it is for chain {relay.chain_id} and {relay.contract}",
                hint=OTHER_NODE,
            )
        progress.step("sending it")
        label = f"relay:{relay.contract}:{hashlib.sha256(relay.data).hexdigest()}"
        call = Call(relay.contract, relay.data)
        return sender_of(settings, link, purse).send(label, call, progress)


def _write(relay: Relay) -> dict[str, object]:
    return {
        "chain_id": relay.chain_id,
        "contract": relay.contract,
        "data": hexed(relay.data),
    }


def _read(m: Members) -> Relay:
    size = len(m.text("data", 2 * MAX_DATA + 2)) // 2 - 1
    return Relay(m.integer("chain_id"), address(m, "contract"), m.data("data", size))


FORM: Form[Relay] = Form(
    "mip.grant.relay/1", "act to send", ("chain_id", "contract", "data"), _write, _read
)
