"""The containment test: no route is open that no text admits, and each can tell an open door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mip_cli.chain.abi import selector
from mip_cli.chain.grants import GrantState, PermissionGrants
from mip_cli.chain.presentations import PRESENTATION
from mip_cli.config import load_settings
from mip_cli.crypto import aead
from mip_cli.crypto.cid import Link
from mip_cli.errors import CheckFailed, UsageFault
from mip_cli.flows import attack
from mip_cli.flows.attack.hoard import Hoard, Transaction
from mip_cli.flows.attack.model import Credential, Grantee, Theft
from mip_cli.flows.attack.stage import played
from mip_cli.flows.attack.store_routes import views
from mip_cli.progress import Silent
from mip_cli.store.credentials import SEALED_FORM

SILENT = Silent()
BY_NAME = {route.name: route for route in attack.ROUTES}


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def tried(self, route: attack.Tried) -> None:
        self.heard.append(route.name)


@pytest.fixture(scope="module")
def theft() -> Iterator[Theft]:
    with played(load_settings(), None, SILENT) as found:
        yield found


def test_routes__none_is_open_that_is_not_documented(theft: Theft) -> None:
    listener = Listener()
    report = attack.try_all(theft, attack.ROUTES, listener, SILENT)
    assert len(report.tried) == len(set(listener.heard)) >= 12
    assert report.breaches == []
    # a limit that is written down is one that is really there
    assert all(one.succeeded for one in report.tried if one.documented_limit)


def at(hoard: Hoard, **moments: str) -> Hoard:
    """The store at some moments as it was at others."""
    found = {name.replace("_", " "): hoard.moments[was] for name, was in moments.items()}
    return replace(hoard, moments={**hoard.moments, **found})


def revocation(theft: Theft) -> Transaction:
    """The holder's revocation of the broker's grant: a proof that is really for that act."""
    wanted = selector(f"revoke(address,bytes32,bytes32,{PRESENTATION})")
    of_broker = theft.hoard.about(theft.broker.pseudonym)
    return next(one for one in of_broker if one.data.startswith(wanted))


def sealed_under(key: bytes, content: bytes) -> Credential:
    """A credential under a key that a thief has."""
    sealed = aead.seal(key, content, b"")
    return Credential(Link(bytes(32)), "", SEALED_FORM.encode(sealed))


def shown_to(grantee: Grantee) -> Link:
    """A block of a grantee's view."""
    return min(views(grantee))


def opened_doors(theft: Theft) -> dict[str, Theft]:
    """For each route a world in which it must succeed, since something that protects is missing."""
    bank, clinic, hoard = theft.bank, theft.clinic, theft.hoard
    thief = replace(theft, bank=replace(bank, keys=clinic.keys), rings={})
    whole = replace(bank, level=0)
    sizes = {len(data): link for link, data in hoard.blocks.items()}
    broken = replace(theft.victims, verify=lambda _: None, verify_older_copy=lambda: None)
    deaf = replace(broken, open_clinic=lambda _: None, read_clinic=lambda _: None)
    registrar, landlord = theft.registrar, theft.landlord
    believing = replace(broken, open_credential=lambda *_: None, check_proof=lambda _: None)
    forgetful = replace(theft.victims, read_older=lambda _: None)
    read = theft.marks.granted
    # an account without code takes every call: a contract that asks nothing
    asks_nothing = replace(bank, issued=replace(bank.issued, to=bank.account.address))
    return {
        "other-category": thief,
        "thieves-together": thief,
        "key-of-another": thief,
        "manifest-of-another": thief,
        "never-granted": replace(theft, marks=replace(theft.marks, ungranted=read)),
        "members-left-out": replace(theft, bank=replace(bank, keys=theft.broker.keys), rings={}),
        "keys-across-epochs": replace(
            theft,
            hoard=at(hoard, put_after_the_revocation="granted"),
            marks=replace(theft.marks, later=read),
        ),
        "old-manifest-after-eager": replace(theft, hoard=at(hoard, encrypted_anew="granted")),
        "erased-record": replace(theft, hoard=at(hoard, erased="granted")),
        "records-at-level-1": replace(theft, auditor=theft.broker),
        "sizes": replace(theft, twins=(sizes[min(sizes)], sizes[max(sizes)])),
        "rollback-store": replace(theft, victims=broken),
        "rollback-all": replace(theft, victims=broken),
        "swapped-blocks": replace(theft, victims=deaf),
        "older-bundle": replace(theft, victims=forgetful),
        "forged-bundle": replace(theft, victims=deaf),
        "credential": replace(theft, marks=replace(theft.marks, credential=theft.marks.registered)),
        "credential-inner-seal": replace(
            theft, credentials=(sealed_under(registrar.keys.private, theft.marks.credential[0]),)
        ),
        "credential-count": replace(theft, registrar=clinic),
        "credential-in-view": replace(
            theft, credentials=(replace(theft.credentials[0], link=shown_to(registrar)),)
        ),
        "credential-moved": replace(theft, victims=believing),
        "proof-key": replace(theft, landlord=bank),
        "proof-to-another": replace(theft, victims=believing),
        "link-proof": replace(theft, landlord=replace(landlord, pseudonym=bank.pseudonym)),
        "use-of-another": replace(theft, clinic=bank),
        "raise-level": replace(theft, bank=whole),
        "use-after-revocation": replace(theft, broker=bank),
        "use-after-void": replace(theft, sleeper=bank),
        "replay": replace(theft, bank=asks_nothing),
        "altered-in-flight": replace(theft, bank=asks_nothing),
        "proof-elsewhere": replace(theft, bank=replace(bank, issued=revocation(theft))),
        "link-two-grants": replace(theft, clinic=theft.broker),
        "link-enrolment": replace(theft, enrolment=bank.issued),
        "link-bundles": replace(theft, clinic=bank),
        "link-views": replace(theft, broker=replace(theft.broker, bundles=bank.bundles)),
        "link-anchor": replace(theft, anchor=bank.issued),
    }


