"""Inputs of the approval circuit: what is refused in words before any circuit runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.crypto.field import R
from mip_cli.crypto.guardian_set import GuardianSet, approval_nullifier, guardian_leaf
from mip_cli.crypto.poseidon2 import compress
from mip_cli.zk.guardian_inputs import ApprovalWitness, approval_inputs, approval_signals

POSITION = 6
SET = GuardianSet(
    tuple(guardian_leaf(100 + i, 200 + i) for i in range(16)), threshold=2, quorum=3, salt=7
)


@pytest.fixture
def witness() -> ApprovalWitness:
    """The approval of the seventh guardian."""
    return ApprovalWitness(
        guardian_secret=100 + POSITION,
        guardian_salt=200 + POSITION,
        siblings=SET.path(POSITION),
        position=POSITION,
        threshold=2,
        quorum=3,
        set_salt=7,
        request=9,
    )


def test_approval__of_a_guardian(witness: ApprovalWitness) -> None:
    inputs = approval_inputs(witness, SET.commitment)
    nullifier = approval_nullifier(106, 9)
    assert approval_signals(witness) == [SET.commitment, nullifier, 9, 2 + 256 * 3]
    for name, value in zip(
        ("setCommitment", "nullifier", "request", "thresholds"),
        approval_signals(witness),
        strict=True,
    ):
        assert inputs[name] == value


def test_path__has_the_operands_in_their_order(witness: ApprovalWitness) -> None:
    inputs = approval_inputs(witness, SET.commitment)
    left, right, node = inputs["pathLeft"], inputs["pathRight"], inputs["pathNode"]
    assert isinstance(left, list)
    assert isinstance(right, list)
    assert isinstance(node, list)
    assert [compress(*pair) for pair in zip(left, right, strict=True)] == node
    assert (left[0], left[3], node[3]) == (witness.leaf, node[2], SET.root)
    assert (right[1], right[2]) == (node[0], node[1])


@pytest.mark.thorough
@pytest.mark.parametrize("position", range(16))
def test_approval__from_each_place(witness: ApprovalWitness, position: int) -> None:
    found = replace(
        witness,
        guardian_secret=100 + position,
        guardian_salt=200 + position,
        siblings=SET.path(position),
        position=position,
    )
    assert approval_inputs(found, SET.commitment)["setCommitment"] == SET.commitment


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"guardian_secret": 0}, "must not be zero"),
        ({"request": 0}, "must not be zero"),
        ({"guardian_secret": R + 1}, "guardian_secret is not a canonical"),
        ({"guardian_salt": R}, "guardian_salt is not a canonical"),
        ({"set_salt": -1}, "set_salt is not a canonical"),
        ({"request": R}, "request is not a canonical"),
        ({"threshold": 0}, "1 <= threshold"),
        ({"threshold": 4}, "1 <= threshold"),
        ({"quorum": 17}, "<= 16"),
        ({"position": 16}, "number below 16"),
        ({"position": -1}, "number below 16"),
        ({"siblings": (1, 2, 3)}, "4 siblings"),
        ({"siblings": (1, 2, 3, 4, 5)}, "4 siblings"),
        ({"siblings": (R, 2, 3, 4)}, "not a canonical"),
        ({"siblings": (1, 2, 3, 4)}, "does not stand in the set"),
        ({"guardian_secret": 99}, "does not stand in the set"),
        ({"guardian_salt": 99}, "does not stand in the set"),
        ({"set_salt": 8}, "does not stand in the set"),
        ({"position": POSITION ^ 1}, "does not stand in the set"),
        ({"threshold": 1}, "does not stand in the set"),
        ({"quorum": 4}, "does not stand in the set"),
    ],
)
def test_approval__reverts(
    witness: ApprovalWitness, changes: dict[str, object], message: str
) -> None:
    approval_inputs(witness, SET.commitment)
    with pytest.raises(ValueError, match=message):
        approval_inputs(replace(witness, **changes), SET.commitment)  # type: ignore[arg-type]


def test_approval_for_another_set__reverts(witness: ApprovalWitness) -> None:
    with pytest.raises(ValueError, match="does not stand in the set that is in force"):
        approval_inputs(witness, SET.commitment + 1)


def test_repr__shows_no_secret(witness: ApprovalWitness) -> None:
    assert repr(witness) == "ApprovalWitness(<redacted>)"
