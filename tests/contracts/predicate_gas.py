"""Gas of credentials' contracts, read from receipts of a real anvil."""

from __future__ import annotations

import datetime
from typing import Any

from gas_meter import Suite, anvil
from groth16_simulator import Trapdoor
from web3 import Web3

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto.claims import date_number
from mip_cli.crypto.field import R
from mip_cli.crypto.policy_app import AppPolicy

POLICY = 10**70 + 5
ADULTS = AppPolicy(2, False, 1, (POLICY,))
TWO = AppPolicy(2, False, 2, (POLICY, POLICY + 1, POLICY + 2))
DAY = 24 * 60 * 60


class Credentials:
    """The contracts of credentials beside a suite."""

    def __init__(self, suite: Suite) -> None:
        self.suite, self.w3 = suite, suite.w3
        self.trapdoor = Trapdoor.from_seed(3, 6)
        verifier = suite.deploy("Groth16Verifier", *self.trapdoor.key, True)
        hasher = suite.registry.functions.HASHER().call()
        self.issuers = suite.deploy("IssuerRegistry", hasher)
        self.verifier = verifier
        self.gate = suite.deploy(
            "PredicateGate", suite.registry.address, self.issuers.address, verifier.address
        )
        self.age = suite.deploy("AgeGate", self.gate.address, _abi(ADULTS))
        self.flat = suite.deploy("FlatLottery", self.gate.address, _abi(TWO))

    def enter(self, nullifier: int) -> Any:
        """Build the call of one who enters."""
        payload = Web3.keccak(Web3.keccak(text="enter()"))
        shown = self._present(self.age, ADULTS, payload, "enter as an adult", nullifier)
        return self.age.functions.enter(shown)

    def apply(self, nullifier: int) -> Any:
        """Build the call of one who shows two credentials for flat 1."""
        payload = Web3.keccak(Web3.keccak(text="apply(uint256)") + (1).to_bytes(32, "big"))
        shown = self._present(self.flat, TWO, payload, "apply for a flat", nullifier)
        return self.flat.functions.apply(1, shown)

    def _present(
        self, found: Any, policy: AppPolicy, payload: bytes, purpose: str, nullifier: int
    ) -> tuple[object, ...]:
        suite, app = self.suite, found.address
        root = suite.registry.functions.root().call()
        issuers_root = self.issuers.functions.root().call()
        time = self.w3.eth.get_block("latest")["timestamp"]
        deadline, beneficiary = time + 1800, self.w3.eth.accounts[1]
        chain = suite.registry.functions
        scope = chain.scope_of(app, Web3.keccak(text=purpose)).call()
        message = chain.message_of(app, beneficiary, policy.bind(payload), 7, deadline).call()
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=time // DAY)
        shown = []
        for part in range(policy.required):
            statement = (policy.parts[part] + date_number(day)) % R
            signals = [(root + 2) % R, nullifier, statement, issuers_root, scope, message]
            shown.append((part, self.trapdoor.prove(signals, nullifier + part)))
        return (root, 2, nullifier, beneficiary, 7, deadline, issuers_root, time // DAY, shown)


def _abi(policy: AppPolicy) -> tuple[object, ...]:
    return (policy.level, policy.strict, policy.required, list(policy.parts))


def measure() -> dict[str, int]:
    """Measure every figure; takes some seconds."""
    with anvil() as w3:
        suite = Suite(w3)
        suite.enroll_many(0, 30)
        credentials = Credentials(suite)
        gas, issuers = suite.gas, credentials.issuers.functions
        for number in range(19):  # with number 0, which is nobody, twenty
            suite.wait(61)
            call = issuers.register(*curve.multiply_base(number + 1), "An issuer of some name")
            gas["register"] = suite.used(call)
        for version in range(2):
            suite.wait(61)
            gas["publish"] = suite.used(issuers.publish(17, version, 10**70 + version))
        gas["suspend"] = suite.used(issuers.suspend(18))
        for nullifier in (10**70, 10**70 + 1):
            gas["age_gate"] = suite.used(credentials.enter(nullifier))
        for nullifier in (10**70, 10**70 + 1):
            gas["two_of_three"] = suite.used(credentials.apply(nullifier))
        # another root: the one accepted before it, found in the ring
        suite.wait(61)
        call = credentials.enter(10**70 + 2)
        suite.used(issuers.publish(17, 2, 5))
        gas["age_gate_earlier_root"] = suite.used(call)
        # and an earlier one of passports too
        suite.wait(61)
        call = credentials.enter(10**70 + 3)
        suite.used(issuers.publish(17, 3, 6))
        suite.enroll_many(30, 31)
        gas["age_gate_earlier_roots"] = suite.used(call)
        signals = [10**76 + k for k in range(6)]
        call = credentials.verifier.functions.verify(
            credentials.trapdoor.prove(signals, 2), signals + [0] * 2
        )
        gas["verify_6"] = suite.used(call)
    return gas


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:24} {value:9,}")
