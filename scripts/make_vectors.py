"""Make tests/vectors/: the answers that circom, Python and Vyper must all give."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import click

from mip_cli.crypto import binding, commitments
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree, MerklePath
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import WIDTHS, compress, permute
from mip_cli.zk.manifest import load_manifest
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    public_signals,
)

ROOT = Path(__file__).resolve().parents[1]
VECTORS = ROOT / "tests" / "vectors"
_SHORT_LIST = re.compile(r"\[\s+([^\[\]{}]*?)\s+\]")
_EDGES = (0, 1, R - 1)


@click.command(
    epilog="Example: scripts/make_vectors.py --check",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file differs.")
def main(check: bool) -> None:
    """Write the vectors, or check that those in the repository are the ones this code makes."""
    different = []
    for name, document in documents().items():
        path = VECTORS / name
        text = render(document)
        if path.exists() and path.read_text() == text:
            continue
        different.append(name)
        if not check:
            path.write_text(text)
    for name in different:
        click.echo(f"{name}: {'differs' if check else 'written'}", err=True)
    sys.exit(1 if check and different else 0)


def documents() -> dict[str, object]:
    """Return every vector file by name, with integers as decimal strings."""
    return {
        "binding.json": _binding(),
        "commitments.json": _commitments(),
        "passport.json": _passport(),
        "poseidon.json": _poseidon(),
        "poseidon2.json": _poseidon2(),
        "tree.json": _tree(),
    }


def render(document: object) -> str:
    """Write a document with each list of plain values on one line."""
    text = json.dumps(document, indent=1)
    return _SHORT_LIST.sub(lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text) + "\n"


def element(label: str) -> int:
    """Derive a field element from a label, the same in every run."""
    return int.from_bytes(hashlib.sha512(label.encode()).digest(), "big") % R


def coordinates(label: str, count: int, reach: int) -> tuple[int, ...]:
    """Derive small signed coordinates from a label."""
    return tuple(element(f"{label} {i}") % (2 * reach + 1) - reach for i in range(count))


def _text(values: list[int] | tuple[int, ...]) -> list[str]:
    return [str(value) for value in values]


def _poseidon() -> object:
    cases = [list(range(1, n + 1)) for n in range(1, 17)]
    cases += [[x] * n for x in _EDGES for n in (1, 2, 4, 7)]
    cases += [[element(f"poseidon {n} {i}") for i in range(n)] for n in range(1, 17)]
    return {
        "schema": "mip.vectors.poseidon/1",
        "cases": [{"inputs": _text(case), "output": str(poseidon(*case))} for case in cases],
    }


def _poseidon2() -> object:
    found = []
    for width in WIDTHS:
        cases = [list(range(width)), *([x] * width for x in _EDGES)]
        cases += [[element(f"poseidon2 {width} {k} {i}") for i in range(width)] for k in range(4)]
        for case in cases:
            found.append(
                {
                    "inputs": _text(case),
                    "permutation": _text(permute(case)),
                    "compression": str(compress(*case)),
                }
            )
    return {"schema": "mip.vectors.poseidon2/1", "cases": found}


def _commitments() -> object:
    tags = ("IDENTITY", "NULLIFIER", "FACE", "PASSWORD", "GUARDIAN", "KEYS", "LEAF")
    anchors = (
        "0x" + "00" * 19 + "01",
        "0x" + "ff" * 20,
        "0x00112233445566778899aabbccddeeff01020304",
    )
    faces, passports = [], []
    for count, spec in ((128, 1), (128, 2**120 - 1), (512, 12345), (31, 0), (434, 7), (435, 7)):
        template = coordinates(f"template {count}", count, 127)
        salt = element(f"face salt {count}") >> 8
        faces.append(
            {
                "template": list(template),
                "salt": str(salt),
                "spec_id": str(spec),
                "packed": _text(commitments.pack_template(template)),
                "commitment": str(commitments.face_commitment(template, salt, spec)),
            }
        )
    for number, anchor in enumerate(anchors):
        secret, stretched = element(f"secret {number}"), element(f"stretched {number}")
        guardian_salt = element(f"guardian salt {number}") >> 8
        keys_salt = element(f"keys salt {number}") >> 8
        epoch = (0, 1, 2**32 - 1)[number]
        scope = element(f"scope {number}") >> 8
        face = int(faces[number]["commitment"])  # type: ignore[call-overload]
        identity = commitments.identity_commitment(secret)
        password = commitments.password_commitment(stretched)
        guardian = commitments.empty_guardian_commitment(guardian_salt)
        keys = commitments.keys_root(face, password, guardian, keys_salt)
        values: dict[str, int] = {
            "secret": secret,
            "stretched": stretched,
            "guardian_salt": guardian_salt,
            "keys_salt": keys_salt,
            "epoch": epoch,
            "scope": scope,
            "face_commitment": face,
            "identity_commitment": identity,
            "password_commitment": password,
            "guardian_commitment": guardian,
            "keys_root": keys,
            "leaf": commitments.leaf(identity, anchor, keys, epoch),
            "nullifier": commitments.nullifier(secret, anchor, scope),
        }
        passports.append({"anchor": anchor} | {name: str(x) for name, x in values.items()})
    return {
        "schema": "mip.vectors.commitments/1",
        "tags": {name.lower(): str(getattr(commitments, f"TAG_{name}")) for name in tags},
        "faces": faces,
        "passports": passports,
    }


def _path(path: MerklePath) -> dict[str, object]:
    return {
        "leaf": str(path.leaf),
        "root": str(path.root),
        "siblings": _text(path.siblings),
        "node_is_right": list(path.node_is_right),
    }


def _tree() -> object:
    cases = []
    for size in (1, 2, 3, 4, 5, 7, 8, 13, 33):
        leaves = [element(f"leaf {i}") for i in range(size)]
        tree = LeanTree(leaves)
        indices = sorted({0, size // 2, size - 1})
        case: dict[str, object] = {
            "leaves": _text(leaves),
            "root": str(tree.root),
            "depth": tree.depth,
            "paths": [{"index": i} | _path(tree.path(i)) for i in indices],
        }
        tree.update(size // 2, binding.revoked_leaf())
        case["root_after_revoking_the_middle"] = str(tree.root)
        cases.append(case)
    return {
        "schema": "mip.vectors.tree/1",
        "revoked": str(binding.revoked_leaf()),
        "cases": cases,
    }


def _binding() -> object:
    contract, beneficiary = "0x" + "c0" * 20, "0x" + "be" * 20
    scopes: list[dict[str, object]] = []
    for chain, purpose in ((1, ""), (31337, "vote: budget 2027"), (2**64 - 1, "Zürich, 2027 ✓")):
        value = binding.scope_of(chain, contract, purpose)
        scopes.append(
            {"chain_id": str(chain), "contract": contract, "purpose": purpose, "scope": str(value)}
        )
    messages: list[dict[str, object]] = []
    for chain, nonce, deadline in (
        (1, 0, 0),
        (31337, 7, 1_800_000_000),
        (31337, 2**256 - 1, 2**64),
    ):
        payload = hashlib.sha256(f"payload {nonce}".encode()).digest()
        message = binding.message_of(
            chain,
            contract,
            beneficiary=beneficiary,
            payload=payload,
            nonce=nonce,
            deadline=deadline,
        )
        messages.append(
            {
                "chain_id": str(chain),
                "contract": contract,
                "beneficiary": beneficiary,
                "payload": "0x" + payload.hex(),
                "nonce": str(nonce),
                "deadline": str(deadline),
                "message": str(message),
            }
        )
    return {"schema": "mip.vectors.binding/1", "scopes": scopes, "messages": messages}


def _passport() -> object:
    circuit = load_manifest(ROOT / "circuits" / "circuits.json").circuit("passport")
    parameters = PassportParameters.of(circuit)
    cases = []
    for number, (use, members) in enumerate(
        (("both", 21), ("face", 1), ("password", 5), ("both", 0))
    ):
        witness = _witness(parameters, number, use, members)
        face = witness.face
        cases.append(
            {
                "secret": str(witness.secret),
                "anchor": witness.anchor,
                "epoch": witness.epoch,
                "face_commitment": str(witness.face_commitment),
                "password_commitment": str(witness.password_commitment),
                "guardian_commitment": str(witness.guardian_commitment),
                "keys_salt": str(witness.keys_salt),
                "scope": str(witness.scope),
                "message": str(witness.message),
                "path": None if witness.path is None else _path(witness.path),
                "face": face
                and {
                    "template": list(face.template),
                    "salt": str(face.salt),
                    "probe": list(face.probe),
                },
                "stretched": None if witness.stretched is None else str(witness.stretched),
                "level": witness.level,
                "leaf": str(witness.leaf),
                "public_signals": _text(public_signals(witness)),
            }
        )
    return {
        "schema": "mip.vectors.passport/1",
        "params": _text(circuit.params),
        "signals": list(circuit.signals),
        "cases": cases,
    }


def _witness(
    parameters: PassportParameters, number: int, use: str, members: int
) -> PassportWitness:
    template = coordinates(f"passport template {number}", parameters.dimension, 60)
    noise = coordinates(f"passport noise {number}", parameters.dimension, 12)
    probe = tuple(a - d for a, d in zip(template, noise, strict=True))
    salt = element(f"passport face salt {number}") >> 8
    stretched = element(f"passport stretched {number}")
    leaf_proof = PassportWitness(
        secret=element(f"passport secret {number}"),
        anchor="0x" + hashlib.sha256(f"anchor {number}".encode()).hexdigest()[:40],
        epoch=number,
        face_commitment=commitments.face_commitment(template, salt, parameters.spec_id),
        password_commitment=commitments.password_commitment(stretched),
        guardian_commitment=commitments.empty_guardian_commitment(element(f"guardian {number}")),
        keys_salt=element(f"passport keys salt {number}") >> 8,
        scope=element(f"passport scope {number}") >> 8,
        message=element(f"passport message {number}") >> 8,
        face=None if use == "password" else FaceOpening(template, salt, probe),
        stretched=None if use == "face" else stretched,
    )
    if members == 0:
        return leaf_proof
    leaves = [element(f"passport member {number} {i}") for i in range(members)]
    leaves[-1] = leaf_proof.leaf
    return replace(leaf_proof, path=LeanTree(leaves).path(members - 1))


if __name__ == "__main__":
    main()
