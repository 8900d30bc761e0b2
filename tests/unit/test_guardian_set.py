"""Sets of guardians: their tree, their commitment, what stands for one approval."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.crypto.commitments import TAG_APPROVAL, TAG_GUARDIAN_LEAF, TAG_GUARDIAN_SET
from mip_cli.crypto.field import R
from mip_cli.crypto.guardian_set import (
    GuardianSet,
    approval_nullifier,
    guardian_leaf,
    set_commitment_from,
    split_thresholds,
    thresholds_of,
)
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import compress


@pytest.fixture
def guardians() -> GuardianSet:
    """Sixteen leaves, two of three kinds of numbers that must agree."""
    leaves = tuple(guardian_leaf(100 + i, 200 + i) for i in range(16))
    return GuardianSet(leaves, threshold=2, quorum=3, salt=7)


def test_leaf_and_nullifier__are_tagged_hashes() -> None:
    assert guardian_leaf(5, 6) == poseidon(TAG_GUARDIAN_LEAF, 5, 6)
    assert approval_nullifier(5, 9) == poseidon(TAG_APPROVAL, 5, 9)


def test_nullifier__depends_on_secret_and_request_alone() -> None:
    found = {approval_nullifier(secret, request) for secret in (5, 6) for request in (9, 10)}
    assert len(found) == 4


def test_leaf_of_secret_zero__reverts() -> None:
    guardian_leaf(1, 0)
    with pytest.raises(ValueError, match="must not be zero"):
        guardian_leaf(0, 1)


def test_commitment__is_the_hash_of_root_thresholds_and_salt(guardians: GuardianSet) -> None:
    level = list(guardians.leaves)
    for _ in range(4):
        level = [compress(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    assert [guardians.root] == level
    assert guardians.thresholds == 2 + 256 * 3
    assert guardians.commitment == poseidon(TAG_GUARDIAN_SET, guardians.root, 2 + 256 * 3, 7)


@pytest.mark.thorough
@pytest.mark.parametrize("position", range(16))
def test_guardian__finds_the_commitment_from_his_place(
    guardians: GuardianSet, position: int
) -> None:
    leaf, siblings = guardians.leaves[position], guardians.path(position)
    whole = (leaf, position, siblings, guardians.thresholds, guardians.salt)
    assert set_commitment_from(*whole) == guardians.commitment
    others = [
        (leaf + 1, *whole[1:]),
        (leaf, position ^ 1, *whole[2:]),
        (leaf, position, siblings[::-1], *whole[3:]),
        (*whole[:3], thresholds_of(3, 3), guardians.salt),
        (*whole[:4], guardians.salt + 1),
    ]
    assert guardians.commitment not in [set_commitment_from(*other) for other in others]


@pytest.mark.parametrize("position", [-1, 16])
def test_place_outside_of_the_set__reverts(guardians: GuardianSet, position: int) -> None:
    siblings = guardians.path(0)
    with pytest.raises(IndexError, match="no such place"):
        guardians.path(position)
    with pytest.raises(ValueError, match="number below 16 and 4 siblings"):
        set_commitment_from(guardians.leaves[0], position, siblings, 257, 0)


@pytest.mark.parametrize("count", [3, 5])
def test_path_of_other_length__reverts(count: int) -> None:
    set_commitment_from(1, 0, [2] * 4, 257, 0)
    with pytest.raises(ValueError, match="4 siblings"):
        set_commitment_from(1, 0, [2] * count, 257, 0)


@pytest.mark.parametrize("pair", [(1, 1), (2, 3), (16, 16), (1, 16)])
def test_thresholds__survive_being_joined(pair: tuple[int, int]) -> None:
    assert split_thresholds(thresholds_of(*pair)) == pair


@pytest.mark.parametrize("pair", [(0, 1), (2, 1), (1, 17), (17, 17), (-1, 3)])
def test_thresholds__revert_outside_of_their_range(
    guardians: GuardianSet, pair: tuple[int, int]
) -> None:
    reason = "1 <= threshold <= quorum <= 16"
    with pytest.raises(ValueError, match=reason):
        thresholds_of(*pair)
    with pytest.raises(ValueError, match=reason):
        split_thresholds(pair[0] + 256 * pair[1])
    with pytest.raises(ValueError, match=reason):
        replace(guardians, threshold=pair[0], quorum=pair[1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"leaves": tuple(range(1, 16))}, "16 places"),
        ({"leaves": tuple(range(1, 18))}, "16 places"),
        ({"leaves": (1, *range(1, 16))}, "twice"),
        ({"leaves": tuple(range(16))}, "not zero"),
        ({"leaves": (R, *range(1, 16))}, "not zero"),
        ({"salt": R}, "not a canonical"),
    ],
)
def test_set__reverts_unless_whole(
    guardians: GuardianSet, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(guardians, **changes)  # type: ignore[arg-type]


def test_repr__shows_nothing(guardians: GuardianSet) -> None:
    assert repr(guardians) == "GuardianSet(<redacted>)"
