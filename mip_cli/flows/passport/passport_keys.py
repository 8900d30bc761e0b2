"""From what a key file holds to what the chain and the circuit see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mip_cli.config import Settings
from mip_cli.crypto import commitments
from mip_cli.crypto.field import random_salt
from mip_cli.crypto.kdf import KdfParams
from mip_cli.errors import ArtifactMismatch, UsageFault
from mip_cli.face.spec import SPECS, FaceSpec, FaceTemplate
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportSecrets
from mip_cli.units import Commitment
from mip_cli.zk.artifacts import load_key
from mip_cli.zk.passport_inputs import PassportParameters

CIRCUIT = "passport"
"""The circuit that every passport is proved with."""


@dataclass(frozen=True)
class PublicKeys:
    """The commitments of one passport; hiding, yet they name the leaf."""

    identity: Commitment
    """Commits to the secret."""
    face: Commitment
    """Commits to the template."""
    password: Commitment
    """Commits to the stretched password."""
    twin: Commitment
    """Commits to the stretched password a second time, in the shape of the face's hash."""
    root: Commitment
    """The keys root, all that the chain learns of the holder's own keys."""
    guardian: Commitment
    """Commits to the guardians, or to their absence."""
    leaf: int
    """The leaf in the tree."""


def public_keys(unlocked: Unlocked) -> PublicKeys:
    """Compute every commitment of an opened passport."""
    return keys_of(unlocked.secrets)


def keys_of(s: PassportSecrets) -> PublicKeys:
    """Compute every commitment of a passport from its secrets."""
    identity = commitments.identity_commitment(s.secret)
    face = commitments.face_commitment(s.template, s.face_salt, s.face_spec_id)
    password, twin = Commitment(s.password_commitment), Commitment(s.twin_commitment)
    root = commitments.keys_root(face, password, twin, s.keys_salt)
    guardian = Commitment(s.guardian_commitment)
    leaf = commitments.leaf(identity, s.anchor, root, guardian)
    return PublicKeys(identity, face, password, twin, root, guardian, leaf)


def own_keys(template: FaceTemplate, stretched: int, params: KdfParams) -> dict[str, Any]:
    """Return the fields of ``PassportSecrets`` that the holder's own keys are, with fresh salts."""
    arity = commitments.twin_arity(len(template.values))
    return {
        "face_spec": template.spec.id,
        "face_spec_id": template.spec.spec_id,
        "template": template.values,
        "face_salt": random_salt(),
        "password_kdf": params,
        "password_commitment": commitments.password_commitment(stretched),
        "twin_commitment": commitments.twin_commitment(stretched, arity),
        "keys_salt": random_salt(),
    }


def spec_of(content: PassportSecrets) -> FaceSpec:
    """Return the spec a template was enrolled under; raise ``ArtifactMismatch`` if it is gone."""
    return spec_by_id(content.face_spec_id, content.name)


def spec_by_id(spec_id: int, name: str) -> FaceSpec:
    """Return the spec of an id; raise ``ArtifactMismatch`` when this version does not have it."""
    for spec in SPECS.values():
        if spec.spec_id == spec_id:
            return spec
    raise ArtifactMismatch(
        f"the face of {name} was enrolled with a face spec that this version does not have",
        hint="use the version that enrolled it",
    )


def require_provable(settings: Settings, spec: FaceSpec) -> None:
    """Raise ``UsageFault`` unless the passport circuit is made for the spec."""
    circuit = load_key(settings, CIRCUIT).circuit
    if PassportParameters.of(circuit).spec_id != spec.spec_id:
        raise UsageFault(
            f"no circuit proves faces of the spec {spec.id} yet",
            hint="enrol with the default backend, dlib-cc0",
        )