DOORS = (
    "other-category",
    "thieves-together",
    "key-of-another",
    "manifest-of-another",
    "never-granted",
    "members-left-out",
    "keys-across-epochs",
    "old-manifest-after-eager",
    "erased-record",
    "records-at-level-1",
    "sizes",
    "rollback-store",
    "rollback-all",
    "swapped-blocks",
    "older-bundle",
    "forged-bundle",
    "credential",
    "credential-inner-seal",
    "credential-count",
    "credential-in-view",
    "credential-moved",
    "proof-key",
    "proof-to-another",
    "link-proof",
    "use-of-another",
    "raise-level",
    "use-after-revocation",
    "use-after-void",
    "replay",
    "altered-in-flight",
    "proof-elsewhere",
    "link-two-grants",
    "link-enrolment",
    "link-bundles",
    "link-views",
    "link-anchor",
)


@pytest.mark.parametrize("name", DOORS)
def test_route__with_the_door_open__is_a_breach(theft: Theft, name: str) -> None:
    found = BY_NAME[name].attempt(opened_doors(theft)[name])
    assert found.succeeded, found.detail


def test_expiry_route__where_the_contract_stops_too_late__is_a_breach(
    theft: Theft, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = BY_NAME["use-after-expiry"]
    assert "expired" in route.attempt(theft).detail
    told = PermissionGrants.grant_of

    def earlier(grants: PermissionGrants, pseudonym: int, category: str) -> GrantState:
        state = told(grants, pseudonym, category)
        return replace(state, expires=state.expires - 10)

    monkeypatch.setattr(PermissionGrants, "grant_of", earlier)
    assert route.attempt(theft).succeeded


def test_route__refused_for_another_reason__proves_nothing(theft: Theft) -> None:
    """The sleeper's grant was voided; as one that was revoked it is refused, and not for that."""
    other = replace(theft, broker=theft.sleeper)
    with pytest.raises(CheckFailed, match="another reason than is meant: grants: grant was voided"):
        BY_NAME["use-after-revocation"].attempt(other)


def test_replay__of_an_act_that_never_passed__proves_nothing(theft: Theft) -> None:
    late = replace(theft.bank.issued, block=theft.bank.issued.block + 1)
    with pytest.raises(CheckFailed, match="refused at its own time"):
        BY_NAME["replay"].attempt(replace(theft, bank=replace(theft.bank, issued=late)))


def test_sums__that_their_own_grantee_cannot_open__prove_nothing(theft: Theft) -> None:
    blind = replace(theft.auditor, keys=theft.sleeper.keys)
    with pytest.raises(CheckFailed, match="does not open its own sums"):
        BY_NAME["records-at-level-1"].attempt(replace(theft, auditor=blind, rings={}))


def deny(*_: object) -> None:
    raise UsageFault("no")


@pytest.mark.parametrize(
    ("name", "victim"),
    [
        ("forged-bundle", "open_clinic"),
        ("rollback-store", "verify"),
        ("rollback-all", "verify"),
        ("swapped-blocks", "read_clinic"),
        ("older-bundle", "read_clinic"),
        ("credential-moved", "open_credential"),
        ("proof-to-another", "check_proof"),
    ],
)
def test_route__whose_victim_refuses_the_honest_too__proves_nothing(
    theft: Theft, name: str, victim: str
) -> None:
    with pytest.raises(CheckFailed, match="a refusal proves nothing: no"):
        BY_NAME[name].attempt(replace(theft, victims=replace(theft.victims, **{victim: deny})))


def test_every_route_that_must_be_closed__has_a_door_that_was_opened() -> None:
    with_limit = {route.name for route in attack.ROUTES if route.limit}
    tested = {*DOORS, "use-after-expiry"}
    assert tested == set(BY_NAME) - with_limit


def test_try_all__where_nothing_works__says_so(theft: Theft) -> None:
    with pytest.raises(CheckFailed, match="what was granted does not work"):
        attack.try_all(replace(theft, bank=theft.broker), attack.ROUTES, Listener(), SILENT)
