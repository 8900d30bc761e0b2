"""The suite as creation codes: compiled contracts with their constructor arguments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.chain.abi import address_word, pack_words
from mip_cli.chain.deploy import Part, require_size
from mip_cli.chain.deployments import POSEIDON2, REGISTRY, VERIFIER
from mip_cli.chain.inspection import KEY_HEAD
from mip_cli.crypto import jsontext
from mip_cli.crypto.binding import word
from mip_cli.errors import ArtifactMismatch

CLAIM = "PassportClaim"
VOTE = "PassportVote"
VERIFIER_SOURCE = "Groth16Verifier"
SOURCES = (POSEIDON2, VERIFIER_SOURCE, REGISTRY, CLAIM, VOTE)
"""Compiled contracts that make up the suite; the last two are examples."""
QUESTION = "Shall the library stay open on Sundays?"
CHOICES = 2
CLOSES_AT = 4_102_444_800
"""1 January 2100: the example vote of a local chain does not end while one tries it."""
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
    compiled: Sequence[Compiled], key_words: Sequence[int], development: bool, examples: bool
) -> list[Part]:
    """Return the contracts in the order of deployment; their addresses follow from this alone."""
    found = {item.name: item for item in compiled}

    def part(name: str, source: str, arguments: bytes) -> Part:
        item = found[source]
        result = Part(name, item.bytecode + arguments, item.runtime, item.compiler)
        require_size(result)
        return result

    hasher = part(POSEIDON2, POSEIDON2, b"")
    verifier = part(VERIFIER, VERIFIER_SOURCE, _key_arguments(key_words, development))
    addresses = address_word(hasher.address) + address_word(verifier.address)
    registry = part(REGISTRY, REGISTRY, addresses)
    parts = [hasher, verifier, registry]
    if examples:
        where = address_word(registry.address)
        parts += [part(CLAIM, CLAIM, where), part(VOTE, VOTE, where + _vote_arguments())]
    return parts


def _key_arguments(key_words: Sequence[int], development: bool) -> bytes:
    fixed, points = key_words[:KEY_HEAD], key_words[KEY_HEAD:]
    head = pack_words([*fixed, 32 * (KEY_HEAD + 2), int(development)])
    return head + pack_words([len(points) // 2, *points])


def _vote_arguments() -> bytes:
    text = QUESTION.encode()
    head = pack_words([4 * 32, CHOICES, CLOSES_AT])
    return head + word(len(text)) + text + bytes(-len(text) % 32)
