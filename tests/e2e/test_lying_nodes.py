"""Nodes that lie: found out, and a success that they claim is never shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.chains import Chain, Proxy
from tests.e2e.devices import Device, Holder


def lie(method: str, answer: Callable[[Any], Any]) -> Callable[[str, list[Any], Any], Any]:
    return lambda asked, params, result: answer(result) if asked == method else result


def other_hash(_: object) -> str:
    return "0x" + "ab" * 32


def fabricated(receipt: Any) -> Any:
    """A receipt for a transaction that the node kept to itself."""
    return receipt or {
        "transactionHash": "0x" + "ab" * 32,
        "blockNumber": "0x1",
        "blockHash": "0x" + "cd" * 32,
        "gasUsed": "0x5208",
        "status": "0x1",
        "logs": [],
    }


def without_one(logs: Any) -> Any:
    return logs[:-1]


def altered(logs: Any) -> Any:
    changed = [dict(log) for log in logs]
    changed[-1]["data"] = changed[-1]["data"][:-1] + (
        "0" if changed[-1]["data"][-1] != "0" else "1"
    )
    return changed


PROVE_LIES = {
    "another chain id": lie("eth_chainId", lambda _: "0x539"),
    "other code": lie("eth_getCode", lambda code: code[:-2] + "00"),
    "no code": lie("eth_getCode", lambda _: "0x"),
    "an event left out": lie("eth_getLogs", without_one),
    "an event altered": lie("eth_getLogs", altered),
    "an event twice": lie("eth_getLogs", lambda logs: [*logs, logs[-1]]),
    "no events": lie("eth_getLogs", lambda _: []),
    "not a list": lie("eth_getLogs", lambda _: {"x": 1}),
    "another root": lie("eth_call", lambda _: "0x" + "11" * 32),
    "nonsense": lambda method, params, result: 7,
    "nothing": lambda method, params, result: None,
}


@pytest.mark.parametrize("kind", PROVE_LIES)
def test_prove__a_node_that_lies__is_found_out(
    holder: Holder, chain: Chain, proxy: Proxy, kind: str
) -> None:
    before = holder.device.files()
    proxy.after = PROVE_LIES[kind]
    holder.at(proxy.url).prove("-o", "from-a-lying-node.json").refused(3)
    assert holder.device.files() == before


def keep_back(proxy: Proxy) -> None:
    """Claim every transaction without passing it on."""
    from eth_utils import keccak

    forged: list[str] = []

    def after(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_sendRawTransaction":
            forged.append("0x" + keccak(hexstr=params[0]).hex())
            return forged[-1]
        if method == "eth_getTransactionReceipt" and forged:
            return {**fabricated(None), "transactionHash": params[0]}
        if method == "eth_getTransactionCount" and forged:
            return hex(int(result, 16) + 1)
        return result

    def before(method: str, params: list[Any]) -> None:
        if method == "eth_sendRawTransaction":
            params[0] = "0x00"

    proxy.after, proxy.before = after, before


SEND_LIES = {
    "another hash": lie("eth_sendRawTransaction", other_hash),
    "the receipt of another": lie(
        "eth_getTransactionReceipt", lambda r: {**fabricated(r), "transactionHash": other_hash(r)}
    ),
    "a broken receipt": lie("eth_getTransactionReceipt", lambda _: {"status": "0x1"}),
    "huge fees": lie("eth_getBlockByNumber", lambda b: {**b, "baseFeePerGas": hex(10**14)}),
    "a chain id that changes": lie("eth_chainId", lambda _: "0x539"),
}


@pytest.mark.parametrize("kind", SEND_LIES)
def test_enroll__a_node_that_lies__never_shows_success(
    newcomer: Holder, chain: Chain, proxy: Proxy, kind: str
) -> None:
    size = chain.size()
    proxy.after = SEND_LIES[kind]
    newcomer.at(proxy.url).enroll().refused(3)
    if kind in ("huge fees", "a chain id that changes"):
        assert chain.size() == size
    newcomer.enroll().succeeded()
    newcomer.open()
    assert chain.size() == size + 1


def test_enroll__success_claimed_for_a_reverted_transaction__is_found_out(
    newcomer: Holder, chain: Chain, proxy: Proxy
) -> None:
    """The proxy lets a transaction be signed that runs out of gas, and calls it a success."""
    size = chain.size()
    answers = {
        "eth_estimateGas": lambda _: hex(60_000),
        "eth_getTransactionReceipt": lambda r: {**r, "status": "0x1"} if r else r,
    }
    proxy.after = lambda method, params, result: answers.get(method, lambda r: r)(result)
    newcomer.at(proxy.url).enroll().refused(3, "does not hold the passport after its enrolment")
    assert chain.size() == size
    newcomer.open()
    newcomer.enroll().refused(4, "reverted")  # an honest node tells what became of it
    newcomer.enroll().succeeded()
    assert chain.size() == size + 1


def test_send__claimed_by_a_node_that_kept_it_back__is_found_out(
    newcomer: Holder, chain: Chain, proxy: Proxy
) -> None:
    keep_back(proxy)
    size = chain.size()
    newcomer.at(proxy.url).enroll().refused(3)
    assert chain.size() == size
    newcomer.open()


def test_verify__a_node_that_grants_everything__cannot_make_a_bad_proof_good(
    holder: Holder, proof: Path, proxy: Proxy, tmp_path: Path
) -> None:
    document = json.loads(proof.read_text())
    document["mip"]["nullifier"] = str(int(document["mip"]["nullifier"]) + 1)
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(document))
    proxy.after = lie("eth_call", lambda result: result)
    holder.at(proxy.url).device.mip("verify", file, "--on-chain").refused(1, "does not verify")


def test_doctor__finds_what_is_wrong_and_names_a_remedy(
    holder: Holder, device: Device, proxy: Proxy
) -> None:
    assert holder.device.mip("doctor", "--json").succeeded().json["checks"]
    proxy.after = lie("eth_getCode", lambda _: "0x")
    failed = holder.at(proxy.url).device.mip("doctor", "--json")
    wrong = [check for check in failed.json["checks"] if check["state"] == "fail"]
    assert failed.code == 1
    assert wrong
    assert all(check["remedy"] for check in wrong)
    key_file = device.data / "passports" / "default.mip"
    key_file.parent.mkdir(mode=0o700)
    shutil.copy(holder.key_file, key_file)
    key_file.chmod(0o644)
    failed = device.mip("doctor", "--offline")
    assert failed.code == 1
    assert f"chmod 600 {key_file}" in failed.out
