"""A guardian's approval: true for each place of a set, refused for each lie, also when forged."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from forge import Forge
from holders import Inputs

from mip_cli.crypto.commitments import TAG_GUARDIAN, TAG_GUARDIAN_SET
from mip_cli.crypto.field import R
from mip_cli.crypto.guardian_set import (
    PLACES,
    GuardianSet,
    approval_nullifier,
    guardian_leaf,
)
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import compress
from mip_cli.errors import ProofInvalid
from mip_cli.zk.guardian_inputs import ApprovalWitness, approval_inputs, approval_signals

POSITION = 6


class Guardians:
    """Sixteen guardians of one passport."""

    def __init__(self, threshold: int = 2, quorum: int = 3) -> None:
        self.rng = random.Random(7)
        self.secrets = [self.rng.randrange(1, R) for _ in range(PLACES)]
        self.salts = [self.rng.getrandbits(248) for _ in range(PLACES)]
        leaves = tuple(map(guardian_leaf, self.secrets, self.salts))
        self.set = GuardianSet(leaves, threshold, quorum, self.rng.getrandbits(248))
        self.request = self.rng.getrandbits(248)

    def standing(self, position: int, leaf: int) -> None:
        """Let a guardian give another value for his leaf."""
        leaves = self.set.leaves
        self.set = replace(self.set, leaves=(*leaves[:position], leaf, *leaves[position + 1 :]))

    def witness(self, position: int = POSITION, **changes: object) -> ApprovalWitness:
        known: dict[str, object] = {
            "guardian_secret": self.secrets[position],
            "guardian_salt": self.salts[position],
            "siblings": self.set.path(position),
            "position": position,
            "threshold": self.set.threshold,
            "quorum": self.set.quorum,
            "set_salt": self.set.salt,
            "request": self.request,
        }
        return ApprovalWitness(**(known | changes))  # type: ignore[arg-type]

    def inputs(self, position: int = POSITION) -> Inputs:
        return dict(approval_inputs(self.witness(position), self.set.commitment))

    def of_stranger(self) -> Inputs:
        """Return the inputs of one who is in no set, with the path of a true guardian."""
        secret, salt = self.rng.randrange(1, R), self.rng.getrandbits(248)
        return self.inputs() | {
            "guardianSecret": secret,
            "guardianSalt": salt,
            "nullifier": approval_nullifier(secret, self.request),
        }


@pytest.fixture
def guardians() -> Guardians:
    return Guardians()


# --- accepted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", range(PLACES))
def test_guardian__approves_from_each_place(
    position: int, approval: Forge, guardians: Guardians
) -> None:
    values = approval.real.witness(guardians.inputs(position))
    assert approval.real.signals(values) == approval_signals(guardians.witness(position))
    assert approval.real.unsatisfied(values) == []


@pytest.mark.parametrize("numbers", [(1, 1), (1, 16), (16, 16)])
def test_guardian__approves_with_any_thresholds(numbers: tuple[int, int], approval: Forge) -> None:
    guardians = Guardians(*numbers)
    signals = approval.real.signals(approval.real.witness(guardians.inputs()))
    assert signals[3] == numbers[0] + 256 * numbers[1]


def test_guardian__approves_the_largest_request(approval: Forge, guardians: Guardians) -> None:
    guardians.request = R - 1
    signals = approval.real.signals(approval.real.witness(guardians.inputs()))
    assert signals == approval_signals(guardians.witness())


def test_guardian__with_two_places_and_one_secret_counts_once(
    approval: Forge, guardians: Guardians
) -> None:
    other = (POSITION + 5) % PLACES
    guardians.secrets[other] = guardians.secrets[POSITION]
    guardians.standing(other, guardian_leaf(guardians.secrets[other], guardians.salts[other]))
    found = [
        approval.real.signals(approval.real.witness(guardians.inputs(position)))
        for position in (POSITION, other)
    ]
    assert found[0] == found[1]


def test_nullifiers__differ_by_guardian_and_by_request(
    approval: Forge, guardians: Guardians
) -> None:
    found = set()
    for request in (guardians.request, guardians.request + 1):
        guardians.request = request
        for position in (POSITION, POSITION + 1):
            found.add(approval.real.signals(approval.real.witness(guardians.inputs(position)))[1])
    assert len(found) == 4


def test_constraints__stay_below_the_ceiling(approval: Forge) -> None:
    assert approval.real.r1cs.constraints <= approval.circuit.max_constraints == 8000
    assert approval.real.r1cs.domain_power == 11
    assert approval.real.r1cs.public == len(approval.circuit.signals) == 4


def test_public_signals__stand_in_the_order_of_the_manifest(approval: Forge) -> None:
    names = [approval.real.names[wire] for wire in range(1, 5)]
    assert names == [[f"main.{signal}"] for signal in approval.circuit.signals]


def test_wires__each_bound_by_some_constraint(approval: Forge, guardians: Guardians) -> None:
    assert approval.real.loose(approval.real.witness(guardians.inputs())) == []


# --- refused --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lie:
    """One false statement, and the one rule that stands in its way."""

    rule: str
    inputs: Callable[[Guardians], Inputs]


def with_inputs(change: Callable[[Guardians, Inputs], Inputs]) -> Callable[[Guardians], Inputs]:
    """Change what a true guardian shows."""
    return lambda guardians: (inputs := guardians.inputs()) | change(guardians, inputs)


def path(steps: list[tuple[int, int, int]]) -> Inputs:
    """Return a path of given operands and nodes, idle above the last."""
    top = steps[-1][2]
    steps = steps + [(top, 0, top)] * (4 - len(steps))
    lefts, rights, nodes = zip(*steps, strict=True)
    return {"pathLeft": list(lefts), "pathRight": list(rights), "pathNode": list(nodes)}


def jump(guardians: Guardians) -> Inputs:
    """Combine the stranger's leaf with a sibling, and send up the node of a true guardian."""
    inputs = guardians.of_stranger()
    leaf = guardian_leaf(inputs["guardianSecret"], inputs["guardianSalt"])
    lefts, rights = list(inputs["pathLeft"]), list(inputs["pathRight"])
    lefts[0], rights[0] = leaf, guardians.set.leaves[POSITION ^ 1]
    return inputs | {"pathLeft": lefts, "pathRight": rights}


