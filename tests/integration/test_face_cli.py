"""``mip face`` and ``mip models`` as a user meets them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from mip_cli.cli import main
from mip_cli.config import find_checkout

ROOT = find_checkout() or Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("MIP_BUILD_DIR", str(ROOT / "build"))
    monkeypatch.delenv("MIP_MODEL_DIR", raising=False)


@pytest.fixture
def astronaut(tmp_path: Path) -> str:
    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR))
    return str(path)


@pytest.fixture
def empty(tmp_path: Path) -> str:
    path = tmp_path / "empty.jpg"
    cv2.imwrite(str(path), np.full((300, 300, 3), 120, dtype=np.uint8))
    return str(path)


def test_detect__json_and_picture(
    astronaut: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "found.png"
    assert main(["face", "detect", "--image", astronaut, "-o", str(picture), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "mip.face.detect/1"
    assert document["usable"] is True
    assert len(document["faces"]) == 1
    assert len(document["landmarks"]) == 5
    assert picture.read_bytes().startswith(b"\x89PNG")
    before = picture.read_bytes()
    assert main(["face", "detect", "--image", astronaut, "-o", str(picture)]) == 2
    assert picture.read_bytes() == before
    assert main(["face", "detect", "--image", astronaut, "-o", str(picture), "--force"]) == 0


def test_detect__without_a_face__says_what_to_do(
    empty: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["face", "detect", "--image", empty]) == 1
    told = capsys.readouterr()
    assert "mip: error: no face was found in the photo\nmip: hint: " in told.err
    assert "usable" in told.out
    assert main(["face", "detect", "--image", empty, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["usable"], document["refusal"]) == (False, "no face was found in the photo")


def test_detect__of_a_broken_file__is_another_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    assert main(["face", "detect", "--image", str(tmp_path / "broken.jpg")]) == 3
    assert "mip: error: the image is cut off" in capsys.readouterr().err


def test_compare__prints_distance_and_threshold(
    astronaut: str, empty: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["face", "compare", astronaut, astronaut]) == 0
    out = capsys.readouterr().out
    assert "distance   0" in out
    assert "threshold  14400" in out
    assert main(["face", "compare", astronaut, empty]) == 1
    assert "second photo: no face" in capsys.readouterr().err


def test_evaluate__json(
    astronaut: str, empty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(
        "path_a,path_b,same\nastronaut.png,astronaut.png,1\nastronaut.png,empty.jpg,0\n"
        "empty.jpg,astronaut.png,1\n"
    )
    plot = tmp_path / "det.png"
    command = ["face", "evaluate", "--pairs", str(pairs), "--root", str(tmp_path)]
    assert main([*command, "--json", "-o", str(plot)]) == 0
    document = json.loads(capsys.readouterr().out)
    expected = {
        "false_matches": 0,
        "false_non_matches": 1,
        "undetected": 1,
        "genuine": 2,
        "impostor": 1,
        "threshold": 14_400,
        "spec": "dlib-128/1",
    }
    assert {name: document[name] for name in expected} == expected
    assert 0 <= document["eer"] <= 1
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert main([*command, "--backend", "yunet+sface"]) == 3
    assert "mip models pull" in capsys.readouterr().err


def test_evaluate__of_a_missing_photo__names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pairs.csv").write_text("path_a,path_b,same\na.jpg,b.jpg,1\na.jpg,c.jpg,0\n")
    pairs = str(tmp_path / "pairs.csv")
    assert main(["face", "evaluate", "--pairs", pairs, "--root", str(tmp_path)]) == 3
    assert "mip: error: a.jpg: cannot read" in capsys.readouterr().err


def test_output_and_json__cannot_share_stdout(
    astronaut: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["face", "detect", "--image", astronaut, "-o", "-", "--json"]) == 2
    assert "both want standard output" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["face"],
        ["face", "detect"],
        ["face", "compare"],
        ["face", "evaluate"],
        ["models"],
        ["models", "list"],
        ["models", "build"],
        ["models", "pull"],
    ],
)
def test_help__ends_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "mip " + " ".join(command) in text.rstrip().splitlines()[-1]
    if command[0] == "face":
        assert "gate, not a key" in " ".join(text.split())


def test_models__list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "build"]) == 0
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    states = {one["name"]: one["state"] for one in document["models"]}
    assert states["dlib-resnet128.onnx"] == "ready"
    assert states["yunet"] == "missing"
