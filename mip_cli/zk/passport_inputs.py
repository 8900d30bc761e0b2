"""Inputs of the ``passport`` circuit and the public signals it must give (protocol.md section 3).

Everything is checked here in plain integers first, so that a refusal has words; the circuit is
what binds a prover who skips this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.crypto import commitments
from mip_cli.crypto.field import R, require_canonical
from mip_cli.crypto.lean_tree import MerklePath
from mip_cli.errors import FaceMismatch
from mip_cli.zk.manifest import Circuit
from mip_cli.zk.path_inputs import PathInputs, path_inputs

_DUMMY_COORDINATE = 16
"""Every coordinate of template and probe when the face is not used: a match above the floor."""
_DUMMY_OPENING = 0
"""Salt, stretched password or people key of a kind that is not used."""


@dataclass(frozen=True)
class PassportParameters:
    """The parameters of one ``Passport`` circuit template, in circom's order."""

    depth: int
    """Levels of the tree."""
    dimension: int
    """Coordinates of a template."""
    threshold: int
    """Largest squared distance that still matches."""
    spec_id: int
    """Spec of the templates, 120 bits."""
    diff_bits: int
    """A coordinate's difference lies in [-2^(diff_bits-1), 2^(diff_bits-1))."""
    fold: int
    """Coordinates summed before squaring in the norm floor."""
    fold_floor: int
    """Smallest sum of squares of the folded coordinates."""

    @classmethod
    def of(cls, circuit: Circuit) -> PassportParameters:
        """Read the parameters from a manifest entry; raise ``ValueError`` if it is another's."""
        if circuit.template != "Passport" or len(circuit.params) != 7:
            raise ValueError(f"{circuit.name} is not a passport circuit")
        return cls(*circuit.params)


@dataclass(frozen=True, repr=False)
class FaceOpening:
    """A face template that opens its commitment, and the probe to compare with it."""

    template: tuple[int, ...]
    """Enrolled coordinates, signed 8-bit."""
    salt: int
    """Salt of the face commitment."""
    probe: tuple[int, ...]
    """Fresh coordinates."""

    def __repr__(self) -> str:
        return "FaceOpening(<redacted>)"


@dataclass(frozen=True, repr=False)
class PassportWitness:
    """All a holder knows for one proof; ``face``, ``stretched``, ``people_key`` say what opens it.

    One or two of the three are there, and not the people alone.
    """

    secret: int
    """Never rotated, non-zero."""
    anchor: str
    """Address that enrolled."""
    face_commitment: int
    password_commitment: int
    twin_commitment: int
    guardian_commitment: int
    keys_salt: int
    scope: int
    """Context of the pseudonym, non-zero."""
    message: int
    """What the proof is bound to."""
    path: MerklePath | None = None
    """Way to the root; none for a leaf proof, whose root is the leaf."""
    face: FaceOpening | None = None
    """Opening of the face commitment, if the face is used."""
    stretched: int | None = None
    """Opening of the password commitment, with people of its twin, if the password is used."""
    people_key: int | None = None
    """Opening of the guardian commitment, if the people are used."""

    def __repr__(self) -> str:
        return f"PassportWitness(level={self.level}, <redacted>)"

    @property
    def level(self) -> int:
        """1 for face or password, 2 for both, 3 for people and one of them."""
        own = (self.face is not None) + (self.stretched is not None)
        return own + 2 * (self.people_key is not None)

    @property
    def leaf(self) -> int:
        """The leaf these values open."""
        keys = commitments.keys_root(
            self.face_commitment, self.password_commitment, self.twin_commitment, self.keys_salt
        )
        identity = commitments.identity_commitment(self.secret)
        return commitments.leaf(identity, self.anchor, keys, self.guardian_commitment)

    @property
    def root(self) -> int:
        """The root the proof is about."""
        return self.leaf if self.path is None else self.path.root


def public_signals(witness: PassportWitness) -> list[int]:
    """Return ``rootLevel``, ``nullifier``, ``scope``, ``message`` as the proof will show them."""
    nullifier = commitments.nullifier(witness.secret, witness.anchor, witness.scope)
    return [(witness.root + witness.level) % R, nullifier, witness.scope, witness.message]


