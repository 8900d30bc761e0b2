"""Converting the embedded models and fetching optional ones."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mip_cli.config import Settings
from mip_cli.errors import ArtifactMismatch, FileInvalid, NetworkDown, ToolMissing, UsageFault
from mip_cli.face import optional, weights
from mip_cli.face.dlibnets import detector_to_onnx, embedder_to_onnx, landmarks_to_npz
from mip_cli.flows import models as flow
from mip_cli.progress import Silent

CONTENT = b"the bytes of a model" * 5000


@dataclass
class Place:
    """A server on this machine and what it was asked for."""

    url: str
    content: bytes = CONTENT
    status: int = 200
    location: str = ""
    stall: bool = False
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def place() -> Iterator[Place]:
    released = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            self.send_response(served.status)
            if served.location:
                self.send_header("Location", served.location)
            self.send_header("Content-Length", str(len(served.content) + served.stall))
            self.end_headers()
            try:
                self.wfile.write(served.content)
            except OSError:
                return  # the client had enough
            if served.stall:
                released.wait(5)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Place(f"http://127.0.0.1:{server.server_port}/model.onnx")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield served
    released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "data", tmp_path / "cache", tmp_path / "build", None)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> optional.OptionalModel:
    """Pin the test's own bytes under a name of their own."""
    model = optional.OptionalModel(
        name="toy",
        file="toy.onnx",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        max_bytes=len(CONTENT),
        licence="MIT",
        urls=(),
    )
    monkeypatch.setitem(optional.OPTIONAL, "toy", model)
    return model


def test_pull__of_the_right_bytes(
    settings: Settings, place: Place, toy: optional.OptionalModel
) -> None:
    path = flow.pull_model("toy", settings, Silent(), urls=[place.url])
    assert path.read_bytes() == CONTENT
    assert path.parent == settings.cache_dir / "models"
    assert optional.find_model("toy", settings) == CONTENT
    assert flow.pull_model("toy", settings, Silent(), urls=[place.url]) == path
    assert len(place.asked) == 1  # what is here already is not fetched again


def test_pull__of_wrong_bytes__keeps_nothing(
    settings: Settings, place: Place, toy: optional.OptionalModel
) -> None:
    place.content = CONTENT[:-1] + b"X"
    with pytest.raises(ArtifactMismatch, match="does not serve the pinned"):
        flow.pull_model("toy", settings, Silent(), urls=[place.url])
    assert not list(settings.cache_dir.rglob("*"))
    with pytest.raises(ArtifactMismatch, match="not here"):
        optional.find_model("toy", settings)


def test_pull__of_too_many_bytes__stops(
    settings: Settings, place: Place, toy: optional.OptionalModel
) -> None:
    place.content = CONTENT * 400
    with pytest.raises(ArtifactMismatch, match="more bytes than"):
        flow.pull_model("toy", settings, Silent(), urls=[place.url])


def test_pull__tries_the_next_place(
    settings: Settings, place: Place, toy: optional.OptionalModel
) -> None:
    dead = "http://127.0.0.1:9/model.onnx"
    path = flow.pull_model("toy", settings, Silent(), urls=[dead, place.url])
    assert path.read_bytes() == CONTENT


def test_pull__when_no_place_answers__refused(
    settings: Settings, place: Place, toy: optional.OptionalModel
) -> None:
    place.status = 404
    with pytest.raises(NetworkDown, match="answers 404"):
        flow.pull_model("toy", settings, Silent(), urls=[place.url])


def test_pull__that_stalls__ends(
    settings: Settings,
    place: Place,
    toy: optional.OptionalModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.content, place.stall = CONTENT[:100], True
    monkeypatch.setattr(flow, "CONNECT_TIMEOUT", 0.3)
    with pytest.raises(NetworkDown, match="cannot fetch"):
        flow.pull_model("toy", settings, Silent(), urls=[place.url])


@pytest.mark.parametrize("target", ["http://example.org/model", "ftp://example.org/model"])
def test_pull__never_leaves_https(
    settings: Settings, place: Place, toy: optional.OptionalModel, target: str
) -> None:
    with pytest.raises(NetworkDown, match="only https"):
        flow.pull_model("toy", settings, Silent(), urls=[target])
    place.status, place.location = 302, target
    with pytest.raises(NetworkDown, match="only https"):
        flow.pull_model("toy", settings, Silent(), urls=[place.url])


def test_pull__of_an_unknown_name__refused(settings: Settings) -> None:
    with pytest.raises(UsageFault, match="no model is called"):
        flow.pull_model("other", settings, Silent())


def test_official_places__are_https_and_pinned() -> None:
    for model in optional.OPTIONAL.values():
        assert len(model.sha256) == 64
        assert model.urls
        assert all(url.startswith("https://") for url in model.urls)
        assert all(url.endswith(model.file) for url in model.urls)


def test_build__writes_the_pinned_models_and_repeats_nothing(settings: Settings) -> None:
    assert {one.state for one in flow.list_models(settings)} == {"missing"}
    written = flow.build_models(settings, Silent())
    assert [path.name for path in written] == [model.name for model in weights.EMBEDDED]
    for path, model in zip(written, weights.EMBEDDED, strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256
    assert flow.build_models(settings, Silent()) == []
    written[0].write_bytes(b"changed")
    states = {one.name: one.state for one in flow.list_models(settings)}
    assert states[written[0].name] == "changed"
    assert states[written[1].name] == "ready"
    assert flow.build_models(settings, Silent()) == [written[0]]


def test_build__from_another_source__refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered = replace(weights.LANDMARKS, source_sha256="00" * 32)
    with pytest.raises(ArtifactMismatch, match="shape_predictor_5"):
        weights.converted(altered)
    other = replace(weights.DETECTOR, sha256="00" * 32)
    with pytest.raises(ArtifactMismatch, match="does not give the pinned"):
        weights.converted(other)


def test_build__without_the_package__refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match="not installed"):
        weights.converted(weights.DETECTOR)


@pytest.mark.parametrize(
    ("model", "convert"),
    [
        (weights.DETECTOR, detector_to_onnx),
        (weights.RECOGNITION, embedder_to_onnx),
        (weights.LANDMARKS, landmarks_to_npz),
    ],
)
def test_conversion__of_damaged_files__refused(model, convert) -> None:  # type: ignore[no-untyped-def]
    data = weights._source_bytes(model)
    for damaged in (b"", data[: len(data) // 3], data[:-1], data + b"\x01\x01", data[40:]):
        with pytest.raises(FileInvalid):
            convert(damaged)
