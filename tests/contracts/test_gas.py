"""Gas of the contracts' acts on a real anvil stays below its ceilings."""

from __future__ import annotations

import pytest

CEILINGS = {
    "enroll_0": 120_000,
    "enroll_30": 123_000,
    "enroll_1000": 142_000,
    "enroll_worst_1024": 195_000,
    "enroll_batch_50": 95_000,
    "gate": 268_000,
    "verify_4": 237_000,
    "update_1000": 445_000,
    "approve_first": 320_000,
    "approve": 320_000,
    "execute_1000": 280_000,
}


PREDICATE_CEILINGS = {
    "age_gate": 300_000,
    "age_gate_earlier_root": 300_000,
    "two_of_three": 560_000,
    "verify_6": 251_000,
    "register": 395_000,
    "publish": 305_000,
    "suspend": 270_000,
}


GRANT_CEILINGS = {
    "grant_without_proof": 112_000,
    "grant_again": 273_000,
    "grant_check": 8_000,
    "grant_use": 14_000,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_gas__below_ceilings() -> None:
    from gas_meter import measure  # web3 warns when it is imported

    measured = measure()
    assert {
        name: measured[name] for name, limit in CEILINGS.items() if measured[name] > limit
    } == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_gas__of_credentials__below_ceilings() -> None:
    from predicate_gas import measure

    measured = measure()
    assert {
        name: measured[name] for name, limit in PREDICATE_CEILINGS.items() if measured[name] > limit
    } == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_gas__of_grants__below_ceilings() -> None:
    from grant_gas import measure

    measured = measure()
    assert {
        name: measured[name] for name, limit in GRANT_CEILINGS.items() if measured[name] > limit
    } == {}
