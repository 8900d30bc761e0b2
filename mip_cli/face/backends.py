"""The ways from pixels to an embedding, all behind one interface."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mip_cli.config import Settings
from mip_cli.errors import ArtifactMismatch, UsageFault
from mip_cli.face import weights
from mip_cli.face.align import face_chip
from mip_cli.face.detect import detect_faces
from mip_cli.face.embed import embed_dlib, unit
from mip_cli.face.geometry import Box, Detection, Landmarks, Pixels
from mip_cli.face.landmarks import LandmarkPredictor
from mip_cli.face.optional import find_model
from mip_cli.face.scales import over_scales
from mip_cli.face.sessions import Model
from mip_cli.face.spec import DLIB_SPEC, SPECS, YUNET_DLIB_SPEC, YUNET_SFACE_SPEC, FaceSpec

BACKENDS = (*SPECS, "insightface")
"""Names that ``open_backend`` knows; the first is the default."""


class Backend(Protocol):
    """Finds faces and turns one into numbers; images are upright, red first."""

    @property
    def spec(self) -> FaceSpec:
        """What the numbers mean."""

    def detect(self, image: Pixels) -> list[Detection]:
        """Return every face found, in pixels of the image."""

    def landmarks(self, image: Pixels, detection: Detection) -> Landmarks:
        """Return five points of one face."""

    def embed(self, image: Pixels, landmarks: Landmarks) -> NDArray[np.float32]:
        """Return the embedding of the face with these landmarks."""


def open_backend(name: str, settings: Settings) -> Backend:
    """Load the models of a backend.

    Raises ``UsageFault`` for an unknown name, ``ArtifactMismatch`` for a missing or changed model,
    ``ToolMissing`` when the optional package is not installed.
    """
    match name:
        case "dlib-cc0":
            return DlibBackend(settings)
        case "yunet+dlib":
            return YunetDlibBackend(settings)
        case "yunet+sface":
            return YunetSfaceBackend(find_model("yunet", settings), find_model("sface", settings))
        case "insightface":
            from mip_cli.face.insight import InsightfaceBackend

            return InsightfaceBackend(settings)
        case _:
            raise UsageFault(
                f"no face backend is called {name}", hint=f"known: {', '.join(BACKENDS)}"
            )


class _DlibRecognition:
    """Landmarks and embedding of the public-domain dlib models."""

    def __init__(self, settings: Settings) -> None:
        self._predictor = LandmarkPredictor(weights.embedded_bytes(settings, weights.LANDMARKS))
        self._network = Model(weights.embedded_bytes(settings, weights.RECOGNITION))

    def landmarks(self, image: Pixels, detection: Detection) -> Landmarks:
        """Return eye corners and nose base."""
        points = self._predictor.predict(image, detection.box)
        eyes = np.stack([points[2:4].mean(axis=0), points[0:2].mean(axis=0)])
        return Landmarks(points, eyes, points[4])

    def embed(self, image: Pixels, landmarks: Landmarks) -> NDArray[np.float32]:
        """Return 128 numbers."""
        return embed_dlib(self._network, face_chip(image, landmarks.points))


class DlibBackend(_DlibRecognition):
    """The default: MMOD detector, everything embedded and in the public domain."""

    spec = DLIB_SPEC

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._detector = Model(weights.embedded_bytes(settings, weights.DETECTOR))

    def detect(self, image: Pixels) -> list[Detection]:
        """Return faces of at least an eighth of the photo's width, smaller ones if alone."""
        return over_scales(image, lambda scaled: detect_faces(self._detector, scaled))


class YunetDetector:
    """OpenCV's YuNet: fast, with five points of its own."""

    _SCORE, _OVERLAP, _MOST = 0.7, 0.3, 100

    def __init__(self, data: bytes) -> None:
        import cv2

        cv2.setNumThreads(1)
        empty = np.empty(0, dtype=np.uint8)
        try:
            self._net = cv2.FaceDetectorYN.create(
                "onnx", np.frombuffer(data, dtype=np.uint8), empty, (320, 320),
                self._SCORE, self._OVERLAP, self._MOST,
            )  # fmt: skip
        except cv2.error as error:
            raise ArtifactMismatch("OpenCV cannot load the YuNet model") from error

    def detect(self, image: Pixels) -> list[Detection]:
        """Return all faces, surest first."""
        return over_scales(image, self._detect)

    def _detect(self, image: Pixels) -> list[Detection]:
        self._net.setInputSize((image.shape[1], image.shape[0]))
        _, rows = self._net.detect(np.ascontiguousarray(image[..., ::-1]))
        if rows is None:
            return []
        found = []
        for row in np.asarray(rows, dtype=np.float64):
            left, top, width, height = row[:4]
            box = Box(left, top, left + width - 1, top + height - 1)
            found.append(Detection(box, float(row[14]), row[4:14].reshape(5, 2)))
        return sorted(found, key=lambda detection: detection.score, reverse=True)


class YunetDlibBackend(_DlibRecognition):
    """YuNet finds the face, dlib does the rest."""

    spec = YUNET_DLIB_SPEC
    _SIDE = 0.77
    """Side of dlib's square box over the height of YuNet's, measured where both found a face."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._detector = YunetDetector(find_model("yunet", settings))

    def detect(self, image: Pixels) -> list[Detection]:
        """Return faces in boxes of the form on which the landmark predictor was trained."""
        found = []
        for detection in self._detector.detect(image):
            box = detection.box
            x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
            half = (self._SIDE * box.height - 1) / 2
            square = Box(x - half, y - half, x + half, y + half).rounded()
            found.append(Detection(square, detection.score, detection.landmarks))
        return found


def five_points(detection: Detection) -> Landmarks:
    """Return the points a detector gave itself: eyes, nose tip, mouth corners, left to right."""
    points = detection.landmarks
    if points is None:
        raise UsageFault("this detection has no landmarks")
    return Landmarks(points, points[0:2], points[2])


class YunetSfaceBackend:
    """YuNet and OpenCV's SFace network; embeddings are scaled to unit length."""

    spec = YUNET_SFACE_SPEC

    def __init__(self, detector: bytes, recognizer: bytes) -> None:
        import cv2

        self._detector = YunetDetector(detector)
        empty = np.empty(0, dtype=np.uint8)
        try:
            self._net: Any = cv2.FaceRecognizerSF.create(
                "onnx", np.frombuffer(recognizer, dtype=np.uint8), empty
            )
        except cv2.error as error:
            raise ArtifactMismatch("OpenCV cannot load the SFace model") from error

    def detect(self, image: Pixels) -> list[Detection]:
        """Return all faces, surest first."""
        return self._detector.detect(image)

    def landmarks(self, image: Pixels, detection: Detection) -> Landmarks:
        """Return YuNet's points."""
        return five_points(detection)

    def embed(self, image: Pixels, landmarks: Landmarks) -> NDArray[np.float32]:
        """Return 128 numbers of unit length."""
        row = np.zeros((1, 15), dtype=np.float32)
        row[0, 4:14] = landmarks.points.reshape(-1)
        chip = self._net.alignCrop(np.ascontiguousarray(image[..., ::-1]), row)
        return unit(self._net.feature(chip).reshape(-1).copy())
