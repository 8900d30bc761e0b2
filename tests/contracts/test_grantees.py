"""The examples that are given grants, and grantees and registries that strike back."""

from __future__ import annotations

from functools import partial
from typing import Any

import boa
import pytest
from deployment import Deployment, account, load, refusal
from eth_utils import keccak
from grant_acts import FINANCE, HEALTH, NOTHING, NULLIFIER, Grants, Terms, for_app, rolled_back

OPERATOR = account(50)
LENDING = "lend on my finance records"
TREATING = "treat me with my health records"
NOT_VALID = "registry: proof is not valid"
NONE = "grants: nothing is granted"

RECKLESS = """
# pragma version 0.4.3
interface Grants:
    def use(nullifier: uint256, category: bytes32, level: uint256, access: bytes32): nonpayable
    def renounce(nullifier: uint256, category: bytes32): nonpayable

@external
def twice(grants: address, nullifier: uint256, category: bytes32):
    extcall Grants(grants).use(nullifier, category, 0, empty(bytes32))
    extcall Grants(grants).use(nullifier, category, 0, empty(bytes32))

@external
def once(grants: address, nullifier: uint256, category: bytes32):
    extcall Grants(grants).use(nullifier, category, 0, empty(bytes32))
"""

STRIKING = """
# pragma version 0.4.3
grants: address
category: bytes32
act: uint256
answer: uint256

@external
def aim(grants: address, category: bytes32, act: uint256, answer: uint256):
    self.grants = grants
    self.category = category
    self.act = act
    self.answer = answer

@internal
def _strike(nullifier: uint256):
    if self.act == 1:
        raw_call(self.grants, abi_encode(
            nullifier, self.category, convert(0, uint256), empty(bytes32),
            method_id=method_id("use(uint256,bytes32,uint256,bytes32)")))
    if self.act == 2:
        raw_call(self.grants, abi_encode(
            nullifier, self.category, method_id=method_id("renounce(uint256,bytes32)")))

struct Presentation:
    root: uint256
    level: uint256
    nullifier: uint256
    beneficiary: address
    nonce: uint256
    deadline: uint256
    proof: uint256[8]

@external
def check_for(app: address, purpose: bytes32, payload: bytes32, min_level: uint256, strict: bool,
              presentation: Presentation) -> uint256:
    self._strike(presentation.nullifier)
    return presentation.nullifier + self.answer
"""


@pytest.fixture
def grants(suite: Deployment) -> Grants:
    return Grants(suite)


@pytest.fixture
def lender(grants: Grants) -> Any:
    registry = grants.suite.registry.address
    return load("examples/Lender.vy").deploy(registry, grants.address, OPERATOR)


@pytest.fixture
def clinic(grants: Grants) -> Any:
    registry = grants.suite.registry.address
    return load("examples/Clinic.vy").deploy(registry, grants.address, OPERATOR)


def finance(lender: Any, **changes: Any) -> Terms:
    return Terms(grantee=str(lender.address), purpose=LENDING, **changes)


def health(clinic: Any, **changes: Any) -> Terms:
    return Terms(
        **{
            **{"grantee": str(clinic.address), "purpose": TREATING, "category": HEALTH},
            **{"level": 3},
            **changes,
        }
    )


def apply(grants: Grants, lender: Any, amount: int = 900, **changes: Any) -> str | None:
    shown = for_app(grants.suite, lender, LENDING, "apply(uint256)", amount, **changes)
    return refusal(lambda: lender.apply(amount, shown.abi(), sender=account(66)))


def register(grants: Grants, clinic: Any, **changes: Any) -> str | None:
    shown = for_app(grants.suite, clinic, TREATING, "register()", **changes)
    return refusal(lambda: clinic.register(shown.abi(), sender=account(66)))


