"""``mip guardian set``: the parts it hands out, and what it says before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mip_cli.chain.faults import NodeUntrusted
from mip_cli.cli._guardians import moment, when
from mip_cli.cli.guardian_sets import write_parts
from mip_cli.crypto import hpke
from mip_cli.crypto.guardian_set import guardian_leaf
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian import guardian_sets
from mip_cli.flows.guardian.guardian_documents import Passport
from mip_cli.flows.guardian.guardian_sets import Candidate
from mip_cli.flows.guardian.guardians import Draft
from mip_cli.units import Address, Commitment

ADDRESS = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
PASSPORT = Passport(31337, ADDRESS, ADDRESS, Commitment(5), ADDRESS)


def draft(*labels: str) -> Draft:
    candidates = [
        Candidate(label, bytes([i]) * 16, guardian_leaf(i + 1, i), hpke.random_keypair().public)
        for i, label in enumerate(labels)
    ]
    record, parts = guardian_sets.make(candidates, 1, 2, PASSPORT, "mip:1:x")
    return Draft("me", record, parts, {}, (), False)


@pytest.mark.parametrize("labels", [("李雷", "王芳"), ("Ben B", "ben-b"), ("ben", "eve")])
def test_write_parts__everybody_has_a_file_of_his_own(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    made = draft(*labels)
    written = write_parts(made, tmp_path)
    assert {label: path.read_bytes() for label, path in written.items()} == dict(made.parts)
    assert len(list(tmp_path.iterdir())) == len(labels)
    assert write_parts(made, tmp_path) == written, "the same command again"


@pytest.mark.parametrize("seconds", [1 << 38, 1 << 62, 1 << 64, (1 << 256) - 1])
def test_moment__of_a_lying_node__is_an_error_of_the_node(seconds: int) -> None:
    assert moment(1_700_000_000) == "2023-11-14 22:13 UTC"
    assert moment(None) is when(None) is None
    for show in (moment, when):
        with pytest.raises(NodeUntrusted, match="no calendar knows"):
            show(seconds)


def test_write_parts__something_else_is_never_written_over(tmp_path: Path) -> None:
    made = draft("ben", "eve")
    written = write_parts(made, tmp_path)
    for path in written.values():
        path.unlink()
    written["eve"].write_bytes(b"something else")
    with pytest.raises(UsageFault, match="exists"):
        write_parts(made, tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"something else"]


def test_write_parts__a_guardian_without_a_part__is_refused(tmp_path: Path) -> None:
    made = draft("ben", "eve")
    with pytest.raises(UsageFault, match="not every guardian"):
        write_parts(replace(made, parts={"ben": made.parts["ben"]}), tmp_path)
    assert not list(tmp_path.iterdir())
    assert write_parts(replace(made, parts={}, resumed=True), tmp_path) == {}
