"""Laws of the proof file: decode undoes encode, and no other bytes mean anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.chain.abi import checksum
from mip_cli.crypto.field import P, R
from mip_cli.errors import FileInvalid, ProofInvalid
from mip_cli.flows.passport import proof_file
from mip_cli.flows.passport.proof_file import AppCall, ProofFile
from mip_cli.zk.proof import Proof

VECTORS = Path(__file__).parent.parent / "vectors" / "proof_file.json"
SAMPLE = json.loads(VECTORS.read_text())["cases"][0]["file"].encode()

coordinates = st.integers(0, P - 1)
points = st.tuples(coordinates, coordinates).filter(any)
twisted = st.tuples(points, points)
elements = st.integers(1, R - 1)
counts = st.integers(0, (1 << 53) - 1)
addresses = st.binary(min_size=20, max_size=20).map(checksum)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
purposes = texts.filter(lambda text: 0 < len(text.encode()) <= proof_file.MAX_PURPOSE)
calls = st.builds(
    AppCall,
    st.from_regex(r"[A-Za-z_$][A-Za-z0-9_$]{0,20}\([a-z0-9,\[\]]{0,40}\)", fullmatch=True),
    st.lists(texts, max_size=4).map(tuple),
)
files = st.builds(
    ProofFile,
    proof=st.builds(Proof, points, twisted, points),
    circuit=texts,
    verifying_key=st.binary(min_size=32, max_size=32).map(bytes.hex),
    chain_id=counts,
    registry=addresses,
    app=addresses,
    purpose=purposes,
    payload=st.binary(min_size=32, max_size=32),
    level=st.integers(1, 3),
    root=elements,
    nullifier=elements,
    beneficiary=addresses,
    nonce=counts,
    deadline=counts,
    call=st.none() | calls,
)


@given(files)
def test_decode__undoes_encode(file: ProofFile) -> None:
    data = proof_file.encode(file)
    read = proof_file.decode(data)
    assert read == file
    assert proof_file.encode(read) == data
    assert all(0 <= signal < R for signal in read.signals)


@given(st.binary(max_size=300))
def test_decode__of_any_bytes__is_one_of_our_refusals(data: bytes) -> None:
    with pytest.raises(FileInvalid):
        proof_file.decode(data)


@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255))
def test_decode__one_byte_changed__is_refused_or_says_something_else(at: int, byte: int) -> None:
    changed = SAMPLE[:at] + bytes([byte]) + SAMPLE[at + 1 :]
    try:
        read = proof_file.decode(changed)
    except (FileInvalid, ProofInvalid):
        return
    same = read == proof_file.decode(SAMPLE)
    assert same == (json.loads(changed) == json.loads(SAMPLE))


@pytest.mark.thorough
@given(files, files)
def test_signals__of_another_statement__differ(one: ProofFile, other: ProofFile) -> None:
    """Root and level share a signal; every other bound value has its own way into them."""
    bound = ("nullifier", "chain_id", "app", "purpose", "payload", "beneficiary", "nonce")
    if any(getattr(one, name) != getattr(other, name) for name in (*bound, "deadline")):
        assert one.signals != other.signals
