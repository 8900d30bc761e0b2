"""Offers: once, with both halves, for a time, and never two credentials for one."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mip_cli.config import Settings, load_settings
from mip_cli.crypto.claims import parse_schema
from mip_cli.crypto.policy_text import EXAMPLE_SCHEMA
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows.kyc import credential_file, kyc_issuer, offers
from mip_cli.flows.kyc.credential_file import Request
from mip_cli.flows.kyc.offers import Desk, Fault, Nonces, Prepared, Refused, configuration_id
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Opened
from mip_cli.store.offers import MAX_WRONG, OfferBook
from tests.unit.conftest import CITY_PASSWORD as PASSWORD

SCHEMA = parse_schema(EXAMPLE_SCHEMA)
CLAIMS = {"given_name": "Ada", "family_name": "Lovelace-Canary", "birth_date": "1990-12-10"}
URL = "https://city.example"
NOW = 1_790_000_000


@dataclass
class City:
    """An issuer with a clock of its own."""

    settings: Settings
    opened: Opened
    now: float = NOW

    def clock(self) -> float:
        return self.now

    def desk(self) -> Desk:
        return Desk(self.settings, self.opened, clock=self.clock)

    def offer(self, hours: int = 1) -> Prepared:
        return offers.prepare(
            self.settings, self.opened, SCHEMA, CLAIMS,
            days=30, hours=hours, url=URL, clock=self.clock,
        )  # fmt: skip

    @property
    def folder(self) -> Path:
        return self.settings.data_dir / "issuers" / "city.offers"


@pytest.fixture
def city(tmp_path: Path, make_city: Callable[[Path], Opened]) -> City:
    settings = load_settings({"HOME": str(tmp_path), "MIP_DATA_DIR": str(tmp_path / "data")})
    return City(settings, make_city(settings.data_dir))


def code_of(made: Prepared) -> str:
    (document,) = parse_qs(urlsplit(made.by_value).query)["credential_offer"]
    grant = json.loads(document)["grants"][offers.GRANT]
    assert grant["tx_code"]["length"] == len(made.tx_code) == 8
    return str(grant["pre-authorized_code"])


def reference_of(made: Prepared) -> str:
    (link,) = parse_qs(urlsplit(made.by_reference).query)["credential_offer_uri"]
    assert link.startswith(f"{URL}/offer/")
    return link.rpartition("/")[2]


@contextmanager
def refused(fault: Fault) -> Iterator[None]:
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.fault is fault


def fetch(desk: Desk, token: str, subject: int = 12345) -> bytes:
    return desk.credential(token, configuration_id(SCHEMA), subject, desk.nonce())


@pytest.mark.thorough
def test_offer__becomes_one_credential(city: City) -> None:
    made, desk = city.offer(), city.desk()
    assert [schema.id for schema in desk.schemas()] == [SCHEMA.id]
    assert desk.offer(reference_of(made), URL) is not None
    token = desk.token(code_of(made), made.tx_code)
    document = fetch(desk, token)
    found = credential_file.decode(document)
    assert found.signed.is_valid()
    assert (dict(found.values), found.signed.statement.subject) == (CLAIMS, 12345)
    assert found.terms.nonce == 0
    # the same again for the same subject, also by a server that was started anew
    assert fetch(city.desk(), token) == document
    with refused(Fault.INVALID_CREDENTIAL_REQUEST):
        fetch(desk, token, subject=54321)
    assert store.reread(city.opened).content.next_nonce == 1
    (kept,) = OfferBook(city.settings.data_dir, city.opened).all()
    assert (kept.claims, kept.number, kept.subject) == ({}, 0, 12345)


def test_code__serves_once(city: City) -> None:
    made, desk = city.offer(), city.desk()
    token = desk.token(code_of(made), made.tx_code)
    assert desk.offer(reference_of(made), URL) is None
    # without the transaction code nobody harms the holder
    with refused(Fault.INVALID_GRANT):
        desk.token(code_of(made), "00000000")
    assert fetch(desk, token)
    with refused(Fault.INVALID_GRANT):
        desk.token(code_of(made), made.tx_code)
    assert fetch(desk, token)


def test_code__used_twice_before_the_credential_was_signed__voids_the_token(city: City) -> None:
    made, desk = city.offer(), city.desk()
    token = desk.token(code_of(made), made.tx_code)
    with refused(Fault.INVALID_GRANT):
        desk.token(code_of(made), made.tx_code)
    with refused(Fault.INVALID_TOKEN):
        fetch(desk, token)
    assert store.reread(city.opened).content.next_nonce == 0


@pytest.mark.thorough
def test_wrong_transaction_codes__end_an_offer(city: City) -> None:
    made, patient = city.offer(), city.offer()
    wrong = f"{(int(made.tx_code) + 1) % 10**8:08}"
    for _ in range(MAX_WRONG):
        with refused(Fault.INVALID_GRANT):
            city.desk().token(code_of(made), wrong)  # counted across restarts
    with refused(Fault.INVALID_GRANT):
        city.desk().token(code_of(made), made.tx_code)
    for _ in range(MAX_WRONG - 1):
        with refused(Fault.INVALID_GRANT):
            city.desk().token(code_of(patient), "x")
    assert city.desk().token(code_of(patient), patient.tx_code)


@pytest.mark.thorough
def test_times__end_offers_tokens_and_nonces(city: City) -> None:
    late, made, desk = city.offer(), city.offer(), city.desk()
    token = desk.token(code_of(made), made.tx_code)
    nonce = desk.nonce()
    city.now += offers.NONCE_SECONDS
    with refused(Fault.INVALID_NONCE):
        desk.credential(token, configuration_id(SCHEMA), 5, nonce)
    assert fetch(desk, token)
    city.now = NOW + offers.TOKEN_SECONDS
    with refused(Fault.INVALID_TOKEN):
        fetch(desk, token)
    city.now = NOW + 3599
    assert desk.offer(reference_of(late), URL) is not None
    city.now = NOW + 3600
    assert desk.offer(reference_of(late), URL) is None
    with refused(Fault.INVALID_GRANT):
        desk.token(code_of(late), late.tx_code)
    # what ended goes; the number of what was signed stays, the credential goes
    (kept,) = offers.list_offers(city.settings, city.opened, clock=city.clock)
    assert (kept.number, kept.document) == (0, b"")


def test_nonce__serves_once_and_here_alone(city: City) -> None:
    nonces = Nonces(city.clock)
    nonce = nonces.make()
    assert nonces.spend(nonce)
    assert not nonces.spend(nonce)
    assert not Nonces(city.clock).spend(nonces.make())
    good = nonces.make()
    changed = good[:-1] + ("A" if good[-1] != "A" else "Q")
    for bad in ("", "x", "é", changed, good + "=", good * 9):
        assert not nonces.spend(bad)
    assert nonces.spend(good)


def test_token__is_for_one_credential(city: City) -> None:
    made, desk = city.offer(), city.desk()
    token = desk.token(code_of(made), made.tx_code)
    with refused(Fault.UNKNOWN_CONFIGURATION):
        desk.credential(token, "mip-" + "0" * 64, 5, desk.nonce())
    for subject in (0, 2**254):
        with refused(Fault.INVALID_PROOF):
            fetch(desk, token, subject)
    for bad in ("", ".", "zz", token + "A", code_of(made), f"{token[:17]}{'A' * 43}"):
        with refused(Fault.INVALID_TOKEN):
            fetch(desk, bad)
    for bad in ("", reference_of(made), code_of(made) + "A", "../x." + "A" * 43):
        with refused(Fault.INVALID_GRANT):
            desk.token(bad, made.tx_code)
    assert fetch(desk, token)


def test_number__is_durable_before_the_credential_leaves(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, desk = city.offer(), city.desk()
    token = desk.token(code_of(made), made.tx_code)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(OfferBook, "put", crash)
        with pytest.raises(KeyboardInterrupt):
            fetch(desk, token)
    assert store.reread(city.opened).content.next_nonce == 1
    # the number is lost, the credential is not, and none has that number
    assert credential_file.decode(fetch(city.desk(), token)).terms.nonce == 1


@pytest.mark.thorough
def test_desk__goes_on_when_the_operator_changes_the_file(city: City) -> None:
    made, desk = city.offer(), city.desk()
    other = store.open_with_password(city.settings.data_dir, "city", PASSWORD)
    today = datetime.date(2026, 9, 21)
    kyc_issuer.issue(other, SCHEMA, [(Request(9, 1), CLAIMS)], 30, today=lambda: today)
    token = desk.token(code_of(made), made.tx_code)
    assert credential_file.decode(fetch(desk, token)).terms.nonce == 1


@pytest.mark.thorough
def test_threads__sign_one_credential(city: City) -> None:
    made, desk = city.offer(), city.desk()
    token = desk.token(code_of(made), made.tx_code)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: fetch(desk, token), range(8)))
    assert len(found) == 1
    other = city.offer()
    with ThreadPoolExecutor(4) as pool:
        tries = list(pool.map(lambda _: _try(desk, other), range(4)))
    assert len([token for token in tries if token]) == 1


def _try(desk: Desk, made: Prepared) -> str:
    try:
        return desk.token(code_of(made), made.tx_code)
    except Refused:
        return ""


def test_files__are_sealed(city: City, tmp_path: Path) -> None:
    made = city.offer()
    (path,) = city.folder.glob("*.mip")
    assert path.stat().st_mode & 0o777 == 0o600
    data = path.read_bytes()
    for secret in ("Lovelace", "1990-12-10", made.tx_code, code_of(made), "Person"):
        assert secret.encode() not in data
    assert made.tx_code not in repr(made)
    assert made.tx_code not in repr(OfferBook(city.settings.data_dir, city.opened).all())
    # another offer's file in its place, and a changed one
    second = city.offer()
    other = next(p for p in city.folder.glob("*.mip") if p != path)
    other.write_bytes(data)
    with pytest.raises(FileInvalid, match="altered or is another"):
        city.desk()
    assert second.id == other.stem


@pytest.mark.thorough
def test_offer__refuses(city: City) -> None:
    with pytest.raises(UsageFault, match="1 to 720 hours"):
        city.offer(hours=721)
    with pytest.raises(UsageFault, match="birth_date"):
        offers.prepare(
            city.settings, city.opened, SCHEMA, {"birth_date": "soon"}, days=1, hours=1, url=URL
        )
    fresh = store.create(city.settings.data_dir, "new", "New", PASSWORD)
    with pytest.raises(UsageFault, match="not registered"):
        offers.prepare(city.settings, fresh, SCHEMA, CLAIMS, days=1, hours=1, url=URL)
    with pytest.raises(UsageFault, match="not registered"):
        Desk(city.settings, fresh)
    assert not city.folder.exists()
