"""Using a grant: by the grantee alone, as often, as long and as much as was granted."""

from __future__ import annotations

import pytest
from deployment import Deployment, at, now
from eth_utils import keccak
from grant_acts import (
    DAY,
    EXPIRED,
    FINANCE,
    FOREIGN,
    GRANTEE,
    HEALTH,
    NONE,
    NULLIFIER,
    STRANGER,
    TOO_HIGH,
    USED_UP,
    VOIDED,
    ZERO,
    Grants,
    Terms,
    plus_one,
)


@pytest.fixture
def grants(suite: Deployment) -> Grants:
    return Grants(suite)


def test_use__counts_down(grants: Grants) -> None:
    assert grants.grant(Terms(uses=2)) is None
    for left in (1, 0):
        grants.contract.use(NULLIFIER, FINANCE, left + 1, keccak(b"this"), sender=GRANTEE)
        (log,) = grants.contract.get_logs()
        assert type(log).__name__ == "GrantUsed"
        assert (log.nullifier, log.category, log.level) == (NULLIFIER, FINANCE, left + 1)
        assert (log.uses_left, log.access) == (left, keccak(b"this"))
        assert grants.state()[3] == left
    assert grants.use() == USED_UP
    assert grants.use(0) == USED_UP
    assert grants.state()[:4] == (GRANTEE, 2, Terms().expires, 0)


@pytest.mark.parametrize("granted", [0, 1, 2, 3])
def test_use__level(grants: Grants, granted: int) -> None:
    assert grants.grant(Terms(level=granted, uses=9)) is None
    for asked in (0, 1, 2, 3, 4, 2**256 - 1):
        assert grants.use(asked) == (None if asked <= granted else TOO_HIGH)


def test_use__until_it_expires(grants: Grants) -> None:
    terms = Terms(uses=5)
    assert grants.grant(terms) is None
    at(terms.expires - 1)
    assert grants.use() is None
    at(terms.expires)
    assert grants.use() == EXPIRED
    at(terms.expires + 10**9)
    assert grants.use() == EXPIRED


def test_use__by_another__reverts(grants: Grants) -> None:
    assert grants.use() == NONE
    assert grants.grant(Terms()) is None
    assert grants.use(by=STRANGER) == FOREIGN
    assert grants.use(by=plus_one(GRANTEE)) == FOREIGN
    assert grants.use(by=ZERO) == FOREIGN
    assert grants.use(category=HEALTH) == NONE
    assert grants.use(nullifier=NULLIFIER + 1) == NONE
    assert grants.use(by=ZERO, nullifier=NULLIFIER + 1) == NONE
    assert grants.use() is None


def test_use__says_the_first_thing_that_stands_against_it(grants: Grants) -> None:
    assert grants.grant(Terms(uses=1, level=1)) is None
    grants.advance()
    assert grants.use(1) == VOIDED
    assert grants.use(2) == TOO_HIGH
    assert grants.grant(Terms(uses=1, level=1)) is None
    assert grants.use(1) is None
    grants.advance()
    assert grants.use(2) == USED_UP
    at(now() + 31 * DAY)
    assert grants.use(2) == EXPIRED
    assert grants.use(2, by=STRANGER) == FOREIGN
    assert grants.revoke() is None
    assert grants.use(2, by=STRANGER) == NONE
