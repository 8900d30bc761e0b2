"""Files of issuers and holders: one spelling, sealed, and refused when anything differs."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mip_cli.crypto.claims import parse_schema
from mip_cli.crypto.policy_text import EXAMPLE_SCHEMA
from mip_cli.errors import FileInvalid, UsageFault, WrongSecret
from mip_cli.flows.kyc import credential_file, kyc_issuer
from mip_cli.flows.kyc.credential_file import REQUEST, REVOCATIONS, Request, Revocations
from mip_cli.store import issuers as store
from mip_cli.store.credentials import Held, Wallet
from mip_cli.store.issuers import Opened
from tests.unit.conftest import CITY_HOME as HOME
from tests.unit.conftest import CITY_PASSWORD as PASSWORD

SCHEMA = parse_schema(EXAMPLE_SCHEMA)
CLAIMS: dict[str, Any] = {"given_name": "Ada", "birth_date": "1990-12-10", "assurance": 3}


def today() -> datetime.date:
    return datetime.date(2026, 2, 28)


@pytest.fixture
def city(tmp_path: Path, make_city: Callable[[Path], Opened]) -> Opened:
    return make_city(tmp_path)


def issued(city: Opened, subject: int = 12345) -> tuple[Opened, bytes]:
    asked = [(Request(subject, 1), CLAIMS)]
    city, (found,) = kyc_issuer.issue(city, SCHEMA, asked, 365, today=today)
    return city, found.document


@pytest.mark.thorough
def test_issuer__is_found_again(tmp_path: Path, city: Opened) -> None:
    again = store.open_with_password(tmp_path, "city", PASSWORD)
    assert again.content == city.content
    assert again.content.home == HOME
    assert store.list_names(tmp_path) == ["city"]
    with pytest.raises(WrongSecret):
        store.open_with_password(tmp_path, "city", b"another password")
    with pytest.raises(UsageFault, match="no issuer named"):
        store.open_with_password(tmp_path, "town", PASSWORD)
    with pytest.raises(UsageFault, match="exists"):
        store.create(tmp_path, "city", "Another", PASSWORD)
    assert "scalar" not in repr(again)
    assert str(again.content.key.scalar) not in repr(again.content)


@pytest.mark.thorough
def test_numbers__are_never_given_twice(tmp_path: Path, city: Opened) -> None:
    city, first = store.take_nonces(city, 3)
    reopened = store.open_with_password(tmp_path, "city", PASSWORD)
    _, second = store.take_nonces(reopened, 2)
    assert (list(first), list(second)) == ([0, 1, 2], [3, 4])
    full = replace(city, content=replace(city.content, next_nonce=2**24 - 1))
    with pytest.raises(UsageFault, match="no numbers left"):
        store.take_nonces(full, 2)


@pytest.mark.thorough
def test_revocations__are_kept_sorted(tmp_path: Path, city: Opened) -> None:
    city, _ = store.take_nonces(city, 300)
    city = store.revoke(city, (299, 5))
    city = store.revoke(city, (5, 0))
    assert store.open_with_password(tmp_path, "city", PASSWORD).content.revoked == (0, 5, 299)
    for wrong in (300, -1):
        with pytest.raises(UsageFault, match="no credential of that number"):
            store.revoke(city, (wrong,))


def test_issue__signs_what_the_file_says(city: Opened) -> None:
    city, document = issued(city)
    found = credential_file.decode(document)
    assert found.signed.is_valid()
    assert found.signed.key == city.content.key.public
    assert found.signed.statement.subject == 12345
    assert (found.issuer, found.schema, dict(found.values)) == (HOME, SCHEMA, CLAIMS)
    terms = found.terms
    assert (terms.issued_on, terms.expires_on, terms.nonce) == (20260228, 20270227, 0)
    assert credential_file.encode(found) == document


@pytest.mark.thorough
def test_issue__refuses(tmp_path: Path, city: Opened) -> None:
    asked = [(Request(1, 1), CLAIMS)]
    fresh = store.create(tmp_path, "new", "New", PASSWORD)
    with pytest.raises(UsageFault, match="not registered"):
        kyc_issuer.issue(fresh, SCHEMA, asked, 365, today=today)
    with pytest.raises(UsageFault, match="1 to 3653 days"):
        kyc_issuer.issue(city, SCHEMA, asked, 0, today=today)
    wrong = [(Request(1, 1), {"birth_date": "tomorrow"})]
    with pytest.raises(UsageFault, match="birth_date"):
        kyc_issuer.issue(city, SCHEMA, wrong, 365, today=today)
    assert store.open_with_password(tmp_path, "city", PASSWORD).content.next_nonce == 0


def edited(document: bytes, *path: str, value: Any) -> bytes:
    found = json.loads(document)
    place = found
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return json.dumps(found).encode()


SIGNED: dict[str, tuple[tuple[str, ...], Any]] = {
    "claim": (("credentialSubject", "claims", "birth_date"), "1980-12-10"),
    "claim added": (("credentialSubject", "claims", "residence"), "DE"),
    "subject": (("credentialSubject", "id"), f"mip:subject:0x{12346:064x}"),
    "first day": (("validFrom",), "2026-02-27T00:00:00Z"),
    "last day": (("validUntil",), "2036-02-27T23:59:59Z"),
    "number": (("credentialStatus", "nonce"), 1),
}


@pytest.mark.parametrize("change", SIGNED)
def test_credential__changed__does_not_hold(change: str, city: Opened) -> None:
    _, document = issued(city)
    path, value = SIGNED[change]
    assert credential_file.decode(document).signed.is_valid()
    assert not credential_file.decode(edited(document, *path, value=value)).signed.is_valid()


REFUSED: dict[str, tuple[tuple[str, ...], Any]] = {
    "context": (("@context",), ["https://example.org"]),
    "type": (("type",), ["VerifiableCredential"]),
    "a member more": (("evidence",), "none"),
    "a member more inside": (("credentialSubject", "name"), "Ada"),
    "schema of another name": (("credentialSchema", "id"), "mip:schema:0x" + "00" * 32),
    "schema not of its id": (("credentialSchema", "document", "version"), 2),
    "unknown claim": (("credentialSubject", "claims", "shoe_size"), 43),
    "claim of another kind": (("credentialSubject", "claims", "assurance"), "3"),
    "time of day": (("validFrom",), "2026-02-28T12:00:00Z"),
    "day that is none": (("validUntil",), "2027-02-29T23:59:59Z"),
    "number too large": (("credentialStatus", "nonce"), 2**24),
    "number as text": (("credentialStatus", "nonce"), "0"),
    "issuer too large": (("issuer",), f"mip:issuer:31337:{HOME.registry}:65536"),
    "issuer without checksum": (("issuer",), "mip:issuer:31337:0x" + "ab" * 20 + ":7"),
    "other cryptosuite": (("proof", "cryptosuite"), "eddsa-jcs-2022"),
    "signature cut short": (("proof", "proofValue"), "0x" + "11" * 64),
    "signature not canonical": (("proof", "proofValue"), "0x" + "ff" * 96),
    "subject beyond R": (("credentialSubject", "id"), "mip:subject:0x" + "ff" * 32),
}


@pytest.mark.parametrize("change", REFUSED)
def test_credential__with_another_member__refused(change: str, city: Opened) -> None:
    _, document = issued(city)
    path, value = REFUSED[change]
    with pytest.raises(FileInvalid, match="credential cannot be read"):
        credential_file.decode(edited(document, *path, value=value))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[" * 100_000, b"\xff", b"x" * 70_000])
def test_credential__that_is_none__refused(data: bytes) -> None:
    with pytest.raises(FileInvalid):
        credential_file.decode(data)


def test_list__has_one_place_on_a_server(city: Opened) -> None:
    """A place of its own for each credential would tell the issuer who asks."""
    asked = [(Request(12345, 1), CLAIMS)]
    server = "https://city.example"
    city, (named,) = kyc_issuer.issue(city, SCHEMA, asked, 365, today=today, server=server)
    status = json.loads(named.document)["credentialStatus"]
    assert status["list"] == "https://city.example/revocations"
    found = credential_file.decode(named.document)
    assert (found.server, found.signed.is_valid()) == (server, True)
    _, without = issued(city)
    assert credential_file.decode(without).server == ""
    for place in (
        "https://city.example/revocations/7",
        "https://city.example/revocations?who=7",
        "https://city.example:443/revocations",
        "https://CITY.example/revocations",
        "https://7@city.example/revocations",
        "http://city.example/revocations",
        "file:///revocations",
        "/revocations",
        7,
    ):
        with pytest.raises(FileInvalid, match="cannot be read"):
            credential_file.decode(edited(named.document, "credentialStatus", "list", value=place))


def test_request_and_list__have_one_spelling() -> None:
    request = Request(5, 1_800_000_000)
    assert REQUEST.decode(REQUEST.encode(request)) == request
    listed = Revocations(HOME, 2, (1, 3, 9))
    data = REVOCATIONS.encode(listed)
    assert REVOCATIONS.decode(data) == listed
    for old, new in ((b"3,", b"4,"), (b'"version": 2', b'"version": 3')):
        with pytest.raises(FileInvalid, match="changed or damaged"):
            REVOCATIONS.decode(data.replace(old, new))
    for nonces in ((3, 1), (1, 1), (2**24,)):
        with pytest.raises(ValueError, match=r"sorted|range"):
            REVOCATIONS.encode(replace(listed, nonces=nonces))
    with pytest.raises(ValueError, match="subject"):
        REQUEST.encode(Request(0, 1))


# --- the holder's sealed files --------------------------------------------------------------------


def test_wallet__keeps_and_seals(tmp_path: Path, city: Opened) -> None:
    wallet = Wallet(tmp_path, "me", 99)
    held = Held(blinding=7, subject=12345, created=1)
    wallet.put(held)
    _, document = issued(city)
    kept = replace(held, document=document)
    wallet.put(kept)
    assert wallet.ids() == [held.id]
    assert wallet.get(held.id) == wallet.find(12345) == kept
    assert wallet.find(12346) is None
    (path,) = (tmp_path / "credentials" / "me").glob("*.mip")
    assert path.stat().st_mode & 0o777 == 0o600
    raw = path.read_bytes()
    assert b"Ada" not in raw
    assert b"birth" not in raw
    assert "7" not in repr(Held(7, 8, 1)).split("(")[1].split(",")[1]


def test_wallet__of_another_passport__opens_nothing(tmp_path: Path) -> None:
    held = Held(7, 12345, 1)
    Wallet(tmp_path, "me", 99).put(held)
    with pytest.raises(FileInvalid, match="altered or is another passport's"):
        Wallet(tmp_path, "me", 98).get(held.id)
    with pytest.raises(UsageFault, match="no credential"):
        Wallet(tmp_path, "me", 99).get("../../etc/passwd")


def test_wallet__swapped_or_altered_file__refused(tmp_path: Path) -> None:
    wallet = Wallet(tmp_path, "me", 99)
    first, second = Held(7, 1, 1), Held(8, 2, 1)
    wallet.put(first)
    wallet.put(second)
    folder = tmp_path / "credentials" / "me"
    (folder / f"{first.id}.mip").write_bytes((folder / f"{second.id}.mip").read_bytes())
    with pytest.raises(FileInvalid, match="altered"):
        wallet.get(first.id)
    path = folder / f"{second.id}.mip"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(FileInvalid):
        wallet.get(second.id)
