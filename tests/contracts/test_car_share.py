"""The example that asks for a document's face: another gate, one proof for one trip."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, account, load, payload_of, refusal
from groth16_simulator import Trapdoor
from issuer_acts import Issuers, PredicatePresentation, policy_abi

from mip_cli.crypto.policy_app import AppPolicy

PURPOSE = "unlock a car"
LICENCE = AppPolicy(2, False, 1, (10**70 + 9,))
CAR = 12
DRIVER = account(77)


@pytest.fixture
def issuers(suite: Deployment) -> Issuers:
    """Everything about credentials, with the gate of documents in the place of the other."""
    found = Issuers(suite)
    suite.enroll(1)
    found.register()
    found.trapdoor = Trapdoor.from_seed(4, 6)
    verifier = load("Groth16Verifier.vy").deploy(*found.trapdoor.key, True)
    found.gate = load("PredicateGate.vy").deploy(
        suite.registry.address, found.registry.address, verifier.address
    )
    return found


@pytest.fixture
def cars(issuers: Issuers) -> Any:
    return load("examples/CarShare.vy").deploy(issuers.gate.address, policy_abi(LICENCE))


def licence(
    issuers: Issuers, cars: Any, car: int = CAR, policy: AppPolicy = LICENCE, **changes: Any
) -> PredicatePresentation:
    seed = changes.pop("seed", 1)
    made = issuers.presentation(**({"nonce": 0, "beneficiary": DRIVER} | changes))
    payload = policy.bind(payload_of("unlock(uint256)", car))
    return issuers.prove(
        made,
        asker=cars.address,
        purpose=PURPOSE,
        payload=payload,
        policy=policy.parts[0],
        seed=seed,
    )


def unlock(cars: Any, made: PredicatePresentation, car: int = CAR) -> str | None:
    return refusal(lambda: cars.unlock(car, made.shown(), sender=account(66)))  # anyone sends it


def test_unlock__by_the_face_on_a_document(issuers: Issuers, cars: Any) -> None:
    made = licence(issuers, cars)
    assert unlock(cars, made) is None
    (log,) = cars.get_logs()
    assert (type(log).__name__, log.car, log.beneficiary) == ("CarUnlocked", CAR, DRIVER)
    assert cars.driver_of(CAR) == log.nullifier == made.nullifier
    assert cars.account_of(CAR) == DRIVER
    assert (cars.drives(made.nullifier), cars.trips(made.nullifier)) == (True, 1)
    assert cars.passport_purpose() == PURPOSE
    assert cars.policy_commitment() == LICENCE.commitment


def test_unlock__reverts(issuers: Issuers, cars: Any, suite: Deployment) -> None:
    made = licence(issuers, cars)

    def act(form: PredicatePresentation = made, car: int = CAR) -> str | None:
        with boa.env.anchor():
            return unlock(cars, form, car)

    assert act() is None
    false = "gate: proof is not valid"
    assert act(car=CAR + 1) == false
    assert act(licence(issuers, cars, 1000), 1000) == "car: there is no such car"
    assert act(licence(issuers, cars, 999), 999) is None
    assert act(replace(made, beneficiary=account(66))) == false
    assert act(licence(issuers, cars, nonce=1)) == "car: nonce is not the number of trips"
    other = AppPolicy(2, False, 1, (10**70 + 10,))
    assert act(licence(issuers, cars, policy=other)) == false
    assert act(licence(issuers, cars, level=1)) == "gate: level is too low"


def test_unlock__without_a_documents_face__reverts(issuers: Issuers, cars: Any) -> None:
    """A proof of the other circuit, for the same policy number, act and passport."""
    made = licence(issuers, cars)
    issuers.trapdoor = Trapdoor.from_seed(3, 6)
    assert unlock(cars, licence(issuers, cars)) == "gate: proof is not valid"
    assert unlock(cars, made) is None


def test_car__is_one_drivers_until_given_back(issuers: Issuers, cars: Any) -> None:
    made = licence(issuers, cars)
    assert unlock(cars, made) is None
    second = licence(issuers, cars, nullifier=10**70 + 1)
    assert unlock(cars, second) == "car: somebody has it"
    another = licence(issuers, cars, CAR + 1, nonce=1)
    assert unlock(cars, another, CAR + 1) == "car: passport has another"
    outsider = "car: sender does not have it"
    assert refusal(lambda: cars.give_back(CAR, sender=account(66))) == outsider
    assert refusal(lambda: cars.give_back(CAR + 1, sender=DRIVER)) == outsider
    cars.give_back(CAR, sender=DRIVER)
    (log,) = cars.get_logs()
    assert (type(log).__name__, log.car, log.nullifier) == ("CarReturned", CAR, made.nullifier)
    assert (cars.driver_of(CAR), cars.drives(made.nullifier)) == (0, False)
    assert refusal(lambda: cars.give_back(CAR, sender=DRIVER)) == outsider
    # the proof of the first trip is worth nothing for a second, in whatever form
    for form in (made, licence(issuers, cars, seed=2)):
        assert unlock(cars, form) == "car: nonce is not the number of trips"
    assert unlock(cars, licence(issuers, cars, nonce=1)) is None
    assert cars.trips(made.nullifier) == 2