def skipped(guardians: Guardians) -> Inputs:
    """Idle from the stranger's leaf to the last level, and send up the root."""
    inputs = guardians.of_stranger()
    leaf = guardian_leaf(inputs["guardianSecret"], inputs["guardianSalt"])
    steps = [(leaf, 0, leaf)] * 3 + [(leaf, 0, guardians.set.root)]
    return inputs | path(steps)


def inner_node(guardians: Guardians) -> Inputs:
    """Start at an inner node as if it were the stranger's leaf: three levels reach the root."""
    inputs = guardians.of_stranger()
    true = list(zip(*(inputs[f"path{end}"] for end in ("Left", "Right", "Node")), strict=True))
    return inputs | path(true[1:])


def planted(shown: str) -> Callable[[Guardians], Inputs]:
    """Give two guardians' leaves under one place, and approve as the first of them.

    The place holds C2(first, second); from first to root are five levels, the circuit has four.
    """

    def build(guardians: Guardians) -> Inputs:
        hidden = guardians.of_stranger()
        first = guardian_leaf(hidden["guardianSecret"], hidden["guardianSalt"])
        second = guardian_leaf(5, 6)
        place = compress(first, second)
        guardians.standing(POSITION, place)
        siblings = guardians.set.path(POSITION)
        steps, node = [(first, second, place)], place
        for level, sibling in enumerate(siblings):
            pair = (sibling, node) if POSITION >> level & 1 else (node, sibling)
            node = compress(*pair)
            steps.append((*pair, node))
        top = steps[1][2]  # the parent of the place, sent up instead of the place
        steps = steps[1:] if shown == "place" else [(first, second, top), *steps[2:]]
        return hidden | path(steps) | {"setCommitment": guardians.set.commitment}

    return build


def thresholds(value: int) -> Callable[[Guardians], Inputs]:
    return with_inputs(lambda guardians, inputs: {"thresholds": value})


def changed(name: str) -> Callable[[Guardians], Inputs]:
    return with_inputs(lambda guardians, inputs: {name: (inputs[name] + 1) % R})


def commitment(value: Callable[[Guardians], int]) -> Callable[[Guardians], Inputs]:
    return with_inputs(lambda guardians, inputs: {"setCommitment": value(guardians)})


def nullifier(value: Callable[[Guardians, int], int]) -> Callable[[Guardians], Inputs]:
    return with_inputs(
        lambda guardians, inputs: {"nullifier": value(guardians, inputs["guardianSecret"])}
    )


