"""The document circuit accepts what is true and refuses each lie, also as a forged witness."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from document_lies import LIES, SLOT, DocumentHolder, entries
from forge import CIRCUITS, Built, Forge
from kyc_holders import AGE_18, DATE, TODAY

from mip_cli.crypto import commitments
from mip_cli.crypto.claims import VALUE_BITS, ClaimKind, encode_claim, face_text
from mip_cli.crypto.document import document_hash
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import TAG_DOCUMENT_POLICY, TAG_POLICY, Interval, Policy, Predicate
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import CredentialInvalid, FaceMismatch, MipError, ProofInvalid, UsageFault
from mip_cli.zk import document_inputs
from mip_cli.zk.document_inputs import parameters_of
from mip_cli.zk.predicate_inputs import public_signals


@pytest.fixture
def holder(document: Forge) -> DocumentHolder:
    return DocumentHolder(parameters_of(document.circuit))


@pytest.fixture
def small_holder(small_document: Forge) -> DocumentHolder:
    return DocumentHolder(parameters_of(small_document.circuit))


def adult(holder: DocumentHolder, **changes: Any) -> DocumentHolder:
    predicate = holder.predicate(0, DATE, AGE_18, relative=True)
    return DocumentHolder(holder.parameters, predicates=(predicate,), required=1, **changes)


TRUE: dict[str, Callable[[DocumentHolder], DocumentHolder]] = {
    "as it is": lambda h: h,
    "the document alone": lambda h: DocumentHolder(h.parameters, required=0),
    "an adult": adult,
    "in the last claim": lambda h: adult(h, slot=11),
    "in the first but one": lambda h: adult(h, slot=1),
    "the very template": lambda h: adult(h, shift=(0,) * len(h.base.template)),
    "as far as allowed": lambda h: adult(h, shift=(60, 60, 60, 60, *[0] * (len(h.photo) - 4))),
    "lowest and highest difference": lambda h: adult(h, shift=(63, -64)),
}


@pytest.mark.parametrize("case", TRUE)
def test_true_statement__has_a_witness(
    case: str, small_document: Forge, small_holder: DocumentHolder
) -> None:
    holder = TRUE[case](small_holder)
    witness = holder.witness()
    values = small_document.real.witness(holder.all_inputs(witness))
    assert small_document.real.signals(values) == public_signals(witness)
    assert small_document.real.unsatisfied(values) == []


@pytest.mark.parametrize("kinds", ["F", "FP", "FG"])
def test_deployed_circuit__has_a_witness_for_each_level_with_face(
    kinds: str, document: Forge, holder: DocumentHolder
) -> None:
    witness = holder.witness(kinds)
    values = document.real.witness(holder.all_inputs(witness))
    assert document.real.signals(values) == public_signals(witness)


@pytest.mark.parametrize("kinds", ["P", "PG"])
def test_kinds_without_the_face__refused(
    kinds: str, document: Forge, holder: DocumentHolder
) -> None:
    holder.all_inputs(holder.witness("FP"))
    with pytest.raises(UsageFault, match="shows the face"):
        holder.all_inputs(holder.witness(kinds))
    with pytest.raises(ProofInvalid):
        document.real.witness(holder.unproved(holder.witness(kinds)))


def test_constraints__stay_in_the_domain(document: Forge) -> None:
    assert document.real.r1cs.constraints <= document.circuit.max_constraints
    assert document.real.r1cs.domain_power == 15
    assert document.real.r1cs.public == len(document.circuit.signals) == 6
    names = [document.real.names[wire] for wire in range(1, 7)]
    expected = [f"main.{signal}" for signal in document.circuit.signals]
    assert all(name in found for name, found in zip(expected, names, strict=True))


def test_wires__each_bound_by_some_constraint(
    small_document: Forge, small_holder: DocumentHolder
) -> None:
    """Free are the people, who are not shown, and the dummy of the document's predicate."""
    holder = DocumentHolder(small_holder.parameters, required=3)
    loose = small_document.real.loose(small_document.real.witness(holder.all_inputs()))
    assert [names for names in loose if not any("predicate[3]" in name for name in names)] == [
        ["main.peopleKey"]
    ]


