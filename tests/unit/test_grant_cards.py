"""What a holder is shown of a grantee, and who signed a card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.chain.keys import Signer
from mip_cli.chain.signatures import signer_of
from mip_cli.cli._grants import consent_text, seconds
from mip_cli.crypto import grant_card, grant_consent
from mip_cli.errors import AppUntrusted, FileInvalid, UsageFault
from mip_cli.flows.grants import grant_page
from mip_cli.flows.grants.grant import Consent, Wish, read_card
from tests.unit.grant_support import CONTRACT, card, receipt

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ACCOUNT = Signer(b"\x11" * 32)


def signed(**changed: object) -> grant_card.Card:
    bare = card(address=ACCOUNT.address, **changed)
    return replace(bare, signature=ACCOUNT.sign_digest(bare.digest))


@pytest.mark.thorough
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


HOSTILE = {
    "ansi": "Acme\x1b[2J Bank",
    "newline": "Acme\nBank",
    "tab": "Acme\tBank",
    "nul": "Acme\0Bank",
    "c1 control": "Acme\x9bBank",
    "bidi override": "Acme \u202eknaB",
    "bidi isolate": "Acme \u2066Bank",
    "right-to-left mark": "Acme\u200fBank",
    "zero-width space": "Ac\u200bme",
    "zero-width joiner": "Ac\u200dme",
    "byte order mark": "\ufeffAcme",
    "soft hyphen": "Ac\u00adme",
    "line separator": "Acme\u2028Bank",
    "no-break space": "Acme\u00a0Bank",
    "blank letter": "Ac\u3164me",
    "grapheme joiner": "Ac\u034fme",
    "tag character": "Acme\U000e0041",
    "private use": "Acme\ue000",
    "unassigned": "Acme\u0378",
    "not in NFC": "Acme\u0301",
    "doubled space": "Acme  Bank",
    "leading space": " Acme",
    "trailing space": "Acme ",
    "no letter": "!!!",
}


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], bytes]], bytes]:
    """Encode as a tool does that looks at no text."""

    def encode(make: Callable[[], bytes]) -> bytes:
        with monkeypatch.context() as other:
            other.setattr(grant_card, "is_readable", lambda _: True)
            other.setattr(grant_card, "MAX_NAME", 999)
            other.setattr(grant_card, "MAX_PURPOSE", 999)
            return make()

    return encode


Careless = Callable[[Callable[[], bytes]], bytes]


@pytest.mark.parametrize("field", ["name", "purpose"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_card__with_text_that_is_not_what_one_sees__is_refused(
    careless: Careless, field: str, text: str
) -> None:
    good = signed(**{field: "Acme Bänk Ж 銀行"})
    assert read_card(grant_card.FORM.encode(good)) == good
    # signed by the account and spelled as all cards are: the text alone is wrong
    bad = careless(lambda: grant_card.FORM.encode(signed(**{field: text})))
    with pytest.raises(FileInvalid):
        read_card(bad)


@pytest.mark.parametrize(("field", "limit"), [("name", 64), ("purpose", 96)])
def test_card__with_longer_text__is_refused(careless: Careless, field: str, limit: int) -> None:
    for text in ("x" * limit, "é" * (limit // 2)):
        good = signed(**{field: text})
        assert read_card(grant_card.FORM.encode(good)) == good
        longer = signed(**{field: text + "x"})
        bad = careless(lambda longer=longer: grant_card.FORM.encode(longer))
        with pytest.raises(FileInvalid):
            read_card(bad)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("field", ["name", "purpose"])
def test_receipt__with_text_that_is_not_what_one_sees__is_refused(
    careless: Careless, field: str, text: str
) -> None:
    made = grant_consent.FORM.encode(receipt(card(**{field: "Acme Bank"})))
    assert grant_consent.FORM.decode(made)
    bad = careless(lambda: grant_consent.FORM.encode(receipt(card(**{field: text}))))
    with pytest.raises(FileInvalid):
        grant_consent.FORM.decode(bad)


@pytest.mark.parametrize("text", [HOSTILE["ansi"], HOSTILE["bidi override"], HOSTILE["newline"]])
def test_consent__shows_no_control_even_of_a_card_that_came_by(text: str) -> None:
    """The second line of defence: what is printed is made harmless once more."""
    for field in ("name", "purpose"):
        wish = Wish(signed(**{field: text}), "finance", 2, 30 * 86_400, 3, "acme")
        said = consent_text(Consent(wish, 31337, CONTRACT))
        assert not {"\x1b", "\u202e"} & set(said)
        assert len(said.splitlines()) == len(
            consent_text(Consent(replace(wish, card=signed()), 31337, CONTRACT)).splitlines()
        )


def test_homoglyphs__are_not_told_apart__so_the_name_is_said_to_be_nobodys_word() -> None:
    twin = "\u0410cme Bank"  # begins with a Cyrillic letter
    assert read_card(grant_card.FORM.encode(signed(name=twin))).name == twin
    wish = Wish(signed(name=twin), "finance", 2, 30 * 86_400, 3, "acme")
    said = consent_text(Consent(wish, 31337, CONTRACT))
    assert "his name is his own word; nobody vouches for it" in said
    assert ACCOUNT.address in said


def test_consent__of_level_1__says_what_remains() -> None:
    wish = Wish(signed(), "finance", 1, 30 * 86_400, 3, "acme")
    said = consent_text(Consent(wish, 31337, CONTRACT))
    assert "groups of at least five records" in said
    assert "knows all of a group but one learns that one" in said


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
