"""What ``mip grant`` and ``mip access`` share: reading options, showing a consent."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from mip_cli.cli import _io
from mip_cli.crypto.grant_card import GranteeKind
from mip_cli.crypto.grant_consent import LEVELS, NOT_RECALLED, ConsentReceipt
from mip_cli.errors import UsageFault
from mip_cli.flows.grants.grant import Consent
from mip_cli.flows.spans import duration
from mip_cli.store.credential_records import CATEGORY

_SPAN = re.compile(r"([1-9][0-9]{0,8})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> int:
    """Read a span of time such as 30d, 12h or 90m; raise ``UsageFault``."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise UsageFault("a span of time is written 30d, 12h or 90m")
    return int(found[1]) * _SECONDS[found[2]]


def consent_text(consent: Consent) -> str:
    """Say in plain words what would be granted, to whom, for what and for how long."""
    wish, card = consent.wish, consent.wish.card
    who = "a contract" if card.kind is GranteeKind.CONTRACT else "an account that signed this card"
    lines = [
        f"{_io.sanitize(card.name)} ({card.address}, {who}) shall get:",
        f"  what      {LEVELS[wish.level]} of {wish.category} (level {wish.level})",
        *_without_credentials(wish.category),
        f"  purpose   {_io.sanitize(card.purpose)}",
        f"  until     {duration(wish.lifetime)} from now",
        f"  uses      {wish.uses}",
        f"  chain     {consent.chain_id}, contract {consent.contract}",
        "  he learns a pseudonym of yours that only he and this purpose see; everybody sees on "
        "chain that it granted something, to whom, and when it was used",
        "  it takes the place of a grant of this category that he has for this purpose",
        f"  not recalled later: {NOT_RECALLED if wish.level else 'the proof'}",
        "  his name is his own word; nobody vouches for it",
    ]
    return "\n".join(lines)


def _without_credentials(category: str) -> list[str]:
    if category != CATEGORY:
        return []
    return ["  but       none of your credentials (mip kyc), nor that you have any"]


def receipt_document(receipt: ConsentReceipt) -> dict[str, object]:
    """Return a consent for ``--json``."""
    return {
        "receipt": receipt.id,
        "grantee": receipt.grantee,
        "grantee_name": receipt.grantee_name,
        "purpose": receipt.purpose,
        "category": receipt.category,
        "level": receipt.level,
        "expires": datetime.fromtimestamp(receipt.expires, UTC),
        "uses": receipt.uses,
        "pseudonym": str(receipt.pseudonym),
        "chain_id": receipt.chain_id,
        "contract": receipt.contract,
    }


def day(at: int) -> str:
    """Write a Unix time for a table."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