@pytest.mark.parametrize("lie", LIES)
def test_lie__has_no_witness(lie: str, document: Forge, holder: DocumentHolder) -> None:
    with pytest.raises(ProofInvalid):
        document.real.witness(LIES[lie].inputs(holder))


@pytest.mark.parametrize("lie", LIES)
def test_forged_witness__breaks_its_rule_and_passes_without_it(
    lie: str, small_document: Forge, small_holder: DocumentHolder
) -> None:
    found = LIES[lie]
    inputs = found.inputs(small_holder)
    assert small_document.strays(inputs, found.rule) == []
    without = small_document.without(found.rule)
    assert without.unsatisfied(without.place(small_document.forged(inputs))) == []


def test_rules__each_have_a_lie(document: Forge) -> None:
    told = {rule for lie in LIES.values() for rule in lie.rule.split(", ")}
    assert told | {"norm floor"} == set(document.rules)


# --- policies -------------------------------------------------------------------------------------


def test_policy__of_a_document_is_no_other(
    small_document: Forge, small_kyc: Forge, small_holder: DocumentHolder
) -> None:
    """A proof without the document cannot serve a policy that asks for one, and the reverse."""
    plain = replace(small_holder.policy, document=None)
    assert small_holder.policy.commitment != plain.commitment
    inputs = small_holder.all_inputs()
    asked = small_document.real.signals(small_document.real.witness(inputs))
    bare = {k: v for k, v in inputs.items() if not k.startswith("document")}
    told = small_kyc.real.signals(small_kyc.real.witness(bare))
    assert (asked[2] - told[2]) % R == (TAG_DOCUMENT_POLICY - TAG_POLICY) % R
    assert [a == b for a, b in zip(asked, told, strict=True)] == [True, True, False, *[True] * 3]
    assert asked[2] == (small_holder.policy.commitment + TODAY) % R
    assert told[2] not in (plain.commitment + TODAY, small_holder.policy.commitment + TODAY)


def test_policy__names_the_slot(small_holder: DocumentHolder) -> None:
    found = {replace(small_holder.policy, document=slot).commitment for slot in range(12)}
    assert len(found) == 12
    four = (*small_holder.predicates, small_holder.predicates[0])
    with pytest.raises(ValueError, match="beside 3 predicates"):
        Policy(7, four, 1, (1,), document=SLOT)
    with pytest.raises(ValueError, match="is a claim"):
        Policy(7, (), 0, (1,), document=12)


@pytest.mark.parametrize("kind", range(16))
def test_hash__satisfies_no_predicate(kind: int, small_holder: DocumentHolder) -> None:
    """Not even the widest interval of any kind, relative or not."""
    everything = (Interval(0, (1 << VALUE_BITS) - 1),)
    for relative in (False, True):
        if kind == 0:
            continue
        predicate = Predicate(SLOT, kind, relative, everything, small_holder.parameters.set_levels)
        assert predicate.holding(entries(small_holder), TODAY) is None


