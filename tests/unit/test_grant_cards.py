"""What a holder is shown of a grantee, and who signed a card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.chain.keys import Signer
from mip_cli.chain.signatures import signer_of
from mip_cli.cli._grants import consent_text, seconds
from mip_cli.crypto import grant_card, grant_consent
from mip_cli.errors import AppUntrusted, UsageFault
from mip_cli.flows.grants import grant_page
from mip_cli.flows.grants.grant import Consent, Wish, read_card
from tests.unit.grant_support import CONTRACT, card, receipt

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ACCOUNT = Signer(b"\x11" * 32)


def signed(**changed: object) -> grant_card.Card:
    bare = card(address=ACCOUNT.address, **changed)
    return replace(bare, signature=ACCOUNT.sign_digest(bare.digest))


def test_signer_of__by_the_contracts_rules() -> None:
    digest = b"\x22" * 32
    good = ACCOUNT.sign_digest(digest)
    assert signer_of(digest, good) == ACCOUNT.address
    assert signer_of(b"\x23" * 32, good) != ACCOUNT.address
    higher = ORDER - int.from_bytes(good[32:64], "big")
    malleated = good[:32] + higher.to_bytes(32, "big") + bytes([55 - good[64]])
    for bad in (malleated, good[:64] + bytes([good[64] - 27]), good[:64], bytes(65)):
        assert signer_of(digest, bad) is None


def test_card__signed_by_its_account_alone() -> None:
    good = signed()
    assert read_card(grant_card.FORM.encode(good)) == good
    for changed in (replace(good, purpose="sell it"), replace(good, address=CONTRACT)):
        with pytest.raises(AppUntrusted, match="not signed by the account"):
            read_card(grant_card.FORM.encode(changed))


def test_page__shows_hostile_text_as_text() -> None:
    hostile = card(name="<script>alert(1)</script>", purpose='"><img src=x onerror=alert(1)>')
    page = grant_page.page(receipt(hostile)).decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "default-src 'none'" in page


def test_page__says_what_the_receipt_says() -> None:
    made = receipt()
    said = dict(grant_page.said(made))
    assert said["What for, in his own words"] == made.purpose
    assert "level 2" in said["How much"]
    assert made.id.hex() in said["This receipt on chain"]
    text = grant_consent.FORM.encode(made).decode()
    for name in ("schema_version", "pii_principal_id", "withdrawal_method", "party_role"):
        assert name in text


def test_consent__says_who_what_for_and_how_long() -> None:
    wish = Wish(signed(), "finance", 2, 30 * 86_400, 3, "acme")
    text = consent_text(Consent(wish, 31337, CONTRACT))
    for part in ("Acme Bank", ACCOUNT.address, "judge a loan", "30 days", "finance", CONTRACT):
        assert part in text
    assert "nobody vouches" in text
    assert checksum(CONTRACT) in text


@pytest.mark.parametrize(("text", "count"), [("30d", 2_592_000), ("12h", 43_200), ("90m", 5400)])
def test_span__is_read(text: str, count: int) -> None:
    assert seconds(text) == count


@pytest.mark.parametrize("text", ["", "30", "0d", "-1d", "1w", "1.5d", "30D", "9999999999d"])
def test_span__others_are_refused(text: str) -> None:
    with pytest.raises(UsageFault, match="written 30d"):
        seconds(text)
