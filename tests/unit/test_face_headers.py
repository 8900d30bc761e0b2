"""What an image header may claim before any decoder runs."""

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from mip_cli.errors import FileInvalid
from mip_cli.face.headers import ImageHeader, read_header
from mip_cli.face.images import MAX_BYTES, check_image, read_image_bytes

PICTURE = np.random.default_rng(7).integers(0, 255, (20, 30, 3), dtype=np.uint8)
KINDS = ("jpeg", "png", "webp", "bmp")


def encoded(kind: str) -> bytes:
    return cv2.imencode(f".{kind}", PICTURE)[1].tobytes()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


def exif(orientation: int, order: str = "<") -> bytes:
    mark = b"II" if order == "<" else b"MM"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(order + "HIH", 42, 8, 1) + entry + bytes(4)


def jpeg_with_exif(tiff: bytes) -> bytes:
    body = b"Exif\0\0" + tiff
    data = encoded("jpeg")
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


@pytest.mark.parametrize("kind", KINDS)
def test_header__of_each_kind(kind: str) -> None:
    assert read_header(encoded(kind)) == ImageHeader(kind, 30, 20)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_header__reads_the_orientation(orientation: int, order: str) -> None:
    tiff = exif(orientation, order)
    assert read_header(jpeg_with_exif(tiff)).orientation == orientation
    assert read_header(png(30, 20, chunk(b"eXIf", tiff))).orientation == orientation


@pytest.mark.parametrize("tiff", [exif(0), exif(9), exif(6)[:14], b"", b"II" + b"\xff" * 40])
def test_header__ignores_a_damaged_orientation(tiff: bytes) -> None:
    assert read_header(jpeg_with_exif(tiff)).orientation == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.97])
def test_header__of_a_truncated_file__refused(kind: str, keep: float) -> None:
    data = encoded(kind)
    with pytest.raises(FileInvalid, match="cut off|broken"):
        read_header(data[: int(len(data) * keep)])


@pytest.mark.parametrize("data", [b"hello world", b"GIF89a" + bytes(50), b"%PDF-1.7", bytes(100)])
def test_header__of_another_type__refused(data: bytes) -> None:
    with pytest.raises(FileInvalid, match="not an image of a known type"):
        check_image(data)


def test_image__of_zero_bytes__refused() -> None:
    with pytest.raises(FileInvalid, match="empty"):
        check_image(b"")


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (8000, 5001), (20_001, 1)])
def test_image__that_claims_too_many_pixels__refused(width: int, height: int) -> None:
    with pytest.raises(FileInvalid, match=f"claims {width} x {height} pixels"):
        check_image(png(width, height))
    assert check_image(png(8000, 5000)).width == 8000


def test_image__without_pixels__refused() -> None:
    with pytest.raises(FileInvalid, match="no pixels"):
        check_image(png(0, 10))


def test_image__animated__refused() -> None:
    with pytest.raises(FileInvalid, match="animated"):
        check_image(png(10, 10, chunk(b"acTL", bytes(8))))


def test_image__too_large__refused() -> None:
    with pytest.raises(FileInvalid, match="larger than 20 MiB"):
        check_image(encoded("png") + bytes(MAX_BYTES))


def test_read__of_a_file(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"content")
    assert read_image_bytes(tmp_path / "photo") == b"content"


def test_read__of_what_is_no_file__refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(FileInvalid, match="not a regular file"):
            read_image_bytes(path)


def test_read__of_nothing__refused(tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match="no such file"):
        read_image_bytes(tmp_path / "absent")
    with pytest.raises(FileInvalid, match="not a file name"):
        read_image_bytes(Path("a\0b"))


@pytest.mark.thorough
def test_read__stops_beyond_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert len(read_image_bytes(tmp_path / "sparse")) == MAX_BYTES + 1
