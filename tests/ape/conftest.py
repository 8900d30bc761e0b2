"""The suite on Ape's local chain, with a verifying key whose trapdoor is known."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))

from groth16_simulator import Trapdoor

from mip_cli.chain import poseidon2_evm


@pytest.fixture(scope="session")
def relayer(accounts):
    return accounts[0]


@pytest.fixture(scope="session")
def holder(accounts):
    return accounts[1]


@pytest.fixture(scope="session")
def trapdoor():
    return Trapdoor.from_seed(1, 4)


@pytest.fixture(scope="session")
def verifier(project, relayer, trapdoor):
    return relayer.deploy(project.Groth16Verifier, *trapdoor.key, True)


@pytest.fixture(scope="session")
def hasher(relayer, networks):
    code = poseidon2_evm.creation_bytecode()
    transaction = networks.ethereum.create_transaction(data=code)
    return relayer.call(transaction).contract_address


@pytest.fixture(scope="session")
def guardian_trapdoor():
    return Trapdoor.from_seed(2, 4)


@pytest.fixture(scope="session")
def recovery(project, relayer, guardian_trapdoor):
    verifier = relayer.deploy(project.Groth16Verifier, *guardian_trapdoor.key, True)
    return relayer.deploy(project.GuardianRecovery, verifier)


@pytest.fixture
def registry(project, relayer, hasher, verifier, recovery):
    return relayer.deploy(project.PassportRegistry, hasher, verifier, recovery)


@pytest.fixture
def claim(project, relayer, registry):
    return relayer.deploy(project.PassportClaim, registry)