@pytest.mark.parametrize("kind", [1, 2, 3, 6, 15])
@pytest.mark.parametrize("relative", [0, 1])
def test_hash__used_as_a_predicate__has_no_witness(
    kind: int, relative: int, small_document: Forge, small_holder: DocumentHolder
) -> None:
    """Also where the prover chooses value, interval and set: the value has no 120 bits."""
    holder = DocumentHolder(small_holder.parameters, required=0)
    hashed = holder.claims[SLOT]
    plain = (hashed - (kind << VALUE_BITS)) % R
    value = (TODAY - plain) % R if relative else plain
    found = holder.unproved()
    place = 0
    lists = {name: list(found[name]) for name in ("use", "value", "low", "count", "kind")}
    lists["use"][place], lists["value"][place] = 1, value
    lists["kind"][place] = kind
    relatives = list(found["relative"])
    relatives[place] = relative
    bits = list(found["slotBit"])
    bits[0:4] = [SLOT >> i & 1 for i in range(4)]
    for low, count in ((0, 1 << VALUE_BITS), (value, 1)):
        packed = (low + (count << 128)) % R
        lists["low"][place], lists["count"][place] = low, count
        spares = list(found["setSpare"])
        spares[place] = packed
        path = QuadTree(holder.parameters.set_levels, {0: packed}).path(0).children
        children = list(found["setChild"])
        children[: 4 * len(path)] = [child for family in path for child in family]
        lists["setChild"] = children
        changed = found | lists | {"relative": relatives, "slotBit": bits, "setSpare": spares}
        changed["required"] = 1
        if (low, count) == (value, 1):
            # such a set is no policy: its interval does not lie below 2^120
            small_document.real.witness(changed)
            with pytest.raises(ValueError, match="below"):
                Interval(value, value)
        else:
            with pytest.raises(ProofInvalid):
                small_document.real.witness(changed)


def test_face_claim__takes_hashes_alone() -> None:
    hashed = document_hash((1,) * 128, 5, 7)
    assert encode_claim(ClaimKind.FACE, face_text(hashed)) == hashed
    for wrong in (
        face_text(R),
        face_text((1 << 124) - 1),
        "0x12",
        hashed,
        face_text(hashed).upper(),
    ):
        with pytest.raises(ValueError, match="not a face"):
            encode_claim(ClaimKind.FACE, wrong)


# --- in words -------------------------------------------------------------------------------------


def test_untrue_statement__refused_in_words(small_holder: DocumentHolder) -> None:
    small_holder.all_inputs()
    refused: dict[str, tuple[Callable[[], object], type[MipError], str]] = {
        "other face": (
            lambda: adult(small_holder, shift=(60, 60, 60, 60, 1)).all_inputs(),
            FaceMismatch,
            "document does not match",
        ),
        "other photo": (
            lambda: document_inputs.circuit_inputs(
                small_holder.witness(),
                replace(small_holder.opening, salt=1),
                small_holder.parameters,
            ),
            CredentialInvalid,
            "another document photo",
        ),
    }
    for act, error, words in refused.values():
        with pytest.raises(error, match=words):
            act()
    assert "redacted" in repr(small_holder.opening)


def test_hash__is_no_face_commitment(part: Callable[..., Built]) -> None:
    template, salt, spec_id = tuple(range(-64, 64)), 99, 7
    hashed = document_hash(template, salt, spec_id)
    assert hashed != commitments.face_commitment(template, salt, spec_id)
    built = part("lib/document.circom", "DocumentHash", 128, spec_id)
    inputs = {"coordinates": [v % R for v in template], "salt": salt}
    assert built.signals(built.witness(inputs)) == [hashed]
    with pytest.raises(ValueError, match="434 coordinates"):
        document_hash((0,) * 435, salt, spec_id)


def test_hash__gives_the_vectors(part: Callable[..., Built]) -> None:
    path = CIRCUITS.parent / "tests" / "vectors" / "credentials.json"
    case = json.loads(path.read_text())["document_face"]
    built = part("lib/document.circom", "DocumentHash", 128, int(case["spec_id"]))
    template = [value % R for value in case["template"]]
    values = built.witness({"coordinates": template, "salt": int(case["salt"])})
    assert built.signals(values) == [int(case["hash"])]
    assert built.unsatisfied(values) == []


def test_tags__are_those_of_the_sources() -> None:
    source = (CIRCUITS / "lib" / "document.circom").read_text()
    for name, tag in (("TAG_DOCUMENT_POLICY", TAG_DOCUMENT_POLICY),):
        assert f"function {name}() {{ return {tag:#x}; }}" in source