def circuit_inputs(
    witness: PassportWitness, parameters: PassportParameters
) -> dict[str, int | list[int]]:
    """Build the input signals by name, with a fixed valid dummy for a kind that is not used.

    Raises ``FaceMismatch`` when the probe is not near the template, ``ValueError`` when the
    values contradict each other; neither message holds a value.
    """
    _check(witness)
    face = witness.face
    if face is None:
        dummy = (_DUMMY_COORDINATE,) * parameters.dimension
        face = FaceOpening(dummy, _DUMMY_OPENING, dummy)
    else:
        if _face_commitment(face, parameters) != witness.face_commitment:
            raise ValueError("the template and salt do not open the face commitment")
        _match(face, parameters)
    if fold_norm(face.template, parameters.fold) < parameters.fold_floor:
        raise ValueError("the template is too close to zero")
    _check_password(witness, parameters)
    people = witness.people_key
    if (
        people is not None
        and commitments.guardian_commitment(people) != witness.guardian_commitment
    ):
        raise ValueError("the people key does not open the guardian commitment")
    path = _path(witness, parameters.depth)
    return {
        "scope": witness.scope,
        "message": witness.message,
        "secret": witness.secret,
        "anchor": commitments.address_element(witness.anchor),
        "faceCommitment": witness.face_commitment,
        "passwordCommitment": witness.password_commitment,
        "twinCommitment": witness.twin_commitment,
        "keysSalt": witness.keys_salt,
        "guardianCommitment": witness.guardian_commitment,
        "useFace": int(witness.face is not None),
        "usePassword": int(witness.stretched is not None),
        "usePeople": int(people is not None),
        "coordinates": [value % R for value in face.template],
        "faceSalt": face.salt,
        "probe": [value % R for value in face.probe],
        "stretched": _DUMMY_OPENING if witness.stretched is None else witness.stretched,
        "peopleKey": _DUMMY_OPENING if people is None else people,
        **path.signals(),
    }


def fold_norm(template: Sequence[int], fold: int) -> int:
    """Sum the squares of the sums of ``fold`` neighbouring coordinates: at most fold * norm^2."""
    return sum(sum(template[i : i + fold]) ** 2 for i in range(0, len(template), fold))


def _check(witness: PassportWitness) -> None:
    for name in (
        "secret",
        "face_commitment",
        "password_commitment",
        "twin_commitment",
        "guardian_commitment",
        "keys_salt",
        "scope",
        "message",
    ):
        require_canonical(getattr(witness, name), name)
    if witness.secret == 0 or witness.scope == 0:
        raise ValueError("secret and scope must not be zero")
    if witness.face is None and witness.stretched is None:
        raise ValueError("a proof needs the face or the password")
    if None not in (witness.face, witness.stretched, witness.people_key):
        raise ValueError("a proof shows two kinds at most")


def _check_password(witness: PassportWitness, parameters: PassportParameters) -> None:
    stretched = witness.stretched
    if stretched is None:
        return
    if witness.people_key is None:
        if commitments.password_commitment(stretched) != witness.password_commitment:
            raise ValueError("the stretched password does not open the password commitment")
        return
    # beside the people the circuit opens the twin, in the place of the face (section 3, rule 4)
    arity = commitments.twin_arity(parameters.dimension)
    if commitments.twin_commitment(stretched, arity) != witness.twin_commitment:
        raise ValueError("the stretched password does not open the twin commitment")


def _face_commitment(face: FaceOpening, parameters: PassportParameters) -> int:
    if len(face.template) != parameters.dimension or len(face.probe) != parameters.dimension:
        raise ValueError(f"template and probe must have {parameters.dimension} coordinates")
    require_canonical(face.salt, "face salt")
    return commitments.face_commitment(face.template, face.salt, parameters.spec_id)


def _match(face: FaceOpening, parameters: PassportParameters) -> None:
    differences = [a - b for a, b in zip(face.template, face.probe, strict=True)]
    reach = 1 << (parameters.diff_bits - 1)
    far = any(not -reach <= d < reach for d in differences)
    if far or sum(d * d for d in differences) > parameters.threshold:
        raise FaceMismatch(
            "the probe does not match the enrolled face",
            hint="take a new photo in better light, looking straight into the camera",
        )


def _path(witness: PassportWitness, depth: int) -> PathInputs:
    leaf, path = witness.leaf, witness.path
    if path is None:
        return path_inputs(leaf, (), (), depth)
    if path.leaf != leaf:
        raise ValueError("the path starts at another leaf")
    found = path_inputs(leaf, path.siblings, path.node_is_right, depth)
    if found.node[-1] != path.root:
        raise ValueError("the path leads to another root")
    return found
