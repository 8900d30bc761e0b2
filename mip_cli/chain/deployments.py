"""The record of a deployment: what stands where on one chain, and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mip_cli.chain.abi import checksum
from mip_cli.crypto import jsontext
from mip_cli.errors import FileInvalid
from mip_cli.units import Address

SCHEMA = "mip.deployment/2"
EARLIER = "mip.deployment/1"
"""Of suites with a contract of their own for the epochs, which this build cannot speak to."""
POSEIDON2 = "Poseidon2"
VERIFIER = "PassportVerifier"
GUARDIAN_VERIFIER = "GuardianVerifier"
RECOVERY = "GuardianRecovery"
REGISTRY = "PassportRegistry"
ANCHOR = "ArchiveAnchor"
PREDICATE_VERIFIER = "PredicateVerifier"
ISSUERS = "IssuerRegistry"
SELF_ATTESTATION = "SelfAttestation"
GATE = "PredicateGate"
GRANTS = "PermissionGrants"
DOCUMENT_VERIFIER = "DocumentVerifier"
DOCUMENT_GATE = "DocumentGate"
CIRCUITS = {
    VERIFIER: "passport",
    GUARDIAN_VERIFIER: "guardian_approval",
    PREDICATE_VERIFIER: "kyc_predicate",
    DOCUMENT_VERIFIER: "document_face",
}
"""Which circuit's verifying key each verifier holds."""


@dataclass(frozen=True)
class Contract:
    """One deployed contract."""

    name: str
    """The role it plays, such as ``PassportRegistry``."""
    address: Address
    """Where it is."""
    code_hash: bytes
    """Keccak-256 of its runtime code."""
    init_code_hash: bytes
    """Keccak-256 of what it was created from, constructor arguments included."""
    compiler: str
    """Name, version and settings of what compiled it."""


@dataclass(frozen=True)
class Deployment:
    """The suite on one chain."""

    chain_id: int
    """EIP-155 chain id."""
    contracts: tuple[Contract, ...]
    """In the order of deployment."""
    block: int
    """No event of the registry is older than this block."""
    block_hash: bytes
    """Hash of that block; another hash there means another chain."""
    verifying_keys: Mapping[str, str]
    """SHA-256 of the verifying key of each circuit, hexadecimal."""
    development: bool
    """Whether the keys come from a public seed: for local chains only."""
    source_commit: str
    """Commit of the sources, empty outside a repository."""
    source_dirty: bool
    """Whether the sources differed from that commit."""

    def find(self, name: str) -> Contract | None:
        """Return a contract by its role, or None."""
        return next((c for c in self.contracts if c.name == name), None)

    def address(self, name: str) -> Address:
        """Return the address of a contract; raise ``FileInvalid`` when the record lacks it."""
        found = self.find(name)
        if found is None:
            raise FileInvalid(
                f"the deployment record of chain {self.chain_id} has no {name}",
                hint="deploy again: mip deploy, or mip dev up for a local chain",
            )
        return found.address

    @property
    def registry(self) -> Address:
        """The passport registry."""
        return self.address(REGISTRY)

    @property
    def verifier(self) -> Address:
        """The verifier of the passport circuit."""
        return self.address(VERIFIER)

    @property
    def recovery(self) -> Address:
        """The guardian recovery contract."""
        return self.address(RECOVERY)

    @property
    def archive_anchor(self) -> Address:
        """The anchor of archives."""
        return self.address(ANCHOR)

    @property
    def grants(self) -> Address:
        """The permission grants, with the epochs of pseudonyms."""
        return self.address(GRANTS)

    def to_json(self) -> bytes:
        """Write the record, the same bytes for the same deployment."""
        document = {
            "schema": SCHEMA,
            "chain_id": self.chain_id,
            "block": self.block,
            "block_hash": _hex(self.block_hash),
            "development": self.development,
            "source": {"commit": self.source_commit, "dirty": self.source_dirty},
            "verifying_keys": dict(self.verifying_keys),
            "contracts": {
                c.name: {
                    "address": c.address,
                    "code_hash": _hex(c.code_hash),
                    "init_code_hash": _hex(c.init_code_hash),
                    "compiler": c.compiler,
                }
                for c in self.contracts
            },
        }
        return (json.dumps(document, indent=2) + "\n").encode()


def parse_deployment(data: bytes) -> Deployment:
    """Read a record; raise ``FileInvalid`` when it is none, or of an earlier build."""
    try:
        raw = jsontext.parse(data)
        if raw["schema"] == EARLIER:
            raise FileInvalid(
                "an earlier build of mip deployed here, and this one speaks to other contracts",
                hint="deploy again, grants do not move: mip deploy, or mip dev up on a local chain",
            )
        if raw["schema"] != SCHEMA:
            raise ValueError("another schema")
        return Deployment(
            chain_id=int(raw["chain_id"]),
            contracts=tuple(
                Contract(
                    name=str(name),
                    address=checksum(str(entry["address"])),
                    code_hash=_bytes32(entry["code_hash"]),
                    init_code_hash=_bytes32(entry["init_code_hash"]),
                    compiler=str(entry["compiler"]),
                )
                for name, entry in raw["contracts"].items()
            ),
            block=int(raw["block"]),
            block_hash=_bytes32(raw["block_hash"]),
            verifying_keys={str(k): str(v) for k, v in raw["verifying_keys"].items()},
            development=bool(raw["development"]),
            source_commit=str(raw["source"]["commit"]),
            source_dirty=bool(raw["source"]["dirty"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileInvalid(
            f"the deployment record cannot be read: {type(error).__name__}",
            hint="deploy again: mip deploy, or mip dev up for a local chain",
        ) from None


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _bytes32(text: str) -> bytes:
    data = bytes.fromhex(text.removeprefix("0x"))
    if len(data) != 32:
        raise ValueError("32 bytes expected")
    return data