def test_lender__uses_the_grant_of_who_applies(grants: Grants, lender: Any) -> None:
    assert apply(grants, lender) == NONE
    assert grants.grant(finance(lender, uses=2)) is None
    shown = for_app(grants.suite, lender, LENDING, "apply(uint256)", 900)
    lender.apply(900, shown.abi(), sender=account(66))
    used, requested = lender.get_logs()
    assert (type(used).__name__, type(requested).__name__) == ("GrantUsed", "LoanRequested")
    assert (used.nullifier, used.category, used.level) == (NULLIFIER, FINANCE, 2)
    assert (used.uses_left, int.from_bytes(used.access, "big")) == (1, 1)
    assert (requested.nullifier, requested.application, requested.amount) == (NULLIFIER, 1, 900)
    assert tuple(lender.applications(1)) == (NULLIFIER, 900, 1)
    assert apply(grants, lender) == "lender: an application is open"
    assert grants.state()[3] == 1


def test_lender__operator_decides(grants: Grants, lender: Any) -> None:
    assert grants.grant(finance(lender)) is None
    assert apply(grants, lender) is None
    foreign, closed = "lender: sender is not the operator", "lender: application is not open"
    assert refusal(lambda: lender.decide(1, True, sender=account(66))) == foreign
    for number in (0, 2):
        assert refusal(lambda n=number: lender.decide(n, True, sender=OPERATOR)) == closed
    lender.decide(1, True, sender=OPERATOR)
    (log,) = lender.get_logs()
    assert (log.application, log.accepted) == (1, True)
    assert refusal(lambda: lender.decide(1, False, sender=OPERATOR)) == closed
    assert apply(grants, lender, 901) is None
    lender.decide(2, False, sender=OPERATOR)
    assert [lender.applications(n).status for n in (1, 2)] == [2, 3]
    assert lender.count() == 2


def test_lender__grant_that_does_not_do__reverts(grants: Grants, lender: Any) -> None:
    for terms, reason in (
        (finance(lender), None),
        (finance(lender, level=3), None),
        (finance(lender, level=1), "grants: level is not granted"),
        (finance(lender, category=HEALTH), NONE),
        (Terms(grantee=account(41), purpose=LENDING), "grants: sender is not the grantee"),
    ):
        with boa.env.anchor():
            assert grants.grant(terms) is None
            assert apply(grants, lender) == reason
    assert grants.grant(finance(lender)) is None
    assert apply(grants, lender, nullifier=NULLIFIER + 1) == NONE
    assert apply(grants, lender, level=1) == "registry: level is too low"
    shown = for_app(grants.suite, lender, LENDING, "apply(uint256)", 900).abi()
    assert refusal(lambda: lender.apply(901, shown)) == NOT_VALID
    with boa.env.anchor():
        grants.advance(finance(lender))
        assert apply(grants, lender) == "grants: grant was voided by its holder"
    assert grants.revoke(grantee=str(lender.address), purpose=LENDING) is None
    assert apply(grants, lender) == NONE
    assert lender.count() == 0


def test_clinic__uses_the_grant_once_a_visit(grants: Grants, clinic: Any) -> None:
    assert register(grants, clinic) == NONE
    assert grants.grant(health(clinic, uses=2)) is None
    shown = for_app(grants.suite, clinic, TREATING, "register()")
    clinic.register(shown.abi(), sender=account(66))
    (log,) = clinic.get_logs()
    assert (log.patient, log.visits_left) == (NULLIFIER, 2)
    assert register(grants, clinic) == "clinic: patient is registered"
    assert grants.state(category=HEALTH)[3] == 2  # registering takes none
    for visit in (1, 2):
        clinic.visit(NULLIFIER, sender=OPERATOR)
        used, visited = clinic.get_logs()
        assert (used.level, used.uses_left) == (3, 2 - visit)
        assert int.from_bytes(used.access, "big") == visit
        assert (visited.patient, visited.visit) == (NULLIFIER, visit)
    assert refusal(lambda: clinic.visit(NULLIFIER, sender=OPERATOR)) == "grants: grant is used up"
    assert clinic.visits_of(NULLIFIER) == 2


