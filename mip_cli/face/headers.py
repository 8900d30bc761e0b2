"""Reads type, size and orientation from image headers, before any decoder sees the data.

JPEG (ITU T.81), PNG (ISO 15948), WebP (RFC 9649) and BMP; orientation from Exif 2.3.
Pure Python over bytes in memory: a wrong length can only raise.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from mip_cli.errors import FileInvalid

_SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class ImageHeader:
    """What a header claims."""

    kind: str
    """``jpeg``, ``png``, ``webp`` or ``bmp``."""
    width: int
    """Stored columns, before the orientation is applied."""
    height: int
    """Stored rows."""
    orientation: int = 1
    """Exif orientation, 1 to 8; 1 means upright."""


def read_header(data: bytes) -> ImageHeader:
    """Return what the header says.

    Raises ``FileInvalid`` for an unknown type, and for a file that ends before its image does.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            header = _jpeg(data)
        elif data.startswith(b"\x89PNG\r\n\x1a\n"):
            header = _png(data)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            header = _webp(data)
        elif data.startswith(b"BM"):
            header = _bmp(data)
        else:
            raise FileInvalid(
                "the file is not an image of a known type", hint="use JPEG, PNG, WebP or BMP"
            )
    except (struct.error, IndexError) as error:
        raise _cut_off() from error
    if header.width < 1 or header.height < 1:
        raise FileInvalid("the image has no pixels")
    return header


def _cut_off() -> FileInvalid:
    return FileInvalid("the image is cut off", hint="copy or download the file again")


def _jpeg(data: bytes) -> ImageHeader:
    at, size, orientation = 2, None, 1
    while True:
        if data[at] != 0xFF:
            raise FileInvalid("the JPEG header is broken")
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in _BARE_MARKERS:
            continue
        if marker == 0xD9:
            raise FileInvalid("the JPEG holds no image")
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + length]
        if marker in _SOF_MARKERS:
            height, width = struct.unpack_from(">HH", body, 1)
            size = (width, height)
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and orientation == 1:
            orientation = _exif_orientation(body[6:])
        at += max(length, 2)
        if marker == 0xDA:
            break
    if size is None:
        raise FileInvalid("the JPEG header is broken")
    # Entropy-coded data escapes 0xFF, so this pair after the scan can only be the end marker.
    if data.find(b"\xff\xd9", at) < 0:
        raise _cut_off()
    return ImageHeader("jpeg", size[0], size[1], orientation)


def _png(data: bytes) -> ImageHeader:
    at, size, orientation = 8, None, 1
    while True:
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + min(length, 1 << 16)]
        if name == b"IHDR":
            width, height = struct.unpack_from(">II", body)
            size = (width, height)
        elif size is None:
            raise FileInvalid("the PNG header is broken")
        elif name == b"eXIf":
            orientation = _exif_orientation(body)
        elif name == b"IEND":
            return ImageHeader("png", size[0], size[1], orientation)
        elif name == b"acTL":
            raise FileInvalid("the PNG is animated", hint="use a still photo")
        at += 12 + length


def _webp(data: bytes) -> ImageHeader:
    (declared,) = struct.unpack_from("<I", data, 4)
    if declared + 8 > len(data):
        raise _cut_off()
    at, size, orientation = 12, None, 1
    while at + 8 <= declared + 8:
        name, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + min(length, 1 << 16)]
        if name == b"VP8X":
            if body[0] & 0x02:
                raise FileInvalid("the WebP is animated", hint="use a still photo")
            size = (1 + _three(body, 4), 1 + _three(body, 7))
        elif name == b"VP8 " and size is None:
            width, height = struct.unpack_from("<HH", body, 6)
            size = (width & 0x3FFF, height & 0x3FFF)
        elif name == b"VP8L" and size is None:
            (bits,) = struct.unpack_from("<I", body, 1)
            size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        elif name == b"EXIF":
            orientation = _exif_orientation(body.removeprefix(b"Exif\0\0"))
        at += 8 + length + (length & 1)
    if size is None:
        raise FileInvalid("the WebP holds no image")
    return ImageHeader("webp", size[0], size[1], orientation)


def _three(body: bytes, at: int) -> int:
    return int.from_bytes(struct.unpack_from("3s", body, at)[0], "little")


def _bmp(data: bytes) -> ImageHeader:
    start, header_size = struct.unpack_from("<II", data, 10)
    if header_size < 40:
        raise FileInvalid("the BMP is of an old kind", hint="use JPEG, PNG or WebP")
    width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
    if compression == 0 and start + (abs(width) * depth + 31) // 32 * 4 * abs(height) > len(data):
        raise _cut_off()
    return ImageHeader("bmp", width, abs(height))


def _exif_orientation(tiff: bytes) -> int:
    """Return the orientation tag of the first directory; 1 when it is absent or damaged."""
    order: Literal["<", ">"] = "<" if tiff[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, at)
        for index in range(min(entries, 512)):
            tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * index)
            if tag == _ORIENTATION_TAG and kind == 3 and count == 1 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass
    return 1
