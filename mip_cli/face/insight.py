"""An ArcFace-type model in a local folder, through the optional package insightface.

Its published weights are for non-commercial research only: never the default, never downloaded.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mip_cli import config
from mip_cli.config import Settings
from mip_cli.errors import ArtifactMismatch, ToolMissing
from mip_cli.face.embed import unit
from mip_cli.face.geometry import Box, Detection, Landmarks, Pixels
from mip_cli.face.optional import search_dirs
from mip_cli.face.spec import FaceSpec, insightface_spec

FOLDER = "insightface"
"""Folder below MIP_MODEL_DIR that holds the .onnx files."""


class InsightfaceBackend:
    """SCRFD detection and ArcFace recognition; the spec carries the hashes of the local files."""

    def __init__(self, settings: Settings) -> None:
        folders = [folder / FOLDER for folder in search_dirs(settings)]
        folder = next((one for one in folders if one.is_dir()), None)
        if folder is None:
            raise ArtifactMismatch(
                "no local insightface model folder",
                hint=f"put the .onnx files of one model into MIP_MODEL_DIR/{FOLDER}",
            )
        config.forbid_telemetry()
        try:
            from insightface.app import FaceAnalysis
            from insightface.app.common import Face
        except ImportError as error:
            raise ToolMissing(
                "insightface is not installed",
                hint='pip install "mip[insightface]"; its weights are for research only',
            ) from error
        self._face: Any = Face
        # An absolute folder is the one form for which the package downloads nothing.
        try:
            self._app: Any = FaceAnalysis(
                name=str(folder.resolve()),
                allowed_modules=["detection", "recognition"],
                providers=["CPUExecutionProvider"],
            )
            self._app.prepare(ctx_id=-1, det_size=(640, 640))
            models = self._app.models
            complete = "recognition" in models and models["detection"].use_kps
        except Exception as error:  # the package asserts, and hands on whatever its parts raise
            raise _incomplete(folder) from error
        if not complete:
            raise _incomplete(folder)
        self.spec: FaceSpec = insightface_spec(
            _sha256(models["detection"].model_file), _sha256(models["recognition"].model_file)
        )

    def detect(self, image: Pixels) -> list[Detection]:
        """Return all faces, as the package orders them."""
        boxes, points = self._app.det_model.detect(_bgr(image), max_num=0, metric="default")
        if not len(boxes):
            return []
        return [
            Detection(Box(*(float(side) for side in row[:4])), float(row[4]), np.asarray(point))
            for row, point in zip(boxes, points, strict=True)
        ]

    def landmarks(self, image: Pixels, detection: Detection) -> Landmarks:
        """Return the detector's points."""
        points = np.asarray(detection.landmarks, dtype=np.float64)
        return Landmarks(points, points[0:2], points[2])

    def embed(self, image: Pixels, landmarks: Landmarks) -> NDArray[np.float32]:
        """Return 512 numbers of unit length."""
        face = self._face(kps=landmarks.points.astype(np.float32))
        vector = np.asarray(self._app.models["recognition"].get(_bgr(image), face)).reshape(-1)
        return unit(vector.astype(np.float32))


def _incomplete(folder: Path) -> ArtifactMismatch:
    return ArtifactMismatch(
        f"{folder} lacks a usable detection or recognition model",
        hint="use the folder of one complete insightface model",
    )


def _bgr(image: Pixels) -> Pixels:
    return np.ascontiguousarray(image[..., ::-1])


def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
