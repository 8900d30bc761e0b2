"""The sectioned container of iden3's files (.r1cs, .wtns, .zkey, .ptau), read and written whole."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from mip_cli.errors import FileInvalid

MAX_SECTIONS = 64
"""More sections than any known format has; a bound for hostile files."""


def parse(data: bytes, magic: bytes, version: int) -> dict[int, memoryview]:
    """Split a file into its sections by number.

    Raises ``FileInvalid`` for another format, sections that repeat or do not fit the file.
    """
    view = memoryview(data)
    if len(data) < 12 or bytes(view[:4]) != magic:
        raise FileInvalid(f"not a .{magic.decode()} file")
    found_version, count = struct.unpack_from("<II", view, 4)
    if found_version > version or count > MAX_SECTIONS:
        raise FileInvalid(f"unknown version of a .{magic.decode()} file")
    sections: dict[int, memoryview] = {}
    position = 12
    for _ in range(count):
        if position + 12 > len(data):
            raise FileInvalid(f"truncated .{magic.decode()} file")
        number, size = struct.unpack_from("<IQ", view, position)
        position += 12
        if number in sections or size > len(data) - position:
            raise FileInvalid(f"broken section {number} in a .{magic.decode()} file")
        sections[number] = view[position : position + size]
        position += size
    return sections


def section(sections: Mapping[int, memoryview], number: int) -> memoryview:
    """Return a section; raise ``FileInvalid`` when it is missing."""
    try:
        return sections[number]
    except KeyError as error:
        raise FileInvalid(f"the file has no section {number}") from error


def build(magic: bytes, version: int, sections: Sequence[tuple[int, bytes | memoryview]]) -> bytes:
    """Join sections, in the order given, into a file."""
    parts: list[bytes | memoryview] = [magic, struct.pack("<II", version, len(sections))]
    for number, body in sections:
        parts += [struct.pack("<IQ", number, len(body)), body]
    return b"".join(parts)
