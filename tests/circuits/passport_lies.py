"""Lies about a passport: inputs that are false, and the one rule that stands in their way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from holders import Holder, Inputs, enrolled, with_fold_norm

from mip_cli.crypto import commitments
from mip_cli.crypto.commitments import (
    TAG_GUARDIAN,
    TAG_IDENTITY,
    TAG_KEYS,
    TAG_LEAF,
    TAG_PASSWORD,
    TAG_TWIN,
)
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import compress
from mip_cli.zk.passport_inputs import PassportWitness


@dataclass(frozen=True)
class Lie:
    """One false statement."""

    rule: str
    inputs: Callable[[Holder], Inputs]


def changed(
    name: str, change: Callable[[int], int], kinds: str = "FP"
) -> Callable[[Holder], Inputs]:
    """Change one input of a true statement; the path stays that of the true leaf."""

    def build(holder: Holder) -> Inputs:
        inputs = holder.inputs(holder.deep(holder.witness(kinds)))
        return inputs | {name: change(inputs[name]) % R}

    return build


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


Flags = tuple[int, int, int]
"""useFace, usePassword, usePeople."""


def flags(*use: int) -> Callable[[Holder], Inputs]:
    return claim((use[0], use[1], use[2]))


def claim(use: Flags, **enrolled_as: Callable[[Holder], int]) -> Callable[[Holder], Inputs]:
    """Enrol with other commitments, then use kinds with the holder's own openings."""

    def build(holder: Holder) -> Inputs:
        values = {name: make(holder) % R for name, make in enrolled_as.items()}
        kind = "P" if "face_commitment" in values else "F"  # one that opens for this leaf
        witness = holder.deep(holder.witness(kind, **values))
        chosen = dict(zip(("useFace", "usePassword", "usePeople"), use, strict=True))
        return holder.inputs(witness) | holder.openings() | chosen

    return build


def blended(share: int) -> Callable[[Holder], int]:
    """Return the guardian commitment that ``usePeople = share`` opens, were it not boolean."""

    def make(holder: Holder) -> int:
        tag = TAG_PASSWORD + share * (TAG_GUARDIAN - TAG_PASSWORD)
        opening = holder.stretched + share * (holder.people_key - holder.stretched)
        return poseidon(tag % R, opening % R)

    return make


def twin_with(*rest: int) -> Callable[[Holder], int]:
    """Return a twin whose last places are not empty, or whose shape is another."""

    def make(holder: Holder) -> int:
        arity = commitments.twin_arity(holder.parameters.dimension)
        places = [0] * (arity - 2 - len(rest)) + list(rest)
        if not rest:
            places = [0] * (arity - 1)
        return poseidon(TAG_TWIN, holder.stretched, *places)

    return make


def twin_of_people(holder: Holder) -> int:
    arity = commitments.twin_arity(holder.parameters.dimension)
    return commitments.twin_commitment(holder.people_key, arity)


HALF = pow(2, -1, R)


def tagged(tag: int, opening: str) -> Callable[[Holder], int]:
    """Return a commitment to one of the holder's openings under a tag of choice."""
    return lambda holder: poseidon(tag, getattr(holder, opening))


def other_spec(holder: Holder) -> int:
    spec_id = holder.parameters.spec_id ^ 1
    return commitments.face_commitment(holder.template, holder.face_salt, spec_id)


def other_face(kinds: str) -> Callable[[Holder], Inputs]:
    def build(holder: Holder) -> Inputs:
        inputs = holder.inputs(holder.deep(holder.witness(kinds)))
        impostor = [(value + 50) % R for value in inputs["coordinates"]]
        impostor = [value if value < 128 or value > R - 129 else 100 for value in impostor]
        return inputs | {"coordinates": impostor, "probe": impostor}

    return build


def alias(first: int, carry: int) -> Callable[[Holder], Inputs]:
    """Open a commitment by other coordinates that pack to the same elements."""

    def build(holder: Holder) -> Inputs:
        true = [first + 256 * carry, *holder.template[1:]]
        inputs = holder.inputs(enrolled(holder, true))
        opened = [first % R, (true[1] + carry) % R, *inputs["coordinates"][2:]]
        return inputs | {"coordinates": opened, "probe": opened}

    return build


def moved_probe(differences: list[int]) -> Callable[[Holder], Inputs]:
    def build(holder: Holder) -> Inputs:
        inputs = holder.inputs()
        padded = differences + [0] * (len(holder.template) - len(differences))
        probe = [(a - d) % R for a, d in zip(holder.template, padded, strict=True)]
        return inputs | {"probe": probe}

    return build


