"""Builds and opens the embedded models: dlib's public-domain weights, converted without dlib.

Sources come from the package ``face_recognition_models`` 0.3.0; its module is never imported. Only
three of its files are read: the licence of its 68-point predictor forbids commercial use.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mip_cli.config import Settings
from mip_cli.errors import ArtifactMismatch, ToolMissing
from mip_cli.face.spec import DETECTOR_SHA256, LANDMARKS_SHA256, RECOGNITION_SHA256


def _convert_detector(data: bytes) -> bytes:
    from mip_cli.face.dlibnets import detector_to_onnx

    return detector_to_onnx(data)


def _convert_landmarks(data: bytes) -> bytes:
    from mip_cli.face.dlibnets import landmarks_to_npz

    return landmarks_to_npz(data)


def _convert_embedder(data: bytes) -> bytes:
    from mip_cli.face.dlibnets import embedder_to_onnx

    return embedder_to_onnx(data)


@dataclass(frozen=True)
class EmbeddedModel:
    """One converted model; source and result are both pinned."""

    name: str
    """File name below the models folder."""
    source: str
    """File name inside the package."""
    source_sha256: str
    sha256: str
    convert: Callable[[bytes], bytes]
    """Turns the source's bytes into the model's, the same every time."""


DETECTOR = EmbeddedModel(
    "dlib-mmod.onnx",
    "mmod_human_face_detector.dat",
    DETECTOR_SHA256,
    "3c35046f06d71d98b00ed0d439325e27f1e3265887815ea62bcbc4462d08e31f",
    _convert_detector,
)
LANDMARKS = EmbeddedModel(
    "dlib-landmarks5.npz",
    "shape_predictor_5_face_landmarks.dat",
    LANDMARKS_SHA256,
    "f93304c53575707a6e5cc42fa450708fa05a598002753910b7b7edfeaa48ccd8",
    _convert_landmarks,
)
RECOGNITION = EmbeddedModel(
    "dlib-resnet128.onnx",
    "dlib_face_recognition_resnet_model_v1.dat",
    RECOGNITION_SHA256,
    "bac93b3a60252d182e1f5404cd895b962c51b113d9074b30de09c4438747a760",
    _convert_embedder,
)
EMBEDDED = (DETECTOR, LANDMARKS, RECOGNITION)


def models_dir(settings: Settings) -> Path:
    """Return where the converted models lie."""
    return settings.build_dir / "models"


def is_built(settings: Settings, model: EmbeddedModel) -> bool:
    """Say whether the converted model is there with its pinned hash."""
    return _read_if_pinned(models_dir(settings) / model.name, model.sha256) is not None


def converted(model: EmbeddedModel) -> bytes:
    """Convert one model and return its bytes.

    Raises ``ToolMissing`` without the package, ``ArtifactMismatch`` when the file in it or the
    result is not the pinned one.
    """
    data = model.convert(_source_bytes(model))
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise ArtifactMismatch(
            f"the conversion of {model.source} does not give the pinned {model.name}",
            hint="install the locked versions of onnx and numpy: make setup",
        )
    return data


def embedded_bytes(settings: Settings, model: EmbeddedModel) -> bytes:
    """Return a converted model's bytes; ``ArtifactMismatch`` when it is missing or changed."""
    path = models_dir(settings) / model.name
    return read_pinned(path, model.sha256, hint="run: mip models build")


def read_pinned(path: Path, sha256: str, *, hint: str) -> bytes:
    """Return a file's bytes.

    Raises ``ArtifactMismatch`` when it is missing or does not have the pinned SHA-256.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactMismatch(f"cannot read {path}", hint=hint) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ArtifactMismatch(f"{path} does not have the pinned hash", hint=hint)
    return data


def _read_if_pinned(path: Path, sha256: str) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def _source_bytes(model: EmbeddedModel) -> bytes:
    hint = "install face_recognition_models 0.3.0: make setup"
    # find_spec does not run the package: its __init__ needs setuptools, which may be absent.
    found = importlib.util.find_spec("face_recognition_models")
    if found is None or not found.submodule_search_locations:
        raise ToolMissing("the package face_recognition_models is not installed", hint=hint)
    folder = Path(next(iter(found.submodule_search_locations)))
    return read_pinned(folder / "models" / model.source, model.source_sha256, hint=hint)
