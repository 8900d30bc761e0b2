"""Models that are not embedded: where they come from officially, and where they may lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mip_cli.config import Settings
from mip_cli.errors import ArtifactMismatch, UsageFault
from mip_cli.face.spec import SFACE_SHA256, YUNET_SHA256
from mip_cli.face.weights import models_dir, read_pinned

_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"
_HUB = "https://huggingface.co/opencv"


@dataclass(frozen=True)
class OptionalModel:
    """A file that ``mip models pull`` fetches; its hash alone decides what is accepted."""

    name: str
    """What the user calls it."""
    file: str
    """File name, as published."""
    sha256: str
    max_bytes: int
    """Where a download is stopped."""
    licence: str
    urls: tuple[str, ...]
    """Official places, tried in this order."""


YUNET = OptionalModel(
    name="yunet",
    file="face_detection_yunet_2023mar.onnx",
    sha256=YUNET_SHA256,
    max_bytes=1 << 20,
    licence="MIT",
    urls=(
        f"{_ZOO}/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        f"{_HUB}/face_detection_yunet/resolve/main/face_detection_yunet_2023mar.onnx",
    ),
)
SFACE = OptionalModel(
    name="sface",
    file="face_recognition_sface_2021dec.onnx",
    sha256=SFACE_SHA256,
    max_bytes=38_696_353,
    licence="Apache-2.0",
    urls=(
        f"{_ZOO}/face_recognition_sface/face_recognition_sface_2021dec.onnx",
        f"{_HUB}/face_recognition_sface/resolve/main/face_recognition_sface_2021dec.onnx",
    ),
)
OPTIONAL = {model.name: model for model in (YUNET, SFACE)}


def download_dir(settings: Settings) -> Path:
    """Return where downloaded models go."""
    return settings.model_dir or settings.cache_dir / "models"


def search_dirs(settings: Settings) -> list[Path]:
    """Return where optional models are looked for: the named folder alone, or both of ours."""
    if settings.model_dir is not None:
        return [settings.model_dir]
    return [models_dir(settings), settings.cache_dir / "models"]


def locate_model(model: OptionalModel, settings: Settings) -> Path | None:
    """Return the first file of the model's name, unchecked, or None."""
    paths = (folder / model.file for folder in search_dirs(settings))
    return next((path for path in paths if path.is_file()), None)


def find_model(name: str, settings: Settings) -> bytes:
    """Return an optional model's bytes.

    Raises ``ArtifactMismatch`` when it is nowhere or not the pinned file, ``UsageFault`` for an
    unknown name.
    """
    if name not in OPTIONAL:
        raise UsageFault(f"no model is called {name}", hint=f"known: {', '.join(OPTIONAL)}")
    model = OPTIONAL[name]
    hint = f"run: mip models pull {name}"
    path = locate_model(model, settings)
    if path is None:
        raise ArtifactMismatch(f"the model {model.file} is not here", hint=hint)
    return read_pinned(path, model.sha256, hint=hint)