def square_root(value: int) -> int | None:
    """Find a square root modulo R (Tonelli-Shanks), or None."""
    if pow(value, (R - 1) // 2, R) != 1:
        return None
    odd, twos = R - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    z = next(x for x in range(2, 100) if pow(x, (R - 1) // 2, R) == R - 1)
    m, c, t, root = twos, pow(z, odd, R), pow(value, odd, R), pow(value, (odd + 1) // 2, R)
    while t != 1:
        i, probe = 0, t
        while probe != 1:
            probe, i = probe * probe % R, i + 1
        b = pow(c, 1 << (m - i - 1), R)
        m, c, t, root = i, b * b % R, t * b * b % R, root * b % R
    return root


def wrapped_distance(holder: Holder) -> Inputs:
    """Make the squares of far differences sum to a small number modulo R."""
    far = [10**6 + i for i in range(len(holder.template) - 1)]
    rest = sum(d * d for d in far)
    last = next(x for s in range(100) if (x := square_root((s - rest) % R)) is not None)
    return moved_probe([*far, last])(holder)


def below_floor(norm: Callable[[int], int]) -> Callable[[Holder], Inputs]:
    def build(holder: Holder) -> Inputs:
        witness = with_fold_norm(holder, norm(holder.parameters.fold_floor))
        template = witness.face.template if witness.face else ()
        inputs = holder.inputs(replace(witness, face=None))
        coordinates = [value % R for value in template]
        return inputs | {
            "useFace": 1,
            "coordinates": coordinates,
            "probe": coordinates,
            "faceSalt": holder.face_salt,
        }

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


LIES: dict[str, Lie] = {
    "another secret": Lie("membership", changed("secret", lambda x: x + 1)),
    "secret 0": Lie("membership", changed("secret", lambda _: 0)),
    "another anchor": Lie("membership", changed("anchor", lambda x: x + 1)),
    "an anchor above 160 bits": Lie("membership", changed("anchor", lambda x: x + 2**160)),
    "another keys salt": Lie("membership", changed("keysSalt", lambda x: x + 1)),
    "another guardian": Lie("membership", changed("guardianCommitment", lambda x: x + 1)),
    "another twin": Lie("membership", changed("twinCommitment", lambda x: x + 1)),
    "the people of another leaf": Lie("membership", other_people),
    "swapped face and twin": Lie("membership", swapped("P", "face", "twin")),
    "swapped password and twin": Lie("membership", swapped("F", "password", "twin")),
    "swapped face and password": Lie("membership", swapped("PG", "face", "password")),
    "swapped twin and guardian": Lie("membership", swapped("FP", "twin", "guardian")),
    "swapped keys root and guardian": Lie("membership", swapped_leaf),
    "operands without the node": Lie("membership", foreign_level),
    "a leaf without its tag": Lie("membership", untagged_leaf),
    "a keys root without its tag": Lie("membership", untagged_keys),
    "a leaf planted as keys root": Lie("membership", planted("keys root", False)),
    "a leaf planted as identity": Lie("membership", planted("identity", False)),
    "a leaf planted as people": Lie("membership", planted("people", False)),
    "a jump from planted people": Lie("next node", planted("people", True)),
    "a jump from a planted keys root": Lie("next node", planted("keys root", True)),
    "a jump from a planted identity": Lie("next node", planted("identity", True)),
    "any node sent up": Lie("next node", free_node),
    "level 2 of a password": Lie("next node", other_level("P", 1)),
    "level 3 of a face": Lie("next node", other_level("F", 2)),
    "level 3 of face and password": Lie("next node", other_level("FP", 1)),
    "level 2 of face and people": Lie("next node", other_level("FG", -1)),
    "useFace 2": Lie("useFace boolean", flags(2, 1, 0)),
    "useFace -1": Lie("useFace boolean", flags(R - 1, 1, 0)),
    "usePassword 2": Lie("usePassword boolean", flags(1, 2, 0)),
    "usePassword -1": Lie("usePassword boolean", flags(1, R - 1, 0)),
    "usePeople 2": Lie("usePeople boolean", claim((1, 0, 2), guardian_commitment=blended(2))),
    "usePeople -1": Lie("usePeople boolean", claim((1, 0, R - 1), guardian_commitment=blended(-1))),
    "half of the people: level 2 of a face": Lie(
        "usePeople boolean", claim((1, 0, HALF), guardian_commitment=blended(HALF))
    ),
    "no kind at all": Lie("some own kind", flags(0, 0, 0)),
    "the people alone: level 2": Lie("some own kind", flags(0, 0, 1)),
    "all three kinds: a twin as face": Lie(
        "two kinds at most", claim((1, 1, 1), face_commitment=lambda h: h.twin)
    ),
    "another people key beside a face": Lie(
        "people opening", changed("peopleKey", lambda x: x + 1, "FG")
    ),
    "another people key beside a password": Lie(
        "people opening", changed("peopleKey", lambda x: x + 1, "PG")
    ),
    "people who never were": Lie(
        "people opening", claim((1, 0, 1), guardian_commitment=lambda h: h.people_key)
    ),
    "a password commitment as people": Lie(
        "people opening", claim((1, 0, 1), guardian_commitment=tagged(TAG_PASSWORD, "people_key"))
    ),
    "the password as people": Lie(
        "people opening", claim((1, 0, 1), guardian_commitment=tagged(TAG_GUARDIAN, "stretched"))
    ),
    "guardian commitment 0": Lie(
        "people opening", claim((1, 0, 1), guardian_commitment=lambda _: 0)
    ),
    "another face": Lie("face opening", other_face("FP")),
    "another face beside people": Lie("face opening", other_face("FG")),
    "another face salt": Lie("face opening", changed("faceSalt", lambda x: x + 1)),
    "a face of another spec": Lie("face opening", claim((1, 1, 0), face_commitment=other_spec)),
    "a password commitment as face": Lie(
        "face opening", claim((1, 1, 0), face_commitment=lambda h: h.password)
    ),
    "a twin as face": Lie("face opening", claim((1, 0, 0), face_commitment=lambda h: h.twin)),
    "a twin as face beside people": Lie(
        "face opening", claim((1, 0, 1), face_commitment=lambda h: h.twin)
    ),
    "face commitment 0": Lie("face opening", claim((1, 1, 0), face_commitment=lambda _: 0)),
    "another password": Lie("password opening", changed("stretched", lambda x: x + 1)),
    "a password of another tag": Lie(
        "password opening", claim((1, 1, 0), password_commitment=tagged(TAG_IDENTITY, "stretched"))
    ),
    "a guardian commitment as password": Lie(
        "password opening", claim((1, 1, 0), password_commitment=tagged(TAG_GUARDIAN, "stretched"))
    ),
    "the people key as password": Lie(
        "password opening", claim((1, 1, 0), password_commitment=tagged(TAG_PASSWORD, "people_key"))
    ),
    "a face commitment as password": Lie(
        "password opening", claim((1, 1, 0), password_commitment=lambda h: h.face)
    ),
    "a twin as password": Lie(
        "password opening", claim((0, 1, 0), password_commitment=lambda h: h.twin)
    ),
    "password commitment 0": Lie(
        "password opening", claim((1, 1, 0), password_commitment=lambda _: 0)
    ),
    "another password beside people": Lie(
        "twin opening", changed("stretched", lambda x: x + 1, "PG")
    ),
    "a password commitment as twin": Lie(
        "twin opening", claim((0, 1, 1), twin_commitment=lambda h: h.password)
    ),
    "a face commitment as twin": Lie(
        "twin opening", claim((0, 1, 1), twin_commitment=lambda h: h.face)
    ),
    "the people key as twin": Lie(
        "twin opening",
        claim((0, 1, 1), twin_commitment=twin_of_people),
    ),
    "a twin of another shape": Lie("twin opening", claim((0, 1, 1), twin_commitment=twin_with())),
    "a twin with more in it": Lie("twin opening", claim((0, 1, 1), twin_commitment=twin_with(1))),
    "twin commitment 0": Lie("twin opening", claim((0, 1, 1), twin_commitment=lambda _: 0)),
    "coordinate 128 aliasing -128": Lie("template range", alias(128, -1)),
    "coordinate -129 aliasing 127": Lie("template range", alias(-129, 1)),
    "difference 64": Lie("difference range", moved_probe([64])),
    "difference -65": Lie("difference range", moved_probe([-65])),
    "squares wrapped around R": Lie("difference range", wrapped_distance),
    "distance above the threshold by 1": Lie("distance", moved_probe([60, -60, 60, -60, 1])),
    "zero template": Lie("norm floor", below_floor(lambda _: 0)),
    "norm below the floor by 1": Lie("norm floor", below_floor(lambda floor: floor - 1)),
}
