"""What makes two face templates comparable, and the templates themselves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from mip_cli.errors import UsageFault

RECOGNITION_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
"""dlib_face_recognition_resnet_model_v1.dat of face_recognition_models 0.3.0."""
LANDMARKS_SHA256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
"""shape_predictor_5_face_landmarks.dat of the same package."""
DETECTOR_SHA256 = "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6"
"""mmod_human_face_detector.dat of the same package."""
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""face_detection_yunet_2023mar.onnx of the OpenCV Zoo."""
SFACE_SHA256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"
"""face_recognition_sface_2021dec.onnx of the OpenCV Zoo."""

SQUARED_EUCLIDEAN = "squared-euclidean"
QUANTUM_LIMIT = 127
"""Largest magnitude of a coordinate, so that it fits in eight signed bits."""


@dataclass(frozen=True)
class FaceSpec:
    """A fixed way from a photo to integers and from two vectors to a verdict.

    Every field enters ``spec_id``: change one and old templates stop being comparable, on purpose.
    """

    id: str
    """Short name with a version, as ``dlib-128/1``."""
    backend: str
    """The backend that computes it."""
    model_hashes: tuple[tuple[str, str], ...]
    """Role and SHA-256 of each model file, sorted by role."""
    dimension: int
    """Number of coordinates."""
    scale: int
    """Coordinates are ``clip(round(scale * x), -127, 127)``, halves to even."""
    threshold: int
    """Largest squared distance of the same person."""
    coordinate_limit: int
    """Each difference template - probe lies in ``[-limit, limit - 1]``: the circuit's range."""
    fold: int
    """How many neighbouring coordinates are summed for the floor."""
    fold_floor: int
    """Smallest sum of squares of those sums that a template may have."""
    metric: str
    """How vectors are compared."""

    @property
    def spec_id(self) -> int:
        """120 bits that name this spec in commitments and circuits."""
        return int.from_bytes(hashlib.sha256(self.canonical_json()).digest()[:15], "big")

    def canonical_json(self) -> bytes:
        """Return the document whose hash is the spec id: sorted keys, no spaces."""
        document = asdict(self) | {"model_hashes": dict(self.model_hashes)}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class FaceTemplate:
    """An enrolled vector or a probe; as secret as a password, for it gives the face away."""

    spec: FaceSpec
    """What the values mean."""
    values: tuple[int, ...] = field(repr=False)
    """Quantised coordinates, each in [-127, 127]."""

    def __post_init__(self) -> None:
        if len(self.values) != self.spec.dimension:
            raise UsageFault(
                f"a template of {self.spec.id} has {self.spec.dimension} coordinates, "
                f"not {len(self.values)}"
            )
        if any(not -QUANTUM_LIMIT <= value <= QUANTUM_LIMIT for value in self.values):
            raise UsageFault("a template coordinate lies outside [-127, 127]")

    def __repr__(self) -> str:
        return f"FaceTemplate(spec={self.spec.id!r}, values=<redacted>)"


DLIB_SPEC = FaceSpec(
    id="dlib-128/1",
    backend="dlib-cc0",
    model_hashes=(
        ("detector", DETECTOR_SHA256),
        ("landmarks", LANDMARKS_SHA256),
        ("recognition", RECOGNITION_SHA256),
    ),
    dimension=128,
    scale=200,
    threshold=14_400,  # (200 * 0.6)^2: the distance dlib publishes for this network
    coordinate_limit=64,
    fold=4,
    fold_floor=19_000,
    metric=SQUARED_EUCLIDEAN,
)
"""The default: embedded weights in the public domain (CC0)."""

YUNET_DLIB_SPEC = FaceSpec(
    id="yunet-dlib-128/1",
    backend="yunet+dlib",
    model_hashes=(
        ("detector", YUNET_SHA256),
        ("landmarks", LANDMARKS_SHA256),
        ("recognition", RECOGNITION_SHA256),
    ),
    dimension=128,
    scale=200,
    threshold=14_400,
    coordinate_limit=64,
    fold=4,
    fold_floor=19_000,
    metric=SQUARED_EUCLIDEAN,
)
"""The same network behind a detector ten times as fast."""

_UNIT_SCALE = 363
"""127 / 0.35: unit vectors of face networks rarely have a coordinate beyond 0.35."""


def _unit_threshold(cosine_per_mille: int) -> int:
    """Return the squared distance of unit vectors, scaled, for a cosine in 1/1000."""
    return round(2 * (1000 - cosine_per_mille) * _UNIT_SCALE**2 / 1000)


YUNET_SFACE_SPEC = FaceSpec(
    id="yunet-sface-128/1",
    backend="yunet+sface",
    model_hashes=(("detector", YUNET_SHA256), ("recognition", SFACE_SHA256)),
    dimension=128,
    scale=_UNIT_SCALE,
    threshold=_unit_threshold(363),  # OpenCV publishes a cosine of 0.363 for SFace
    coordinate_limit=128,
    fold=4,
    fold_floor=2500,
    metric=SQUARED_EUCLIDEAN,
)
"""OpenCV's recognition network, unit vectors."""

DEFAULT_SPEC = DLIB_SPEC
SPECS = {spec.backend: spec for spec in (DLIB_SPEC, YUNET_DLIB_SPEC, YUNET_SFACE_SPEC)}
"""Specs with pinned models by backend; a local insightface folder makes its own."""


def insightface_spec(detector_sha256: str, recognition_sha256: str) -> FaceSpec:
    """Return the spec of a local ArcFace-type model: its own hashes make it its own spec."""
    return FaceSpec(
        id="insightface-512/1",
        backend="insightface",
        model_hashes=(("detector", detector_sha256), ("recognition", recognition_sha256)),
        dimension=512,
        scale=_UNIT_SCALE,
        threshold=_unit_threshold(350),
        coordinate_limit=128,
        fold=4,
        fold_floor=2500,
        metric=SQUARED_EUCLIDEAN,
    )
