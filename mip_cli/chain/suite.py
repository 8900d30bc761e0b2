"""The suite as creation codes: compiled contracts with their constructor arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mip_cli.chain.abi import address_word, pack_words
from mip_cli.chain.deploy import Part, require_size
from mip_cli.chain.deployments import (
    ANCHOR,
    CIRCUITS,
    DOCUMENT_GATE,
    DOCUMENT_VERIFIER,
    GATE,
    GRANTS,
    GUARDIAN_VERIFIER,
    ISSUERS,
    POSEIDON2,
    PREDICATE_VERIFIER,
    RECOVERY,
    REGISTRY,
    SELF_ATTESTATION,
    VERIFIER,
)
from mip_cli.chain.inspection import KEY_HEAD
from mip_cli.crypto import jsontext
from mip_cli.crypto.binding import word
from mip_cli.crypto.policy_app import AppPolicy
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY
from mip_cli.errors import ArtifactMismatch
from mip_cli.units import Address

CLAIM = "PassportClaim"
VOTE = "PassportVote"
VAULT = "PassportVault"
AGE = "AgeGate"
LENDER = "Lender"
CLINIC = "Clinic"
FLAT = "FlatLottery"
VERIFIER_SOURCE = "Groth16Verifier"
SOURCES = (
    POSEIDON2,
    VERIFIER_SOURCE,
    RECOVERY,
    REGISTRY,
    ANCHOR,
    GRANTS,
    ISSUERS,
    SELF_ATTESTATION,
    GATE,
    CLAIM,
    VOTE,
    VAULT,
    AGE,
    LENDER,
    CLINIC,
    FLAT,
)
"""Compiled contracts that make up the suite; the last seven are examples."""
QUESTION = "Shall the library stay open on Sundays?"
CHOICES = 2
CLOSES_AT = 4_102_444_800
"""1 January 2100: the example vote of a local chain does not end while one tries it."""
ALLOWANCE = 10**17
"""Wei a day that the example vault moves by own keys alone."""
BUILD_HINT = "run: make setup, or scripts/build_contracts.py"


@dataclass(frozen=True)
class Compiled:
    """A compiled contract."""

    name: str
    """Name of its source."""
    bytecode: bytes
    """Creation code without constructor arguments."""
    runtime: bytes
    """Code that it leaves on chain, without immutables."""
    compiler: str
    """Name, version and settings of the compiler."""


@dataclass(frozen=True)
class KeyWords:
    """A verifying key as a verifier's constructor takes it."""

    words: Sequence[int]
    """``VerifyingKey.evm_words``."""
    development: bool
    """Whether anyone can forge proofs for it: local chains only."""


def parse_compiled(name: str, data: bytes) -> Compiled:
    """Read ``build/contracts/<Name>.json``; raise ``ArtifactMismatch`` when it is broken."""
    try:
        raw = jsontext.parse(data)
        code = bytes.fromhex(str(raw["bytecode"]).removeprefix("0x"))
        runtime = bytes.fromhex(str(raw["runtime_bytecode"]).removeprefix("0x"))
        settings = json.dumps(raw["settings"], sort_keys=True, separators=(",", ":"))
        compiler = f"{raw['compiler']['name']} {raw['compiler']['version']} {settings}"
        if not code or not runtime:
            raise ValueError("no bytecode")
    except (ValueError, KeyError, TypeError):
        raise ArtifactMismatch(
            f"the compiled contract {name} cannot be read", hint=BUILD_HINT
        ) from None
    return Compiled(name, code, runtime, compiler)


def suite_parts(
    compiled: Sequence[Compiled],
    keys: Mapping[str, KeyWords],
    examples: bool,
    operator: Address | None = None,
) -> list[Part]:
    """Return the contracts in the order of deployment; their addresses follow from this alone.

    ``keys`` has the key of each circuit of ``deployments.CIRCUITS``. The recovery contract comes
    before the registry, which names it for ever; it serves any registry that names it. Examples
    that somebody operates are left out where no ``operator`` is named.
    """
    found = {item.name: item for item in compiled}
    parts: list[Part] = []

    def add(name: str, source: str, arguments: bytes) -> bytes:
        """Add a contract; return its address as a word."""
        item = found[source]
        part = Part(name, item.bytecode + arguments, item.runtime, item.compiler)
        require_size(part)
        parts.append(part)
        return address_word(part.address)

    def verifier(name: str) -> bytes:
        return add(name, VERIFIER_SOURCE, _key_arguments(keys[CIRCUITS[name]]))

    hasher = add(POSEIDON2, POSEIDON2, b"")
    passports = verifier(VERIFIER)
    recovery = add(RECOVERY, RECOVERY, verifier(GUARDIAN_VERIFIER))
    registry = add(REGISTRY, REGISTRY, hasher + passports + recovery)
    add(ANCHOR, ANCHOR, registry)
    grants = add(GRANTS, GRANTS, registry)
    issuers = add(ISSUERS, ISSUERS, hasher)
    add(SELF_ATTESTATION, SELF_ATTESTATION, issuers)
    gate = add(GATE, GATE, registry + issuers + verifier(PREDICATE_VERIFIER))
    add(DOCUMENT_GATE, GATE, registry + issuers + verifier(DOCUMENT_VERIFIER))
    if examples:
        add(CLAIM, CLAIM, registry)
        add(VOTE, VOTE, registry + _vote_arguments())
        add(VAULT, VAULT, registry + grants + word(ALLOWANCE))
        add(AGE, AGE, gate + _policy_arguments(parse_app_policy(EXAMPLE_POLICY).policy))
        add(FLAT, FLAT, gate + _policy_arguments(parse_app_policy(EXAMPLE_APP_POLICY).policy))
        if operator is not None:
            for name in (LENDER, CLINIC):
                add(name, name, registry + grants + address_word(operator))
    return parts


def _key_arguments(key: KeyWords) -> bytes:
    fixed, points = key.words[:KEY_HEAD], key.words[KEY_HEAD:]
    head = pack_words([*fixed, 32 * (KEY_HEAD + 2), int(key.development)])
    return head + pack_words([len(points) // 2, *points])


def _policy_arguments(policy: AppPolicy) -> bytes:
    """Encode a policy as the argument after one word."""
    head = pack_words([64, policy.level, int(policy.strict), policy.required, 128])
    return head + pack_words([len(policy.parts), *policy.parts])


def _vote_arguments() -> bytes:
    text = QUESTION.encode()
    head = pack_words([4 * 32, CHOICES, CLOSES_AT])
    return head + word(len(text)) + text + bytes(-len(text) % 32)
