"""What the circuit sources hold as a whole: no hints, no check without a lie against it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import forge
import pytest
from forge import CIRCUITS, RULES, Built, Forge


def sources() -> list[Path]:
    return [*CIRCUITS.glob("*.circom"), *CIRCUITS.glob("lib/*.circom")]


def test_sources__compute_nothing_by_hint() -> None:
    """A value assigned and not constrained in one step is how circuits come to be forgeable."""
    assert len(sources()) >= 9
    assert [path.name for path in sources() if "<--" in path.read_text()] == []


def test_rules__are_all_the_checks_of_the_sources() -> None:
    """So that no check is added without a lie that only it refuses."""
    text = "\n".join(path.read_text() for path in sources())
    assert text.count("===") == sum("===" in rule.check for rule in RULES.values())
    users = "\n".join(path.read_text() for path in sources() if path.name != "range.circom")
    ranges = re.findall(r"= (?:Signed|Unsigned|AtMost|AtLeast)\(", users)
    assert len(ranges) == sum("===" not in rule.check for rule in RULES.values())


def test_rules__belong_to_a_circuit_each(
    passport: Forge, approval: Forge, kyc: Forge, document: Forge
) -> None:
    assert {*passport.rules, *approval.rules, *kyc.rules, *document.rules} == set(RULES)


def test_cost__is_what_header_and_specification_say(
    passport: Forge, passport_512: Forge, approval: Forge, kyc: Forge, document: Forge
) -> None:
    specification = (CIRCUITS.parent / "docs" / "protocol.md").read_text()
    for built in (passport, passport_512, approval, kyc, document):
        cost = f"{built.real.r1cs.constraints:,}"
        header = (CIRCUITS / built.circuit.file).read_text().split("pragma", 1)[0]
        assert re.search(rf"\b{cost} at \({built.circuit.params[0]}\b", header)
        assert re.search(rf"\b{cost}\b", specification)


def test_deployed__of_other_sources__is_not_taken_for_these(
    approval: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every test of a rule would look at a circuit of yesterday."""
    circuits = tmp_path / "circuits"
    shutil.copytree(CIRCUITS, circuits, ignore=shutil.ignore_patterns("node_modules"))
    monkeypatch.setattr(forge, "SETUP", replace(forge.SETUP, circuits=circuits))
    assert forge.deployed(approval.circuit) is not None
    rule = RULES["set opening"]
    source = circuits / rule.file
    source.write_text(rule.strike(source.read_text()))
    assert forge.deployed(approval.circuit) is None


def test_deployed__of_other_parameters__is_not_taken_for_these(approval: Forge) -> None:
    assert forge.deployed(replace(approval.circuit, params=(5,))) is None


@pytest.mark.parametrize(
    ("file", "template", "params", "cost"),
    [
        ("commitment", "IdentityCommitment", (), 237),
        ("commitment", "ShortCommitment", (), 241),
        ("commitment", "LongCommitment", (128, 1), 387),
        ("commitment", "LongCommitment", (512, 1), 1164),
        ("commitment", "KeysRoot", (), 264),
        ("commitment", "Leaf", (), 264),
        ("guardian", "GuardianLeaf", (), 258),
        ("guardian", "SetCommitment", (), 294),
        ("guardian", "ApprovalNullifier", (), 258),
        ("nullifier", "Nullifier", (), 294),
        ("merkle", "MerkleRoot", (1,), 218),
        ("quad", "QuadMember", (1,), 267),
        ("quad", "QuadPath", (1,), 269),
        ("quad", "QuadAbsence", (1,), 270),
        ("signature", "OnCurve", (), 3),
        ("signature", "EdDSAPoseidon", (), 4213),
        ("credential", "Subject", (), 264),
        ("credential", "IssuerLeaf", (), 264),
        ("credential", "CredentialDigest", (), 1320),
        ("policy", "Predicate", (3,), 1070),
        ("policy", "Policy", (), 978),
        ("document", "DocumentHash", (128, 1), 378),
    ],
)
def test_cost__of_each_part(
    file: str, template: str, params: tuple[int, ...], cost: int, part: Callable[..., Built]
) -> None:
    built = part(f"lib/{file}.circom", template, *params, program=False)
    assert built.r1cs.constraints == cost
    header = (CIRCUITS / f"lib/{file}.circom").read_text().split("pragma", 1)[0]
    assert re.search(rf"\b({cost}|{cost:,})\b", header)
