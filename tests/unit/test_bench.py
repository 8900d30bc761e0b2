"""The benchmark's keys are the documented ones."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchmarks.figures import DOCUMENTED, GROUPS  # noqa: E402

FIGURES = {figure.key: figure for group in GROUPS.values() for figure in group}
ROW = re.compile(r"\| `([a-z0-9_.A-Z]+)` \| (\S*) ?\| ([0-9.,]*) ?\| (?:`(\S+)`)? ?\| (.+) \|")


def test_documented_keys__are_the_measured_ones() -> None:
    rows = [ROW.fullmatch(line) for line in (ROOT / "docs/bench.md").read_text().splitlines()]
    documented = {
        row[1]: (row[2], float(row[3].replace(",", "")) if row[3] else None, row[4])
        for row in rows
        if row
    }
    assert documented == {
        key: (figure.unit, figure.bar, figure.peer) for key, figure in FIGURES.items()
    }


def test_peers__are_figures_themselves() -> None:
    assert {figure.peer for figure in FIGURES.values() if figure.peer} <= FIGURES.keys()
    assert DOCUMENTED.keys() <= {figure.key for figure in GROUPS["peers"]}