def test_clinic__visit__reverts(grants: Grants, clinic: Any) -> None:
    def visit(patient: int = NULLIFIER, by: str = OPERATOR) -> str | None:
        return rolled_back(lambda: refusal(lambda: clinic.visit(patient, sender=by)))

    assert visit() == "clinic: patient is not registered"
    assert grants.grant(health(clinic, level=2)) is None
    assert register(grants, clinic) == "grants: level is not granted"
    assert grants.grant(health(clinic)) is None
    assert register(grants, clinic, level=1) == "registry: level is too low"
    assert register(grants, clinic) is None
    assert visit() is None
    assert visit(by=account(66)) == "clinic: sender is not the operator"
    assert visit(NULLIFIER + 1) == "clinic: patient is not registered"
    with boa.env.anchor():
        grants.advance(health(clinic))
        assert visit() == "grants: grant was voided by its holder"
    revoked = {"grantee": str(clinic.address), "purpose": TREATING, "category": HEALTH}
    assert grants.revoke(**revoked) is None
    assert visit() == NONE


@pytest.mark.parametrize("name", ["lender", "clinic"])
def test_key__is_set_by_the_operator(grants: Grants, lender: Any, clinic: Any, name: str) -> None:
    app = {"lender": lender, "clinic": clinic}[name]
    reasons = {
        "lender": "lender: sender is not the operator",
        "clinic": "clinic: sender is not the operator",
    }
    assert app.grantee_key() == bytes(32)
    key = keccak(b"a public key")
    assert refusal(lambda: app.set_key(key, sender=account(66))) == reasons[name]
    app.set_key(key, sender=OPERATOR)
    (log,) = app.get_logs()
    assert log.key == app.grantee_key() == key
    assert (app.REGISTRY(), app.GRANTS()) == (grants.suite.registry.address, grants.address)
    assert (app.OPERATOR(), app.passport_level()) == (OPERATOR, 2)
    assert app.passport_purpose() == {"lender": LENDING, "clinic": TREATING}[name]
    assert boa.env.get_balance(app.address) == 0


def test_grantee__two_uses_in_one_call_are_two(grants: Grants) -> None:
    grantee = boa.loads(RECKLESS)
    terms = Terms(grantee=str(grantee.address), uses=3)
    assert grants.grant(terms) is None
    grantee.twice(grants.address, NULLIFIER, FINANCE)
    assert grants.state()[3] == 1
    before = grants.state()
    reason = refusal(lambda: grantee.twice(grants.address, NULLIFIER, FINANCE))
    assert reason == "grants: grant is used up"
    assert grants.state() == before  # neither of the two
    grantee.once(grants.address, NULLIFIER, FINANCE)
    assert grants.state()[3] == 0


@pytest.mark.parametrize("act", [1, 2])
def test_grantee__reentering_changes_nothing(suite: Deployment, act: int) -> None:
    """The grantee is the registry: it is asked by static calls, and cannot act."""
    striking = boa.loads(STRIKING)
    grants = Grants(suite)
    grants.contract = load("PermissionGrants.vy").deploy(striking.address)
    terms = Terms(grantee=str(striking.address))
    shown = grants.shown(terms)
    assert grants.grant(terms, shown) is None
    before = grants.state()
    striking.aim(grants.address, FINANCE, act, 0)
    again = grants.shown(terms)
    assert grants.grant(terms, again) == ""
    voiding = grants.shown_advance(terms)
    assert refusal(lambda: grants.send_advance(terms, voiding)) == ""
    revoked = grants.shown_revoke(terms.grantee)
    assert grants.revoke(revoked, grantee=terms.grantee) == ""
    assert (grants.state(), grants.next(), grants.epoch()) == (before, 2, 0)
    # a use and a check ask nobody
    held = (NULLIFIER, FINANCE, 0)
    assert grants.contract.check(*held, sender=terms.grantee) == terms.uses
    assert refusal(partial(grants.contract.use, *held, bytes(32), sender=terms.grantee)) is None
    striking.aim(grants.address, FINANCE, 0, 0)
    assert grants.grant(terms, again) is None


def test_registry__that_names_another_pseudonym__reverts(suite: Deployment) -> None:
    striking = boa.loads(STRIKING)
    grants = Grants(suite)
    grants.contract = load("PermissionGrants.vy").deploy(striking.address)
    terms = Terms()
    striking.aim(grants.address, FINANCE, 0, 1)
    assert grants.grant(terms) == "grants: pseudonym is another"
    assert grants.revoke() == "grants: pseudonym is another"
    assert grants.state() == NOTHING
    striking.aim(grants.address, FINANCE, 0, 0)
    assert grants.grant(terms) is None
