"""Proofs for an app's policy as a file: read back as they were, refused when anything differs."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mip_cli.chain.abi import encode as abi_encode
from mip_cli.chain.abi import selector
from mip_cli.chain.app import parse_invocation
from mip_cli.chain.predicates import POLICY_PRESENTATION, policy_call
from mip_cli.crypto.dates import date_of_day
from mip_cli.crypto.field import R
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, parse_app_policy
from mip_cli.errors import FileInvalid, MipError
from mip_cli.flows.kyc import policy_file
from mip_cli.flows.kyc.policy_file import MAX_BYTES, PolicyFile
from mip_cli.flows.passport import proof_file
from mip_cli.units import Address

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "proof_file.json").read_text())
CASES = {case["name"]: case for case in VECTORS["cases"]}
POLICY = parse_app_policy(EXAMPLE_APP_POLICY)
APPLY = parse_invocation("apply(uint256)", ["7"])
GATE = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")


def made() -> PolicyFile:
    base = proof_file.decode(CASES[VECTORS["verifies"]]["file"].encode())
    call = proof_file.AppCall("apply(uint256)", ("7",))
    bound = replace(base, payload=POLICY.policy.bind(APPLY.payload), call=call)
    return PolicyFile(bound, POLICY, APPLY.payload, GATE, GATE, 99, 20_833, (0, 2), (base.proof,))


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(policy_file.encode(made()))
    return found


def test_file__is_read_as_it_was_written() -> None:
    file = made()
    assert policy_file.decode(policy_file.encode(file)) == file


def test_signals__name_each_part_and_the_day() -> None:
    file = made()
    (_, first), (_, second) = file.proofs()
    for part, signals in ((0, first), (2, second)):
        statement = (POLICY.policy.parts[part] + date_of_day(20_833)) % R
        root_level, nullifier, scope, message = file.bound.signals
        assert signals == (root_level, nullifier, statement, 99, scope, message)


CHANGES: dict[str, Any] = {
    "payload": lambda d: d["credential"].update(payload="0x" + "05" * 32),
    "bound payload": lambda d: d["mip"].update(payload="0x" + "05" * 32),
    "level of the policy": lambda d: d["credential"]["policy"].update(level=1),
    "strict": lambda d: d["credential"]["policy"].update(strict=True),
    "require": lambda d: d["credential"]["policy"].update(require=1),
    "a predicate": lambda d: d["credential"]["policy"]["parts"][1]["predicates"][0].update(value=1),
    "an issuer": lambda d: d["credential"]["policy"]["parts"][0].update(issuers=[5]),
    "a part less": lambda d: d["credential"]["policy"]["parts"].pop(),
    "parts in another order": lambda d: d["credential"].update(parts=[2, 0]),
    "a part twice": lambda d: d["credential"].update(parts=[2, 2]),
    "a part that is not there": lambda d: d["credential"].update(parts=[0, 3]),
    "a negative part": lambda d: d["credential"].update(parts=[-1, 0]),
    "one part": lambda d: d["credential"].update(parts=[0]),
    "true for a part": lambda d: d["credential"].update(parts=[True, 2]),
    "no more proofs": lambda d: d["credential"].update(more=[]),
    "a proof too many": lambda d: d["credential"]["more"].append(d["credential"]["more"][0]),
    "a member of its own": lambda d: d["credential"].update(note="x"),
    "a member in a proof": lambda d: d["credential"]["more"][0].update(note="x"),
    "no day": lambda d: d["credential"].pop("day"),
    "a day without date": lambda d: d["credential"].update(day=2_932_897),
    "root 0": lambda d: d["credential"].update(issuers_root="0"),
    "root R": lambda d: d["credential"].update(issuers_root=str(R)),
    "a root with zeros": lambda d: d["credential"].update(issuers_root="099"),
    "gate": lambda d: d["credential"].update(gate="0x12"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_file__with_one_thing_changed__refused(name: str) -> None:
    changed = copy.deepcopy(document())
    assert policy_file.decode(json.dumps(changed).encode()) == made()
    CHANGES[name](changed)
    with pytest.raises(MipError) as found:
        policy_file.decode(json.dumps(changed).encode())
    assert found.value.exit_code in (1, 2, 3)


def test_file__of_the_other_kind__says_which_command_reads_it() -> None:
    with pytest.raises(FileInvalid, match="about credentials") as refused:
        proof_file.decode(json.dumps(document()).encode())
    assert "mip kyc verify" in (refused.value.hint or "")
    plain = document()
    del plain["credential"]
    with pytest.raises(FileInvalid, match="a passport alone") as refused:
        policy_file.decode(json.dumps(plain).encode())
    assert "mip verify" in (refused.value.hint or "")


def test_file__too_large__refused_unread() -> None:
    with pytest.raises(FileInvalid, match="larger than"):
        policy_file.decode(b" " * (MAX_BYTES + 1))


def test_calldata__is_that_of_the_abi() -> None:
    file = made()
    p, first = file.bound, file.presentation.first
    proofs = [(part, tuple(proof.evm_words())) for part, (proof, _) in zip(
        file.parts, file.proofs(), strict=True)]  # fmt: skip
    given = (p.root, p.level, p.nullifier, p.beneficiary, p.nonce, p.deadline)
    shown = (*given, file.issuers_root, file.day, proofs)
    assert first.day == file.day
    for signature, arguments in (
        ("apply(uint256)", ["7"]),
        ("enter()", []),
        ("say(string,uint256)", ["hello", "5"]),
    ):
        call = parse_invocation(signature, arguments)
        types = (*call.types, POLICY_PRESENTATION)
        expected = selector(f"{call.name}({','.join(types)})") + abi_encode(
            types, (*call.values, shown)
        )
        assert policy_call(GATE, call, file.presentation).data == expected
