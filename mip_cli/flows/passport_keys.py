"""From what a key file holds to what the chain and the circuit see of it."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.config import Settings
from mip_cli.crypto import commitments
from mip_cli.errors import ArtifactMismatch, UsageFault
from mip_cli.face.spec import SPECS, FaceSpec
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
    guardian: Commitment
    """Commits to the guardians, or to their absence."""
    root: Commitment
    """The keys root, all that the chain learns of the keys."""
    leaf: int
    """The leaf in the tree."""


def public_keys(unlocked: Unlocked) -> PublicKeys:
    """Compute every commitment of an opened passport."""
    s = unlocked.secrets
    identity = commitments.identity_commitment(s.secret)
    face = commitments.face_commitment(s.template, s.face_salt, s.face_spec_id)
    password = commitments.password_commitment(unlocked.stretched)
    guardian = commitments.empty_guardian_commitment(s.guardian_salt)
    root = commitments.keys_root(face, password, guardian, s.keys_salt)
    leaf = commitments.leaf(identity, s.anchor, root, s.epoch)
    return PublicKeys(identity, face, password, guardian, root, leaf)


def spec_of(content: PassportSecrets) -> FaceSpec:
    """Return the spec a template was enrolled under; raise ``ArtifactMismatch`` if it is gone."""
    for spec in SPECS.values():
        if spec.spec_id == content.face_spec_id:
            return spec
    raise ArtifactMismatch(
        f"the face of {content.name} was enrolled with {content.face_spec}, "
        "which this version does not have",
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