LIES: dict[str, Lie] = {
    "not in the set": Lie("membership", Guardians.of_stranger),
    "another guardian's secret, own salt": Lie(
        "membership",
        with_inputs(
            lambda g, _: {
                "guardianSecret": g.secrets[0],
                "nullifier": approval_nullifier(g.secrets[0], g.request),
            }
        ),
    ),
    "another salt": Lie("membership", changed("guardianSalt")),
    "another guardian's path": Lie(
        "membership",
        lambda g: (
            g.inputs()
            | {name: value for name, value in g.inputs(0).items() if name.startswith("path")}
        ),
    ),
    "an inner node as leaf": Lie("membership", inner_node),
    "a leaf planted below a place": Lie("membership", planted("place")),
    "a forged path": Lie("next node", jump),
    "skipped levels": Lie("next node", skipped),
    "two levels as one": Lie("next node", planted("leaf")),
    "a lower threshold": Lie("set opening", thresholds(1 + 256 * 3)),
    "a lower quorum": Lie("set opening", thresholds(2 + 256 * 2)),
    "threshold 0": Lie("set opening", thresholds(256 * 3)),
    "swapped numbers": Lie("set opening", thresholds(3 + 256 * 2)),
    "another set salt": Lie("set opening", changed("setSalt")),
    "another set": Lie("set opening", changed("setCommitment")),
    "no set": Lie("set opening", commitment(lambda _: 0)),
    "a set without its salt": Lie(
        "set opening",
        commitment(lambda g: poseidon(TAG_GUARDIAN_SET, g.set.root, g.set.thresholds)),
    ),
    "a set of another tag": Lie(
        "set opening",
        commitment(lambda g: poseidon(TAG_GUARDIAN, g.set.root, g.set.thresholds, g.set.salt)),
    ),
    "another request with the same nullifier": Lie("approval nullifier", changed("request")),
    "request 0": Lie("approval nullifier", with_inputs(lambda g, _: {"request": 0})),
    "a nullifier of another secret": Lie(
        "approval nullifier", nullifier(lambda g, s: approval_nullifier(s + 1, g.request))
    ),
    "a second nullifier": Lie("approval nullifier", changed("nullifier")),
    "a nullifier from the salt": Lie(
        "approval nullifier",
        nullifier(lambda g, _: approval_nullifier(g.salts[POSITION], g.request)),
    ),
    "a nullifier from the leaf": Lie(
        "approval nullifier",
        nullifier(lambda g, _: approval_nullifier(g.set.leaves[POSITION], g.request)),
    ),
    "nullifier 0": Lie("approval nullifier", nullifier(lambda g, s: 0)),
}


@pytest.mark.parametrize("lie", LIES)
def test_lie__has_no_witness(lie: str, approval: Forge, guardians: Guardians) -> None:
    with pytest.raises(ProofInvalid):
        approval.real.witness(LIES[lie].inputs(guardians))


@pytest.mark.parametrize("lie", LIES)
def test_forged_witness__passes_only_without_its_rule(
    lie: str, approval: Forge, guardians: Guardians
) -> None:
    found = LIES[lie]
    inputs = found.inputs(guardians)
    assert approval.strays(inputs, found.rule) == []
    without = approval.without(found.rule)
    assert without.unsatisfied(without.place(approval.forged(inputs))) == []


def test_lies__try_every_rule(approval: Forge) -> None:
    assert {lie.rule for lie in LIES.values()} == set(approval.rules)


def test_congruent_public_input__is_the_same_witness(approval: Forge, guardians: Guardians) -> None:
    """So that the verifier alone can refuse x + R, and must: else it would count twice."""
    inputs = guardians.inputs()
    for name in ("nullifier", "request"):
        congruent = inputs | {name: inputs[name] - R}
        assert approval.real.witness(congruent) == approval.real.witness(inputs)


def test_shallow_set__is_its_owners_own_doing(approval: Forge, guardians: Guardians) -> None:
    """The circuit has a witness for fewer levels; only who makes the set can have such a root."""
    inputs = guardians.inputs()
    leaf = guardians.set.leaves[POSITION]
    salt, numbers = guardians.set.salt, guardians.set.thresholds
    shallow = {"setCommitment": poseidon(TAG_GUARDIAN_SET, leaf, numbers, salt)}
    values = approval.real.witness(inputs | path([(leaf, 0, leaf)]) | shallow)
    assert approval.real.unsatisfied(values) == []
    with pytest.raises(ProofInvalid):
        approval.real.witness(inputs | path([(leaf, 0, leaf)]))
