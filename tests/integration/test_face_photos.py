"""The whole way from photos to verdicts, with the real models on public-domain portraits."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import pytest
import skimage.data

from mip_cli.config import Settings, find_checkout
from mip_cli.errors import (
    ArtifactMismatch,
    FaceUnusable,
    FileInvalid,
    ToolMissing,
    UsageFault,
)
from mip_cli.face.backends import YunetSfaceBackend, open_backend
from mip_cli.face.spec import DLIB_SPEC, YUNET_DLIB_SPEC, YUNET_SFACE_SPEC
from mip_cli.flows import face as flow
from mip_cli.flows.models import ensure_models
from mip_cli.progress import Silent

ROOT = find_checkout() or Path(__file__).resolve().parents[2]
SHARED_FACES = ROOT.parent / "shared" / "faces"
SHARED_MODELS = ROOT.parent / "shared" / "models"
YUNET = "face_detection_yunet_2023mar.onnx"

# What dlib 20 itself computes for skimage.data.astronaut(), times 200, rounded.
ASTRONAUT = (
    -13, 4, 4, -14, -31, -4, -9, -24, 21, -22, 36, -10, -54, -7, 0, 30, -30, -32, -28, -17, 7, 10,
    -2, 9, -51, -55, -13, -19, 3, -14, -7, 17, -19, 8, 23, 25, 0, -23, 24, -14, -48, -4, 15, 36,
    60, -10, -2, -19, 27, -56, 4, 16, 11, 19, 7, -32, 0, 48, -57, -11, 0, -35, -8, -9, 28, 25,
    -37, -29, 36, -50, 0, 14, -22, -35, -62, -3, 87, 36, -36, -5, -8, 3, 5, 7, -10, -23, -26, 9,
    42, -12, 7, 47, 6, -2, 8, 23, -32, -12, -16, -5, -12, -12, 10, 32, -22, 38, -3, -8, -4, -12,
    2, -18, 27, -50, 13, 35, 17, 38, -3, 9, -8, -11, -35, -6, 4, -9, 6, 3,
)  # fmt: skip
ASTRONAUT_BOX = (168, 69, 263, 164)
ASTRONAUT_POINTS = ((255, 104), (237, 105), (195, 101), (212, 103), (224, 135))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    made = Settings(home / "data", home / "cache", ROOT / "build", ROOT)
    ensure_models(made, Silent())
    return made


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def hopper() -> np.ndarray:
    path = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def photo(image: np.ndarray, kind: str = "png") -> bytes:
    return cv2.imencode(f".{kind}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def test_template__is_what_dlib_computes(settings: Settings, astronaut: np.ndarray) -> None:
    template = flow.enrolment_template(photo(astronaut), settings, Silent())
    assert template.spec == DLIB_SPEC
    # One unit of tolerance: processors add floats in different orders.
    assert np.abs(np.subtract(template.values, ASTRONAUT)).max() <= 1
    found = flow.detect(photo(astronaut), settings, Silent())
    box = found.faces[0].box
    assert (box.left, box.top, box.right, box.bottom) == ASTRONAUT_BOX
    assert found.landmarks == ASTRONAUT_POINTS


def test_compare__of_one_person(settings: Settings, astronaut: np.ndarray) -> None:
    turn = cv2.getRotationMatrix2D((225, 120), 12, 0.9)
    other = cv2.warpAffine(astronaut, turn, (512, 512))
    other = cv2.convertScaleAbs(other, alpha=0.8, beta=10)
    result = flow.compare(photo(astronaut), photo(other, "jpeg"), settings, Silent())
    assert result.verdict.match
    assert 0 < result.verdict.distance < 7200


def test_compare__of_two_people__is_no_match(
    settings: Settings, astronaut: np.ndarray, hopper: np.ndarray
) -> None:
    verdict = flow.compare(photo(astronaut), photo(hopper), settings, Silent()).verdict
    assert (verdict.match, verdict.reason) == (False, "the faces lie too far apart")
    assert verdict.distance > 17_000


def scaled(image: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def side_by_side(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.concatenate([one, cv2.resize(other, (512, 600))[:512]], axis=1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda face, other: scaled(face, 400), None),
        (lambda face, other: np.zeros_like(face), "no face was found"),
        (lambda face, other: face[300:], "no face was found"),
        (side_by_side, "shows 2 faces"),
        (lambda face, other: scaled(face, 200), "too small: 40 pixels"),
        (lambda face, other: cv2.GaussianBlur(face, (0, 0), 4), "blurred"),
        (lambda face, other: (face * 0.15).astype(np.uint8), "too little contrast"),
        (
            lambda face, other: cv2.warpAffine(
                face, cv2.getRotationMatrix2D((225, 120), 45, 1), (512, 512)
            ),
            "leans too far",
        ),
    ],
)
def test_enrolment__of_hard_photos(  # type: ignore[no-untyped-def]
    settings: Settings, astronaut: np.ndarray, hopper: np.ndarray, change, reason: str | None
) -> None:
    data = photo(change(astronaut, hopper))
    if reason is None:
        assert flow.enrolment_template(data, settings, Silent()).spec == DLIB_SPEC
        return
    with pytest.raises(FaceUnusable, match=reason) as failure:
        flow.enrolment_template(data, settings, Silent())
    assert failure.value.hint
    told = flow.detect(data, settings, Silent())
    assert told.refusal is not None
    assert told.refusal.message == failure.value.message


def test_compare__names_the_photo_that_fails(settings: Settings, astronaut: np.ndarray) -> None:
    good, empty = photo(astronaut), photo(np.zeros((300, 300, 3), dtype=np.uint8))
    with pytest.raises(FaceUnusable, match="^second photo: no face"):
        flow.compare(good, empty, settings, Silent())
    with pytest.raises(FaceUnusable, match="^first photo: no face"):
        flow.compare(empty, good, settings, Silent())
    with pytest.raises(FileInvalid, match="^second photo: the image file is empty"):
        flow.compare(good, b"", settings, Silent())


def test_picture__shows_the_photo_and_a_line_below(
    settings: Settings, astronaut: np.ndarray
) -> None:
    found = flow.detect(photo(astronaut), settings, Silent(), picture=True)
    assert found.picture is not None
    drawn = cv2.cvtColor(
        cv2.imdecode(np.frombuffer(found.picture, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
    )
    assert drawn.shape[0] > 512
    assert drawn.shape[1] == 512
    changed = (drawn[:512] != astronaut).any(axis=2)
    assert 0.001 < changed.mean() < 0.05
    assert (drawn[512:] < 200).any()


@pytest.mark.parametrize("shape", [(1, 1), (19, 400), (1, 20_000), (20_000, 1), (25, 2000)])
def test_detect__of_odd_shapes__finds_nothing(settings: Settings, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, dtype=np.uint8)
    assert flow.detect(photo(image), settings, Silent()).faces == ()


def test_models__changed_on_disk__refused(
    settings: Settings, astronaut: np.ndarray, tmp_path: Path
) -> None:
    moved = replace(settings, build_dir=tmp_path)
    ensure_models(moved, Silent())
    assert flow.probe(photo(astronaut), moved, Silent()).spec == DLIB_SPEC
    model = tmp_path / "models" / "dlib-resnet128.onnx"
    data = bytearray(model.read_bytes())
    data[5000] ^= 1
    model.write_bytes(data)
    with pytest.raises(ArtifactMismatch, match="does not have the pinned hash"):
        flow.probe(photo(astronaut), moved, Silent())


def test_timings__name_every_step(settings: Settings, astronaut: np.ndarray) -> None:
    timings = flow.step_timings(photo(astronaut), settings)
    assert set(timings) == {"detect", "landmarks", "embed", "quantise"}
    assert all(value >= 0 for value in timings.values())


def test_backend__of_unknown_name__refused(settings: Settings) -> None:
    with pytest.raises(UsageFault, match="no face backend is called"):
        open_backend("magic", settings)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("yunet+dlib", "not here"), ("yunet+sface", "not here"), ("insightface", "no local")],
)
def test_backend__without_its_models__refused(
    settings: Settings, tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(ArtifactMismatch, match=reason):
        open_backend(name, replace(settings, model_dir=tmp_path))


def test_insightface__without_its_package__refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "insightface").mkdir()
    monkeypatch.setitem(sys.modules, "insightface.app", None)  # as when it is not installed
    with pytest.raises(ToolMissing, match="insightface is not installed"):
        open_backend("insightface", replace(settings, model_dir=tmp_path))


def test_backend__with_a_wrong_model__refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / YUNET).write_bytes(b"not the model")
    with pytest.raises(ArtifactMismatch, match="pinned hash"):
        open_backend("yunet+dlib", replace(settings, model_dir=tmp_path))


@pytest.fixture
def shared_models(settings: Settings) -> Settings:
    if not (SHARED_MODELS / YUNET).is_file():
        pytest.skip("the optional YuNet model lies in ../shared/models, which is not here")
    return replace(settings, model_dir=SHARED_MODELS)


def test_yunet_dlib__agrees_with_dlib_but_is_never_compared_with_it(
    settings: Settings, shared_models: Settings, astronaut: np.ndarray, hopper: np.ndarray
) -> None:
    data = photo(astronaut)
    fast = flow.enrolment_template(data, shared_models, Silent(), "yunet+dlib")
    slow = flow.enrolment_template(data, settings, Silent())
    assert fast.spec == YUNET_DLIB_SPEC
    assert np.square(np.subtract(fast.values, slow.values)).sum() < 3600
    with pytest.raises(UsageFault, match="different specs"):
        flow.match(slow, fast)
    other = flow.compare(data, photo(hopper), shared_models, Silent(), "yunet+dlib")
    assert not other.verdict.match


def sface_like_model() -> bytes:
    """Return a network with SFace's input and output: channel means of a chip, spread to 128."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(2).normal(size=(128, 3, 7, 7)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["data", "w"], ["c"], kernel_shape=[7, 7], strides=[7, 7]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["fc1"]),
    ]
    graph = helper.make_graph(
        nodes,
        "sface-like",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, 128])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 11)]
    return helper.make_model(graph, ir_version=7, opset_imports=opset).SerializeToString()


