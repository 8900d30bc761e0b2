"""The locator: where a passport and its backup are, in one line (protocol section 13)."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from mip_cli.chain.abi import checksum
from mip_cli.crypto.cid import Cid, parse_cid
from mip_cli.crypto.field import R
from mip_cli.errors import UsageFault
from mip_cli.units import Address, Commitment

MAX_LENGTH = 400
"""Characters of a locator, blanks and line breaks of paper included."""

_CHECK_BYTES = 4
_ADDRESS = "0x[0-9a-fA-F]{40}"
_FORM = re.compile(
    rf"mip:1:([1-9][0-9]{{0,19}}):({_ADDRESS}):({_ADDRESS}):(0x[0-9a-f]{{64}}):({_ADDRESS}):"
    r"([a-z2-7]*):([0-9a-f]{8})"
)
_FAMILY = re.compile(r"mip:[0-9]+:")
_HINT = "copy it from the recovery sheet or a guardian's part: it begins with mip:1:"


@dataclass(frozen=True)
class Locator:
    """Where to find a passport again. Not secret, but it names the leaf."""

    chain_id: int
    """EIP-155."""
    registry: Address
    """PassportRegistry."""
    recovery: Address
    """GuardianRecovery that the registry names."""
    identity_commitment: Commitment
    """Commits to the passport's secret."""
    anchor: Address
    """Address that enrolled."""
    cid: str | None = None
    """Content id of the backup, where one lies in an IPFS store."""

    def __post_init__(self) -> None:
        addresses = (self.registry, self.recovery, self.anchor)
        if not 0 < self.chain_id < 1 << 64 or not 0 < self.identity_commitment < R:
            raise ValueError("chain id or identity commitment out of range")
        if any(checksum(address) != address for address in addresses):
            raise ValueError("an address without its checksum")
        if self.cid is not None:
            parse_cid(self.cid)

    def __str__(self) -> str:
        return format_locator(self)


def format_locator(locator: Locator) -> str:
    """Write a locator in its one spelling."""
    fields = (
        locator.chain_id,
        locator.registry,
        locator.recovery,
        f"{locator.identity_commitment:#066x}",
        locator.anchor,
        locator.cid or "",
    )
    body = ":".join(("mip:1", *map(str, fields)))
    return f"{body}:{_check(body)}"


def parse_locator(text: str) -> Locator:
    """Read a locator, typed or scanned; raise ``UsageFault`` when it is none or has a slip."""
    if len(text) > MAX_LENGTH:
        raise UsageFault("this is no locator: it is too long", hint=_HINT)
    line = "".join(text.split())
    found = _FORM.fullmatch(line)
    if found is None:
        known = _FAMILY.match(line)
        if known and known[0] != "mip:1:":
            raise UsageFault("this locator is of another version", hint="update mip")
        what = "the locator is incomplete or mistyped" if known else "this is no locator"
        raise UsageFault(what, hint=_HINT)
    body, _, check = line.rpartition(":")
    if not hmac.compare_digest(check, _check(body)):
        raise UsageFault(
            "the locator has a slip in it: its check digits do not fit",
            hint="compare it with the sheet, capitals included, or scan the square code",
        )
    chain_id, registry, recovery, identity, anchor, cid, _ = found.groups()
    try:
        return Locator(
            chain_id=int(chain_id),
            registry=Address(registry),
            recovery=Address(recovery),
            identity_commitment=Commitment(int(identity, 16)),
            anchor=Address(anchor),
            cid=Cid(cid) if cid else None,
        )
    except ValueError as error:
        raise UsageFault(f"this is no locator: {error}", hint=_HINT) from None


def _check(body: str) -> str:
    return hashlib.sha256(body.encode()).digest()[:_CHECK_BYTES].hex()
