"""Sizes of the circuits, and what their last build took."""

from __future__ import annotations

from benchmarks.common import Context, Figures
from mip_cli.zk.artifacts import circuit_folder, read_stamp

CIRCUITS = ("passport", "guardian_approval", "passport_512")


def measure(context: Context) -> Figures:
    """Read the stamps of all circuits."""
    figures: Figures = {}
    for name in CIRCUITS:
        folder = circuit_folder(context.settings, name)
        stamp = read_stamp(folder)
        figures[f"{name}.constraints"] = stamp.constraints
        figures[f"{name}.zkey_mib"] = (folder / f"{name}.zkey").stat().st_size / 2**20
        figures[f"setup.{name}.seconds"] = sum(stamp.seconds.values())
        if name == "passport":
            figures["passport.wires"] = stamp.wires
    figures["setup.seconds"] = sum(figures[f"setup.{name}.seconds"] for name in CIRCUITS)
    return figures