def test_yunet_sface__aligns_and_scales_to_unit_length(
    shared_models: Settings, astronaut: np.ndarray
) -> None:
    # The real weights cannot be had offline: this runs the code around them on a toy network.
    yunet = (SHARED_MODELS / YUNET).read_bytes()
    backend = YunetSfaceBackend(yunet, sface_like_model())
    (found,) = backend.detect(astronaut)
    landmarks = backend.landmarks(astronaut, found)
    assert 0.3 < landmarks.points[:, 0].std() / 20 < 3
    vector = backend.embed(astronaut, landmarks)
    assert vector.shape == (YUNET_SFACE_SPEC.dimension,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_evaluate__holds_its_accuracy_on_the_shared_photos(settings: Settings) -> None:
    if not (SHARED_FACES / "pairs.csv").is_file():
        pytest.skip("the press photos lie in ../shared/faces, which is not here")
    pairs = (SHARED_FACES / "pairs.csv").read_bytes()
    report = flow.evaluate(pairs, SHARED_FACES, settings, Silent())
    assert (report.genuine, report.impostor) == (313, 3515)
    assert report.false_matches <= 4
    assert report.false_non_matches <= 5
    assert report.undetected == 0
    assert report.gated <= 5
    assert report.eer < 0.01
    assert flow.det_picture(report).startswith(b"\x89PNG")
