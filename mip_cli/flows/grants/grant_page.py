"""The consent receipt as a page that a person can read, made from the receipt alone."""

from __future__ import annotations

from html import escape

from mip_cli.crypto.grant_consent import (
    LEVELS,
    NOT_RECALLED,
    WITHDRAWAL,
    ConsentReceipt,
    moment,
)
from mip_cli.store.credential_records import CATEGORY

WITHOUT = ", but none of the holder's credentials, nor that there are any"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Consent receipt</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
dt {{ font-weight: 600; margin-top: 1rem }}
dd {{ margin: 0; overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>Consent receipt</h1>
<dl>
{rows}
</dl>
</body>
</html>
"""


def page(receipt: ConsentReceipt) -> bytes:
    """Return the receipt as HTML: no script, nothing loaded, foreign text as text."""
    rows = "\n".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in said(receipt)
    )
    return _PAGE.format(rows=rows).encode()


def said(receipt: ConsentReceipt) -> list[tuple[str, str]]:
    """Return what a consent means, line by line, in plain words."""
    r = receipt
    return [
        ("Who may read", f"{r.grantee_name}, the {r.grantee_kind} {r.grantee}"),
        ("What for, in his own words", r.purpose),
        ("What of", r.category + (WITHOUT if r.category == CATEGORY else "")),
        ("How much", f"level {r.level}: {LEVELS[r.level]}"),
        ("From", moment(r.created)),
        ("Until", moment(r.expires)),
        ("How often", f"{r.uses} times" if r.uses > 1 else "once"),
        ("How to withdraw", WITHDRAWAL),
        ("What cannot be recalled", NOT_RECALLED),
        ("The holder, as this grantee knows him", f"{r.pseudonym:#066x}"),
        ("Where it stands", f"chain {r.chain_id}, contract {r.contract}"),
        ("This receipt on chain", "0x" + r.id.hex()),
    ]
