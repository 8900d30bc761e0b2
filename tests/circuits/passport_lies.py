"""Lies about a passport: inputs that are false, and the one rule that stands in their way."""

from __future__ import annotations

from passport_lie import Lie, changed
from passport_lies_face import alias, below_floor, moved_probe, other_face, wrapped_distance
from passport_lies_kinds import (
    HALF,
    blended,
    claim,
    flags,
    other_spec,
    tagged,
    twin_of_people,
    twin_with,
)
from passport_lies_leaf import (
    foreign_level,
    free_node,
    other_level,
    other_people,
    planted,
    swapped,
    swapped_leaf,
    untagged_keys,
    untagged_leaf,
)

from mip_cli.crypto.commitments import TAG_GUARDIAN, TAG_IDENTITY, TAG_PASSWORD
from mip_cli.crypto.field import R

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
