"""Which credential shows a policy, and what its holder is told when none does."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.chain.issuers import IssuerRecord, IssuerSet, IssuerStatus
from mip_cli.crypto.claims import parse_schema
from mip_cli.crypto.credential import ISSUER_LEVELS, revocation_tree
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, AppPolicyText, parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import CredentialInvalid, FileInvalid, MipError, PolicyUnmet, UsageFault
from mip_cli.flows.kyc import kyc_choose, kyc_issuer
from mip_cli.flows.kyc.credential_file import Request, Revocations
from mip_cli.flows.kyc.kyc_choose import Fit, Place
from mip_cli.flows.kyc.revocation_lists import Lists
from mip_cli.store import issuers as store
from mip_cli.store.credentials import Held, Wallet
from mip_cli.store.issuers import Home, Opened

REGISTRY = checksum("0x" + "11" * 20)
HOME = Home(31337, REGISTRY, 2)
ADULT: dict[str, Any] = {"given_name": "Ada-Canary", "birth_date": "1990-12-10", "residence": "DE"}
MINOR = ADULT | {"birth_date": "2015-05-01"}
TODAY = 20260228
ONE = parse_app_policy(EXAMPLE_POLICY)


class Cast:
    """An issuer and a wallet."""

    def __init__(self, folder: Path, city: Opened) -> None:
        self.city = store.settle(city, HOME)
        self.wallet = Wallet(folder, "holder", 77)
        self.key = self.city.content.key.public
        self.subject = 1000

    def give(self, claims: dict[str, Any], schema: object = EXAMPLE_SCHEMA) -> str:
        """Put a credential into the wallet; return its name."""
        self.subject += 1
        asked = [(Request(self.subject, 1), claims)]
        self.city, (issued,) = kyc_issuer.issue(
            self.city,
            parse_schema(schema),
            asked,
            365,
            today=lambda: datetime.date(2026, 2, 1),
        )
        held = Held(5, self.subject, 1, issued.document)
        self.wallet.put(held)
        return held.id

    def place(self, *revoked: int, today: int = TODAY, **record: Any) -> Place:
        root = revocation_tree(revoked).root
        known = IssuerRecord(2, REGISTRY, self.key, root, len(revoked), None, IssuerStatus.ACTIVE)
        known = replace(known, **record)
        everyone = IssuerSet({2: known}, QuadTree(ISSUER_LEVELS, {2: known.leaf}))
        return Place(31337, REGISTRY, everyone, today, Lists())

    def choose(self, policy: AppPolicyText, place: Place, *only: str) -> list[Fit]:
        return kyc_choose.choose(self.wallet, policy.parts, policy.policy.required, place, only)

    def refusal(self, policy: AppPolicyText, place: Place, *only: str) -> MipError:
        with pytest.raises(MipError) as found:
            self.choose(policy, place, *only)
        return found.value


@pytest.fixture
def cast(tmp_path: Path, make_city: Callable[[Path], Opened]) -> Cast:
    return Cast(tmp_path, make_city(tmp_path))


def test_fitting_credential__is_found_among_others(cast: Cast) -> None:
    names = [cast.give(claims) for claims in (MINOR, ADULT, MINOR)]
    cast.wallet.put(Held(5, 999, 1))  # a request that nobody answered
    (fit,) = cast.choose(ONE, cast.place())
    assert (fit.held.id, fit.part) == (names[1], 0)
    assert cast.choose(ONE, cast.place(), names[1])[0].held.id == names[1]
    assert isinstance(cast.refusal(ONE, cast.place(), names[0]), PolicyUnmet)


def test_damaged_credential__stops_none_of_the_others(cast: Cast, tmp_path: Path) -> None:
    damaged, sound = cast.give(ADULT), cast.give(ADULT)
    path = tmp_path / "credentials" / "holder" / f"{damaged}.mip"
    path.write_bytes(path.read_bytes()[:-40])
    assert cast.choose(ONE, cast.place())[0].held.id == sound
    assert isinstance(cast.refusal(ONE, cast.place(), damaged), FileInvalid)
    (tmp_path / "credentials" / "holder" / f"{sound}.mip").unlink()
    assert "cannot be read" in cast.refusal(ONE, cast.place()).message


@pytest.mark.thorough
def test_none_fits__tells_the_predicate_and_no_claim(cast: Cast) -> None:
    name = cast.give(MINOR | {"residence": "XA"})
    error = cast.refusal(ONE, cast.place())
    assert isinstance(error, PolicyUnmet)
    assert error.message == (
        f"the credential {name} does not say what the policy asks for: not that birth_date lies "
        "18 years or more back, and not that residence is there and none of: XA, XB"
    )
    either = parse_app_policy({**EXAMPLE_POLICY, "require": "any"})
    assert "(1 of 2 would do)" in cast.refusal(either, cast.place()).message
    for secret in ("2015", "Ada-Canary"):
        assert secret not in error.message


def test_several_fail__each_is_told(cast: Cast) -> None:
    first, second = cast.give(MINOR), cast.give(MINOR | {"residence": "XB"})
    error = cast.refusal(ONE, cast.place())
    assert isinstance(error, PolicyUnmet)
    assert all(name in error.message for name in (first, second))


def test_two_of_three__takes_the_first_that_can_be_shown(cast: Cast) -> None:
    policy = parse_app_policy(EXAMPLE_APP_POLICY)
    parts = [part.schema.to_json() for part in policy.parts]
    cast.give(ADULT)
    one = cast.refusal(policy, cast.place())
    assert isinstance(one, PolicyUnmet)
    assert "no credential Income 1" in one.message
    assert "no credential Guarantee 1" in one.message
    cast.give({"guaranteed": 20_000, "currency": "EUR"}, parts[2])
    assert [fit.part for fit in cast.choose(policy, cast.place())] == [0, 2]
    cast.give({"monthly_income": 3000, "currency": "EUR"}, parts[1])
    assert [fit.part for fit in cast.choose(policy, cast.place())] == [0, 1]
    # freshness: the income is of 1 February, and 90 days later another part is shown
    stale = cast.place(today=20260601)
    assert [fit.part for fit in cast.choose(policy, stale)] == [0, 2]


def test_credential__that_cannot_be_shown__tells_why(cast: Cast) -> None:
    cast.give(ADULT)
    sound = cast.place()
    assert cast.choose(ONE, sound)
    others = json.loads(json.dumps(EXAMPLE_POLICY)) | {"issuers": [3]}
    for policy, place, kind, words in (
        (ONE, cast.place(today=20260131), CredentialInvalid, "not in force on 2026-01-31"),
        (ONE, cast.place(today=20270201), CredentialInvalid, "not in force on 2027-02-01"),
        (ONE, replace(sound, chain_id=1), CredentialInvalid, "another registry"),
        (ONE, replace(sound, registry=checksum("0x" + "22" * 20)), CredentialInvalid, "another"),
        (parse_app_policy(others), sound, PolicyUnmet, "does not accept the issuer"),
        (ONE, cast.place(key=(1, 2)), CredentialInvalid, "another key"),
        (ONE, cast.place(status=IssuerStatus.SUSPENDED), CredentialInvalid, "suspended"),
        (ONE, replace(sound, everyone=IssuerSet({}, QuadTree(8))), CredentialInvalid, "another"),
    ):
        error = cast.refusal(policy, place)
        assert type(error) is kind
        assert words in error.message


def test_no_credential__says_which_is_missing(cast: Cast) -> None:
    error = cast.refusal(ONE, cast.place())
    assert isinstance(error, UsageFault)
    assert "no credential Person 1" in error.message


def test_revocations__are_looked_up_in_the_list_in_force(cast: Cast) -> None:
    first, second = cast.give(ADULT), cast.give(ADULT)
    place = cast.place(0)
    assert "needs its list" in cast.refusal(ONE, place, first).message
    older = Revocations(HOME, 0, ())
    foreign = Revocations(replace(HOME, number=3), 1, (0,))
    error = cast.refusal(ONE, replace(place, lists=Lists((foreign,))), first)
    assert "needs its list" in error.message
    error = cast.refusal(ONE, replace(place, lists=Lists((older, foreign))), first)
    assert isinstance(error, UsageFault)
    assert "yours is version 0, the registry has version 1" in error.message
    listed = replace(place, lists=Lists((older, Revocations(HOME, 1, (0,)))))
    assert "was revoked" in cast.refusal(ONE, listed, first).message
    (fit,) = cast.choose(ONE, listed)
    assert fit.held.id == second
