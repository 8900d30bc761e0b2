"""Lies about a passport's leaf and its place in the tree."""

from __future__ import annotations

from collections.abc import Callable

from holders import Holder, Inputs

from mip_cli.crypto import commitments
from mip_cli.crypto.commitments import TAG_KEYS, TAG_LEAF
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree
from mip_cli.crypto.poseidon2 import compress
from mip_cli.zk.passport_inputs import PassportWitness


def swapped(kinds: str, one: str, other: str) -> Callable[[Holder], Inputs]:
    """Swap two commitments that are not opened; each is known, only the order is false."""

    def build(holder: Holder) -> Inputs:
        inputs = holder.inputs(holder.deep(holder.witness(kinds)))
        names = (f"{one}Commitment", f"{other}Commitment")
        return inputs | dict(zip(names, (inputs[name] for name in reversed(names)), strict=True))

    return build


def other_people(holder: Holder) -> Inputs:
    """Open the guardian commitment of another leaf."""
    inputs = holder.inputs(holder.deep(holder.witness("FG")))
    key = holder.people_key + 1
    guardian = commitments.guardian_commitment(key)
    return inputs | {"guardianCommitment": guardian, "peopleKey": key}


def foreign_level(holder: Holder) -> Inputs:
    """Claim another leaf's place in the tree: operands that do not hold the node."""
    inputs = holder.inputs()
    left = holder.rng.randrange(R)
    right = holder.rng.randrange(R)
    node = compress(left, right)
    return inputs | climb(inputs, 0, left, right, node)


def climb(inputs: Inputs, level: int, left: int, right: int, node: int) -> Inputs:
    """Put a level into a path and go up honestly from there."""
    lefts, rights, nodes = (list(inputs[k]) for k in ("pathLeft", "pathRight", "pathNode"))
    lefts[level], rights[level], nodes[level] = left, right, node
    for i in range(level + 1, len(nodes)):
        lefts[i] = nodes[i - 1]
        nodes[i] = compress(lefts[i], rights[i])
    return {"pathLeft": lefts, "pathRight": rights, "pathNode": nodes}


def free_node(holder: Holder) -> Inputs:
    """Send something else up than the node or its parent: any root at all becomes provable."""
    inputs = holder.inputs()
    left, right = inputs["pathLeft"][0], inputs["pathRight"][0]
    return inputs | climb(inputs, 0, left, right, holder.rng.randrange(R))


def other_level(kinds: str, step: int) -> Callable[[Holder], Inputs]:
    """Show the root with another level than that of the kinds used."""

    def build(holder: Holder) -> Inputs:
        inputs = holder.inputs(holder.deep(holder.witness(kinds)))
        nodes = inputs["pathNode"]
        return inputs | {"pathNode": [*nodes[:-1], (nodes[-1] + step) % R]}

    return build


def untagged_leaf(holder: Holder) -> Inputs:
    """Show a tree whose leaf was hashed without its tag."""
    return under_leaf(holder, lambda witness: (witness.leaf - TAG_LEAF) % R)


def untagged_keys(holder: Holder) -> Inputs:
    """Show a tree whose leaf holds a keys root without its tag."""

    def leaf(witness: PassportWitness) -> int:
        keys = compress(holder.face, holder.password, holder.twin, holder.keys_salt)
        assert keys != (keys + TAG_KEYS) % R
        identity = commitments.identity_commitment(holder.secret)
        return commitments.leaf(identity, witness.anchor, keys, holder.guardian)

    return under_leaf(holder, leaf)


def swapped_leaf(holder: Holder) -> Inputs:
    """Show a tree whose leaf has guardian commitment and keys root in each other's place."""

    def leaf(witness: PassportWitness) -> int:
        keys = commitments.keys_root(holder.face, holder.password, holder.twin, holder.keys_salt)
        identity = commitments.identity_commitment(holder.secret)
        return commitments.leaf(identity, witness.anchor, holder.guardian, keys)

    return under_leaf(holder, leaf)


def under_leaf(holder: Holder, leaf: Callable[[PassportWitness], int]) -> Inputs:
    """Take the path of some other leaf, and claim ours is there."""
    witness = holder.witness()
    inputs = holder.inputs(holder.deep(witness))
    other = leaf(witness)
    sibling = holder.rng.randrange(R)
    return inputs | climb(inputs, 0, other, sibling, compress(other, sibling))


def planted(role: str, jump: bool) -> Callable[[Holder], Inputs]:
    """Enrol a second leaf, of another anchor, as a value that one chooses for one's own leaf.

    The real leaf R = C4(..., planted, ...) + TAG is in the tree; claim that the planted one is.
    """

    def build(holder: Holder) -> Inputs:
        hidden = holder.witness(anchor="0x" + "b2" * 20)
        identity = commitments.identity_commitment(holder.secret)
        roles = {"identity": identity, "keys root": 7, "people": 8} | {role: hidden.leaf}
        real = commitments.leaf(
            roles["identity"], hidden.anchor, roles["keys root"], roles["people"]
        )
        tree = LeanTree([real, holder.rng.randrange(R)])
        (sibling,) = tree.path(0).siblings
        inputs = holder.inputs(hidden)  # an empty path: every level idle
        if jump:  # go up from the planted leaf to the real one
            lefts = [hidden.leaf, real]
            rights = [sibling, sibling]
            nodes = [real, tree.root]
        else:  # start at the real leaf, as if it were the planted one
            lefts, rights, nodes = [real], [sibling], [tree.root]
        idle = holder.parameters.depth - len(nodes)
        return inputs | {
            "pathLeft": lefts + [tree.root] * idle,
            "pathRight": rights + [0] * idle,
            "pathNode": nodes + [tree.root] * idle,
        }

    return build
