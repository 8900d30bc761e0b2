"""Constants of the circuits, generated from the Python definition so that only one exists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mip_cli.crypto import poseidon2

CONSTANTS_FILE = "poseidon2_constants.circom"
WIDTHS = (2, 4)
"""Widths the circuits use: 2 for the tree, 4 for leaf and keys root."""


def constants_source() -> str:
    """Return the circom source with the Poseidon2 constants.

    For each width W in ``WIDTHS`` it defines the functions ``poseidon2FullConstantsW()``
    (8 rows of W), ``poseidon2PartialConstantsW()`` (56) and ``poseidon2DiagonalW()`` (W).
    """
    parts = [
        "// Generated from mip_cli.crypto.poseidon2 by mip_cli.zk.constants; do not edit.",
        "pragma circom 2.2.0;",
    ]
    for width in WIDTHS:
        p = poseidon2.parameters(width)
        rows = ",\n".join(f"        [{_join(row, 9)}]" for row in p.full)
        parts.append(_function(f"poseidon2FullConstants{width}", f"[\n{rows}\n    ]"))
        flat = f"[\n        {_join(p.partial, 8)}\n    ]"
        parts.append(_function(f"poseidon2PartialConstants{width}", flat))
        parts.append(_function(f"poseidon2Diagonal{width}", f"[{_join(p.diagonal, 8)}]"))
    return "\n\n".join(parts) + "\n"


def write_constants(directory: Path) -> Path:
    """Write the generated circom file into ``directory`` unless it is there already."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / CONSTANTS_FILE
    source = constants_source()
    if not path.is_file() or path.read_text() != source:
        temporary = path.with_suffix(".tmp")
        temporary.write_text(source)
        temporary.replace(path)
    return path


def _join(values: Iterable[int], indent: int) -> str:
    return (",\n" + " " * indent).join(str(value) for value in values)


def _function(name: str, value: str) -> str:
    return f"function {name}() {{\n    return {value};\n}}"
