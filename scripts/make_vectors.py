"""Make tests/vectors/: the answers that circom, Python and Vyper must all give."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import archive_vector
import click
import credential_vector
import grant_vector
import keyfile_vector

from mip_cli.crypto import binding, commitments, guardian_set
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
        "credentials.json": credential_vector.document(),
        "guardian.json": _guardian(),
        "archive.json": archive_vector.document(),
        "grants.json": grant_vector.document(),
        "keyfile.json": keyfile_vector.document(),
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
    tags = (
        "IDENTITY",
        "NULLIFIER",
        "FACE",
        "PASSWORD",
        "TWIN",
        "GUARDIAN",
        "GUARDIAN_LEAF",
        "GUARDIAN_SET",
        "APPROVAL",
        "KEYS",
        "LEAF",
    )
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
        people_key = element(f"people key {number}")
        keys_salt = element(f"keys salt {number}") >> 8
        arity = commitments.twin_arity(len(faces[number]["template"]))
        scope = element(f"scope {number}") >> 8
        face = int(faces[number]["commitment"])  # type: ignore[call-overload]
        identity = commitments.identity_commitment(secret)
        password = commitments.password_commitment(stretched)
        twin = commitments.twin_commitment(stretched, arity)
        guardian = commitments.guardian_commitment(people_key)
        keys = commitments.keys_root(face, password, twin, keys_salt)
        values: dict[str, int] = {
            "secret": secret,
            "stretched": stretched,
            "people_key": people_key,
            "keys_salt": keys_salt,
            "twin_arity": arity,
            "scope": scope,
            "face_commitment": face,
            "identity_commitment": identity,
            "password_commitment": password,
            "twin_commitment": twin,
            "guardian_commitment": guardian,
            "keys_root": keys,
            "leaf": commitments.leaf(identity, anchor, keys, guardian),
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
        "frozen": str(binding.frozen_leaf()),
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


def _guardian() -> object:
    recovery, registry = "0x" + "9e" * 20, "0x" + "4e" * 20
    cases = []
    for number, (threshold, quorum, position) in enumerate(((2, 3, 0), (1, 1, 9), (16, 16, 15))):
        guardians = [element(f"guardian secret {number} {i}") for i in range(guardian_set.PLACES)]
        salts = [element(f"guardian salt {number} {i}") >> 8 for i in range(guardian_set.PLACES)]
        leaves = tuple(map(guardian_set.guardian_leaf, guardians, salts))
        found = guardian_set.GuardianSet(
            leaves, threshold, quorum, element(f"set salt {number}") >> 8
        )
        chain, epoch, count = ((31337, 0, 0), (1, 2**32, 7), (2**64 - 1, 2**256 - 1, 2**256 - 1))[
            number
        ]
        anchor = "0x" + hashlib.sha256(f"anchor {number}".encode()).hexdigest()[:40]
        identity = commitments.identity_commitment(element(f"passport secret {number}"))
        keys = element(f"new keys root {number}")
        request = binding.recovery_request(
            chain, recovery, registry, identity, anchor, epoch, count, keys
        )
        cancellation = binding.cancel_request(
            chain, recovery, registry, identity, anchor, epoch, count
        )
        secret = guardians[position]
        values: dict[str, int] = {
            "chain_id": chain,
            "identity_commitment": identity,
            "guardian_epoch": epoch,
            "nonce": count,
            "changes": count,
            "new_keys_root": keys,
            "request": request,
            "cancellation": cancellation,
            "threshold": threshold,
            "quorum": quorum,
            "thresholds": found.thresholds,
            "set_salt": found.salt,
            "set_root": found.root,
            "set_commitment": found.commitment,
            "guardian_secret": secret,
            "guardian_salt": salts[position],
            "approval_nullifier": guardian_set.approval_nullifier(secret, request),
            "cancellation_nullifier": guardian_set.approval_nullifier(secret, cancellation),
        }
        cases.append(
            {"recovery": recovery, "registry": registry, "anchor": anchor}
            | {name: str(x) for name, x in values.items()}
            | {
                "leaves": _text(leaves),
                "position": position,
                "siblings": _text(found.path(position)),
            }
        )
    return {"schema": "mip.vectors.guardian/1", "depth": guardian_set.SET_DEPTH, "cases": cases}


def _passport() -> object:
    circuit = load_manifest(ROOT / "circuits" / "circuits.json").circuit("passport")
    parameters = PassportParameters.of(circuit)
    cases = []
    for number, (kinds, members) in enumerate(
        (("FP", 21), ("F", 1), ("P", 5), ("FP", 0), ("FG", 13), ("PG", 7), ("PG", 0))
    ):
        witness = _witness(parameters, number, kinds, members)
        face = witness.face
        cases.append(
            {
                "secret": str(witness.secret),
                "anchor": witness.anchor,
                "face_commitment": str(witness.face_commitment),
                "password_commitment": str(witness.password_commitment),
                "twin_commitment": str(witness.twin_commitment),
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
                "people_key": None if witness.people_key is None else str(witness.people_key),
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
    parameters: PassportParameters, number: int, kinds: str, members: int
) -> PassportWitness:
    template = coordinates(f"passport template {number}", parameters.dimension, 60)
    noise = coordinates(f"passport noise {number}", parameters.dimension, 12)
    probe = tuple(a - d for a, d in zip(template, noise, strict=True))
    salt = element(f"passport face salt {number}") >> 8
    stretched = element(f"passport stretched {number}")
    people = element(f"passport people {number}")
    arity = commitments.twin_arity(parameters.dimension)
    leaf_proof = PassportWitness(
        secret=element(f"passport secret {number}"),
        anchor="0x" + hashlib.sha256(f"anchor {number}".encode()).hexdigest()[:40],
        face_commitment=commitments.face_commitment(template, salt, parameters.spec_id),
        password_commitment=commitments.password_commitment(stretched),
        twin_commitment=commitments.twin_commitment(stretched, arity),
        guardian_commitment=commitments.guardian_commitment(people),
        keys_salt=element(f"passport keys salt {number}") >> 8,
        scope=element(f"passport scope {number}") >> 8,
        message=element(f"passport message {number}") >> 8,
        face=FaceOpening(template, salt, probe) if "F" in kinds else None,
        stretched=stretched if "P" in kinds else None,
        people_key=people if "G" in kinds else None,
    )
    if members == 0:
        return leaf_proof
    leaves = [element(f"passport member {number} {i}") for i in range(members)]
    leaves[-1] = leaf_proof.leaf
    return replace(leaf_proof, path=LeanTree(leaves).path(members - 1))


if __name__ == "__main__":
    main()
