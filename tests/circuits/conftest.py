"""Fixtures for the circuit tests: each circuit compiled or read once, and holders for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # noqa: E402

from forge import CIRCUITS, Built, Forge, build
from holders import Holder

from mip_cli.zk.manifest import Circuit, Manifest, load_manifest


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    return load_manifest(CIRCUITS / "circuits.json")


@pytest.fixture(scope="session")
def passport(manifest: Manifest) -> Forge:
    """The circuit that is deployed."""
    return Forge(manifest.circuit("passport"))


@pytest.fixture(scope="session")
def passport_512(manifest: Manifest) -> Forge:
    """The circuit of 512-dimensional specs."""
    return Forge(manifest.circuit("passport_512"))


@pytest.fixture(scope="session")
def approval(manifest: Manifest) -> Forge:
    """The circuit of guardians' approvals: small enough to compile its mutants as it is."""
    return Forge(manifest.circuit("guardian_approval"))


@pytest.fixture(scope="session")
def kyc(manifest: Manifest) -> Forge:
    """The circuit of credentials."""
    return Forge(manifest.circuit("kyc_predicate"))


@pytest.fixture(scope="session")
def small_kyc(manifest: Manifest) -> Forge:
    """The same in miniature; the signature keeps its size."""
    original = manifest.circuit("kyc_predicate")
    spec_id = original.params[3]
    params = (2, 8, 14400, spec_id, 7, 4, 2501, 1, 1, 1)
    return Forge(replace(original, name="kyc_small", params=params))


@pytest.fixture(scope="session")
def document(manifest: Manifest) -> Forge:
    """The circuit of documents' faces."""
    return Forge(manifest.circuit("document_face"))


@pytest.fixture(scope="session")
def small_document(manifest: Manifest) -> Forge:
    """The same in miniature."""
    original = manifest.circuit("document_face")
    spec_id = original.params[3]
    params = (2, 8, 14400, spec_id, 7, 4, 2501, 1, 1, 1)
    return Forge(replace(original, name="document_small", params=params))


@pytest.fixture(scope="session")
def small(manifest: Manifest) -> Forge:
    """The same circuit template in miniature, where many mutants can be compiled."""
    original = manifest.circuit("passport")
    spec_id = original.params[3]
    params = (2, 8, 14400, spec_id, 7, 4, 2501)
    return Forge(replace(original, name="passport_small", params=params))


@pytest.fixture(scope="session")
def part() -> Callable[..., Built]:
    """Compile one circuit template of ours or of circomlib."""

    @cache
    def get(file: str, template: str, *params: int, program: bool = True) -> Built:
        circuit = Circuit("part", file, template, params, (), (), 10_000, "O2", False)
        return build(circuit, program=program)

    return get


@pytest.fixture
def holder(passport: Forge) -> Holder:
    return Holder(passport.parameters)


@pytest.fixture
def small_holder(small: Forge) -> Holder:
    return Holder(small.parameters)


@pytest.fixture
def holder_512(passport_512: Forge) -> Holder:
    return Holder(passport_512.parameters)
