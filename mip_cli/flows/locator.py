"""The locator: where a passport and its backup are, in one line (protocol section 13)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mip_cli.chain.abi import checksum
from mip_cli.crypto.field import R
from mip_cli.errors import UsageFault
from mip_cli.units import Address, Commitment

_FORM = re.compile(
    r"mip:1:([1-9][0-9]{0,15}):(0x[0-9a-fA-F]{40}):(0x[0-9a-fA-F]{40}):"
    r"(?:0x)?([0-9a-f]{1,64}):(0x[0-9a-fA-F]{40}):([a-z0-9]{0,128})"
)


@dataclass(frozen=True)
class Locator:
    """Not secret, but it names the leaf."""

    chain_id: int
    registry: Address
    recovery: Address
    identity_commitment: Commitment
    anchor: Address
    cid: str | None
    """Of the backup, where one is on IPFS."""


def parse_locator(text: str) -> Locator:
    """Read a locator; raise ``UsageFault`` when it is none."""
    found = _FORM.fullmatch(text.strip())
    if found is None or int(found[4], 16) >= R:
        raise UsageFault("this is no locator", hint="it begins with mip:1: on the recovery sheet")
    chain_id, registry, recovery, identity, anchor, cid = found.groups()
    return Locator(
        int(chain_id),
        checksum(registry),
        checksum(recovery),
        Commitment(int(identity, 16)),
        checksum(anchor),
        cid or None,
    )


def format_locator(locator: Locator) -> str:
    """Write a locator."""
    o = locator
    fields = (o.chain_id, o.registry, o.recovery, f"{o.identity_commitment:#066x}", o.anchor)
    return ":".join(["mip:1", *map(str, fields), o.cid or ""])
