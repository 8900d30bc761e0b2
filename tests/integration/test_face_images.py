"""The decoder process: right pixels, clear refusals, nothing without a bound."""

import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from mip_cli.errors import FileInvalid
from mip_cli.face import _decoder, images
from mip_cli.face.images import PendingImage, load_image

RED, BLUE = (250, 10, 20), (10, 20, 250)


def picture(rows: int = 120, columns: int = 200) -> np.ndarray:
    """Return an RGB picture, red above and blue below, red also at the left of the lower half."""
    image = np.empty((rows, columns, 3), dtype=np.uint8)
    image[: rows // 2], image[rows // 2 :] = RED, BLUE
    image[rows // 2 :, : columns // 4] = RED
    return image


def encoded(image: np.ndarray, kind: str = "png", *flags: int) -> bytes:
    return cv2.imencode(f".{kind}", np.ascontiguousarray(image[..., ::-1]), flags)[1].tobytes()


def noise(rows: int, columns: int) -> np.ndarray:
    small = np.random.default_rng(5).integers(
        0, 255, (rows // 20, columns // 20, 3), dtype=np.uint8
    )
    return cv2.resize(small, (columns, rows))


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "bmp"])
def test_decode__gives_the_pixels(kind: str) -> None:
    decoded = load_image(encoded(picture(), kind))
    assert decoded.shape == (120, 200, 3)
    assert np.abs(decoded[10, 10].astype(int) - RED).max() < 12
    assert np.abs(decoded[110, 190].astype(int) - BLUE).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode__turns_the_picture_upright(orientation: int) -> None:
    upright = picture()
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, 3),
    }[orientation]
    data = encoded(stored)
    tiff = b"II" + struct.pack("<HIHHHIHH", 42, 8, 1, 0x0112, 3, 1, orientation, 0)
    chunk = b"eXIf" + tiff
    chunk = struct.pack(">I", len(tiff)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    decoded = load_image(data[:33] + chunk + data[33:])
    assert np.array_equal(decoded, upright)


def test_decode__of_a_large_photo__is_bounded() -> None:
    decoded = load_image(encoded(noise(5000, 8000), "jpeg"))
    assert decoded.shape[0] * decoded.shape[1] <= _decoder.MAX_WORKING_PIXELS * 1.01
    assert decoded.shape[1] / decoded.shape[0] == pytest.approx(1.6, abs=0.01)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_decode__of_cut_off_data_with_its_end_mark__refused(kind: str) -> None:
    data = encoded(noise(400, 400), kind)
    assert load_image(data).shape == (400, 400, 3)
    half = data[: len(data) // 2]
    if kind == "jpeg":
        broken = half + b"\xff\xd9"
    elif kind == "png":
        broken = half[: len(half) - len(half) % 2] + data[-12:]
    else:
        broken = half[:4] + struct.pack("<I", len(half) - 8) + half[8:]
    with pytest.raises(FileInvalid, match="cut off|broken"):
        load_image(broken)


def test_decode__of_a_png_bomb__refused() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    with pytest.raises(FileInvalid, match="claims 50000 x 50000 pixels"):
        load_image(data + chunk(b"IEND", b""))


def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put another program in the decoder's place, as if hostile data had taken it over."""
    path = tmp_path / "decoder.py"
    path.write_text("import os, sys, time\nsys.stdin.buffer.read()\n" + body)
    monkeypatch.setattr(_decoder, "__file__", str(path))


def test_decoder__that_never_answers__is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder(tmp_path, monkeypatch, "time.sleep(60)\n")
    monkeypatch.setattr(images, "TIME_LIMIT", 0.5)
    start = time.monotonic()
    with pytest.raises(FileInvalid, match="takes longer"):
        load_image(encoded(picture()))
    assert time.monotonic() - start < 50  # it would sleep longer


@pytest.mark.parametrize(
    "place", ["        image = cv2.imdecode(", "        import cv2"], ids=["decoding", "loading"]
)
def test_decoder__that_computes_without_end__is_stopped_by_its_own_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Long before the time it may wait is over."""
    reached = tmp_path / "reached"
    spin = f"        open({str(reached)!r}, 'w').close()\n        while True: pass\n"
    source = Path(_decoder.__file__).read_text()
    assert source.count(place) == source.count("LOADING_SECONDS = 30\n") == 1
    source = source.replace(place, spin + place)
    loading = 2 if "import" in place else 10_000  # one limit at a time
    source = source.replace("LOADING_SECONDS = 30\n", f"LOADING_SECONDS = {loading}\n")
    (tmp_path / "spinning.py").write_text(source)
    monkeypatch.setattr(_decoder, "__file__", str(tmp_path / "spinning.py"))
    monkeypatch.setattr(images, "TIME_LIMIT", 120.0)
    with pytest.raises(FileInvalid, match="within the limits"):
        load_image(encoded(picture()))
    assert reached.exists()


def test_decoder__on_a_busy_machine__gets_the_time_to_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits longer than it may compute."""
    answer = r"b'\0\1\0\0\0\1\0\0\0abc'"
    decoder(tmp_path, monkeypatch, f"time.sleep({_decoder.CPU_SECONDS + 1}); os.write(1, {answer})")
    assert load_image(encoded(picture())).tobytes() == b"abc"


@pytest.mark.parametrize(
    "body",
    [
        "os._exit(1)",
        "os.write(1, b'\\0')",
        "os.write(1, b'\\0' + bytes(8) + b'x')",
        "os.write(1, b'\\0' + b'\\xff' * 8 + bytes(100))",
        "while True: os.write(1, bytes(1 << 20))",
    ],
)
def test_decoder__that_answers_nonsense__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    decoder(tmp_path, monkeypatch, body)
    with pytest.raises(FileInvalid, match="within the limits"):
        load_image(encoded(picture()))


def test_decoder__sees_neither_environment_nor_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "secret")
    seen = tmp_path / "seen"
    with (tmp_path / "open").open("wb") as handle:
        decoder(
            tmp_path,
            monkeypatch,
            "seen = repr((dict(os.environ), os.listdir('/proc/self/fd')))\n"
            f"open({str(seen)!r}, 'w').write(seen)",
        )
        with pytest.raises(FileInvalid):
            load_image(encoded(picture()))
        assert handle.fileno() >= 3
    environment, descriptors = eval(seen.read_text())  # noqa: S307 - our own repr
    assert "CANARY" not in environment
    assert set(descriptors) <= {"0", "1", "2", "3", "4"}  # standard ones, the file, the listing


def test_decoder__has_a_memory_limit(tmp_path: Path) -> None:
    source = Path(_decoder.__file__).read_text()
    greedy = source.replace(
        "image = cv2.imdecode(", "hog = bytearray(2 << 30)\n        image = cv2.imdecode("
    )
    assert greedy != source
    (tmp_path / "greedy.py").write_text(greedy)
    original = _decoder.__file__
    try:
        _decoder.__file__ = str(tmp_path / "greedy.py")
        with pytest.raises(FileInvalid, match="too much memory"):
            load_image(encoded(picture()))
    finally:
        _decoder.__file__ = original


def test_cancel__leaves_nothing_behind() -> None:
    pending = PendingImage(encoded(noise(4000, 4000), "jpeg"))
    pending.cancel()
    with pytest.raises(ValueError, match="closed"):
        pending.result()
