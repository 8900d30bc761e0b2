"""Functions and events as Python names them are those of the compiled contracts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mip_cli.chain import archive_anchor, epochs, grants, index, watch
from mip_cli.chain.abi import selector, topic
from mip_cli.config import find_checkout
from tests.unit.chain.test_calldata import CALLS, GRANTS, RECOVERY, REGISTRY

CONTRACTS = {
    "PassportRegistry": REGISTRY,
    "GuardianRecovery": RECOVERY,
    "PermissionGrants": GRANTS,
}


def abi_of(name: str) -> list[dict[str, Any]]:
    path = find_checkout() / "build" / "contracts" / f"{name}.json"
    return json.loads(path.read_bytes())["abi"]


def type_of(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return entry["type"]
    inner = ",".join(type_of(part) for part in entry["components"])
    return f"({inner}){entry['type'].removeprefix('tuple')}"


def signatures(name: str, kind: str) -> dict[str, str]:
    return {
        entry["name"]: f"{entry['name']}({','.join(type_of(i) for i in entry['inputs'])})"
        for entry in abi_of(name)
        if entry["type"] == kind
    }


@pytest.mark.parametrize(("call", "name"), [c[:2] for c in CALLS], ids=[c[1] for c in CALLS])
def test_calls__are_functions_of_a_contract(call, name) -> None:
    found = [signatures(contract, "function").get(name) for contract in CONTRACTS]
    assert call.data[:4] in [selector(text) for text in found if text]


def test_events__are_those_of_the_contracts() -> None:
    leaf_events = {n: topic(s) for n, s in signatures("PassportRegistry", "event").items()}
    assert set(index.LEAF_EVENTS) == set(leaf_events.values())
    recovery = {topic(s): n for n, s in signatures("GuardianRecovery", "event").items()}
    assert recovery == {key: act.value for key, act in watch.TOPICS.items()}
    granted = {topic(s): n for n, s in signatures("PermissionGrants", "event").items()}
    assert granted.pop(epochs.ADVANCED) == "EpochAdvanced"
    assert granted == {key: kind.__name__ for key, (kind, _, _) in grants._DECODERS.items()}
    anchored = signatures("ArchiveAnchor", "event").values()
    assert [topic(s) for s in anchored] == [archive_anchor.ANCHORED]
    assert (
        archive_anchor.SIGNATURE.removesuffix(")")
        in signatures("ArchiveAnchor", "function")["anchor"]
    )


def test_event_words__have_the_names_of_the_contract() -> None:
    for entry in abi_of("GuardianRecovery"):
        if entry["type"] != "event":
            continue
        indexed = [i["name"] for i in entry["inputs"] if i["indexed"]]
        words = tuple(i["name"] for i in entry["inputs"] if not i["indexed"])
        has_request, names = watch._FIELDS[watch.RecoveryAct(entry["name"])]
        assert indexed == ["passport", "request"][: 1 + has_request]
        assert words == names


def test_grants__have_the_words_of_the_contract() -> None:
    from dataclasses import fields

    for entry in abi_of("PermissionGrants"):
        inputs = entry.get("inputs", [])
        if entry["type"] == "event" and entry["name"] != "EpochAdvanced":
            ((kind, indexed, count),) = [
                d for d in grants._DECODERS.values() if d[0].__name__ == entry["name"]
            ]
            names = [i["name"] for i in inputs]
            assert sorted(names) == sorted(field.name for field in fields(kind))
            assert (sum(i["indexed"] for i in inputs), len(names)) == (indexed, indexed + count)
        if entry.get("name") == "grant_of":
            parts = entry["outputs"][0]["components"]
            assert [p["name"] for p in parts] == [f.name for f in fields(grants.GrantState)]
        if entry.get("name") == "grant":
            parts = inputs[0]["components"]
            assert [p["name"] for p in parts] == [f.name for f in fields(grants.Terms)]


def test_structs__have_the_words_that_are_read() -> None:
    from dataclasses import fields

    from mip_cli.chain.recovery import RecoveryState, RequestState

    for name, kind in (("passport_state", RecoveryState), ("request_state", RequestState)):
        (entry,) = [e for e in abi_of("GuardianRecovery") if e.get("name") == name]
        components = entry["outputs"][0]["components"]
        assert [part["name"] for part in components] == [field.name for field in fields(kind)]
