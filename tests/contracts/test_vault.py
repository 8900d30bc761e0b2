"""The vault: an allowance for two own keys, everything for people, spenders until voided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import (
    START,
    Deployment,
    account,
    at,
    load,
    now,
    payload_of,
    refusal,
    subtree_siblings,
)
from eth_utils import keccak
from model import Presentation
from test_epochs import payload_for

from mip_cli.crypto.lean_tree import LeanTree

PURPOSE = "keep money for this passport"
MINE, THEIRS = 10**70, 10**70 + 1
ALLOWANCE = 100
SPENDER, RECIPIENT = account(50), account(51)
NOT_VALID = "registry: proof is not valid"
DAY_LEFT = "vault: more than is left of the day's allowance"


@pytest.fixture
def vault(suite: Deployment) -> Any:
    at(START // 86_400 * 86_400 + 86_400)
    suite.enroll(1)
    vault = load("examples/PassportVault.vy").deploy(
        suite.registry.address, suite.grants.address, ALLOWANCE
    )
    boa.env.set_balance(account(9), 10**6)
    vault.deposit(MINE, value=1000, sender=account(9))
    (log,) = vault.get_logs()
    assert (type(log).__name__, log.nullifier, log.amount) == ("Deposited", MINE, 1000)
    vault.deposit(THEIRS, value=500, sender=account(9))
    return vault


def number(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


def shown(suite: Deployment, vault: Any, signature: str, *arguments: Any, **c: Any) -> Presentation:
    c = {"nullifier": MINE, "nonce": vault.nonce_of(c.get("nullifier", MINE)), **c}
    payload = payload_of(signature, *(number(a) for a in arguments))
    return suite.presentation(vault.address, PURPOSE, payload, **c)


def withdraw(suite: Deployment, vault: Any, amount: int, **changes: Any) -> str | None:
    presented = shown(suite, vault, "withdraw(uint256,address)", amount, RECIPIENT, **changes)
    return refusal(lambda: vault.withdraw(amount, RECIPIENT, presented.abi()))


def withdraw_any(suite: Deployment, vault: Any, amount: int, level: int = 3) -> str | None:
    signature = "withdraw_any(uint256,address)"
    presented = shown(suite, vault, signature, amount, RECIPIENT, level=level)
    return refusal(lambda: vault.withdraw_any(amount, RECIPIENT, presented.abi()))


def authorise(
    suite: Deployment, vault: Any, cap: int, lifetime: int = 10_000, **changes: Any
) -> str | None:
    arguments = (SPENDER, cap, now() + lifetime)
    signature = "authorise(address,uint256,uint256)"
    presented = shown(suite, vault, signature, *arguments, **changes)
    return refusal(lambda: vault.authorise(*arguments, presented.abi()))


def spend(vault: Any, amount: int, who: str = SPENDER) -> str | None:
    return refusal(lambda: vault.spend(MINE, amount, RECIPIENT, sender=who))


def test_withdraw__the_day_s_allowance_at_level_two(suite: Deployment, vault: Any) -> None:
    assert withdraw(suite, vault, 60) is None
    (log,) = vault.get_logs()
    assert (type(log).__name__, log.nullifier, log.amount) == ("Withdrawn", MINE, 60)
    assert log.recipient == RECIPIENT
    assert (boa.env.get_balance(RECIPIENT), vault.balance_of(MINE)) == (60, 940)
    assert vault.left_today(MINE) == 40
    assert withdraw(suite, vault, 41) == DAY_LEFT
    assert withdraw(suite, vault, 40) is None
    assert withdraw(suite, vault, 1) == DAY_LEFT
    at(now() + 86_400)
    assert withdraw(suite, vault, 100, level=3) is None
    assert vault.balance_of(THEIRS) == 500
    assert boa.env.get_balance(vault.address) == vault.balance_of(MINE) + 500


def test_withdraw__reverts(suite: Deployment, vault: Any) -> None:
    def act(*arguments: Any, **changes: Any) -> str | None:
        presented = shown(suite, vault, "withdraw(uint256,address)", 5, RECIPIENT, **changes)
        with boa.env.anchor():
            return refusal(lambda: vault.withdraw(*arguments, presented.abi()))

    assert act(5, RECIPIENT) is None
    assert act(6, RECIPIENT) == NOT_VALID
    assert act(5, account(52)) == NOT_VALID  # a relayer's own address
    assert act(5, RECIPIENT, level=1) == "registry: level is too low"
    nonce = "vault: nonce is not the vault's"
    assert act(5, RECIPIENT, nonce=1) == nonce
    assert act(5, RECIPIENT, nullifier=THEIRS) is None  # his own vault, not mine
    empty = "vault: more than the vault holds"
    assert act(5, RECIPIENT, nullifier=7) == empty
    presented = shown(suite, vault, "withdraw(uint256,address)", 5, RECIPIENT)
    vault.withdraw(5, RECIPIENT, presented.abi())
    assert refusal(lambda: vault.withdraw(5, RECIPIENT, presented.abi())) == nonce


def test_withdraw__for_one_function__fails_for_another(suite: Deployment, vault: Any) -> None:
    presented = shown(suite, vault, "withdraw(uint256,address)", 5, RECIPIENT, level=3)
    reason = refusal(lambda: vault.withdraw_any(5, RECIPIENT, presented.abi()))
    assert reason == NOT_VALID
    vault.withdraw(5, RECIPIENT, presented.abi())


def test_withdraw_any__needs_people(suite: Deployment, vault: Any) -> None:
    for level in (1, 2):
        assert withdraw_any(suite, vault, 900, level) == "registry: level is too low"
    assert withdraw_any(suite, vault, 1001) == "vault: more than the vault holds"
    assert withdraw_any(suite, vault, 900) is None
    (log,) = vault.get_logs()
    assert (type(log).__name__, log.nullifier, log.amount) == ("Withdrawn", MINE, 900)
    assert vault.left_today(MINE) == ALLOWANCE  # it uses none of it


def test_withdraw__old_keys_move_nothing(suite: Deployment, vault: Any) -> None:
    """Money asks for the current root: a thief's last minutes are none."""
    old = shown(suite, vault, "withdraw(uint256,address)", 5, RECIPIENT)
    at(now() + 60)
    holder = suite.enroll(2)
    tree = LeanTree([old.root, holder.leaf])
    presented = shown(suite, vault, "withdraw(uint256,address)", 5, RECIPIENT)
    at(now() + 60)
    suite.update(holder, 9, tree)
    assert suite.registry.is_known_root(presented.root)
    reason = refusal(lambda: vault.withdraw(5, RECIPIENT, presented.abi()))
    assert reason == "registry: root is not the current one"
    assert subtree_siblings(tree, 1) == [old.root]
    assert withdraw(suite, vault, 5) is None


def test_spender__within_cap_allowance_and_time(suite: Deployment, vault: Any) -> None:
    expired = "vault: grant has expired"
    assert spend(vault, 1) == expired  # never authorised
    assert authorise(suite, vault, 70) is None
    (log,) = vault.get_logs()
    assert (type(log).__name__, log.spender, log.cap) == ("SpenderAuthorised", SPENDER, 70)
    assert (log.nullifier, log.expires_at, log.epoch) == (MINE, now() + 10_000, 0)
    assert spend(vault, 1, account(53)) == expired
    assert spend(vault, 30) is None
    (log,) = vault.get_logs()
    assert (type(log).__name__, log.nullifier, log.amount) == ("Spent", MINE, 30)
    assert (log.spender, log.recipient) == (SPENDER, RECIPIENT)
    assert vault.grants(MINE, SPENDER).cap == 40
    assert spend(vault, 41) == "vault: more than the spender's cap"
    assert withdraw(suite, vault, 50) is None
    assert spend(vault, 21) == DAY_LEFT  # holder and spender share one allowance
    assert spend(vault, 20) is None
    with boa.env.anchor():
        at(vault.grants(MINE, SPENDER).expires_at - 1)
        assert spend(vault, 0) is None
        at(now() + 1)
        assert spend(vault, 0) == expired
    assert authorise(suite, vault, 0) is None
    assert spend(vault, 1) == "vault: more than the spender's cap"


def test_authorise__reverts(suite: Deployment, vault: Any) -> None:
    signature = "authorise(address,uint256,uint256)"
    end = now() + 100
    presented = shown(suite, vault, signature, SPENDER, 5, end)

    def act(*arguments: Any, by: Presentation = presented) -> str | None:
        with boa.env.anchor():
            return refusal(lambda: vault.authorise(*arguments, by.abi()))

    assert act(SPENDER, 5, end) is None
    assert act(account(54), 5, end) == NOT_VALID
    assert act(SPENDER, 6, end) == NOT_VALID
    assert act(SPENDER, 5, end + 1) == NOT_VALID
    weak = shown(suite, vault, signature, SPENDER, 5, end, level=1)
    assert act(SPENDER, 5, end, by=weak) == "registry: level is too low"
    vault.authorise(SPENDER, 5, end, presented.abi())
    assert act(SPENDER, 5, end) == "vault: nonce is not the vault's"


def test_spender__is_refused_after_the_holder_voided(suite: Deployment, vault: Any) -> None:
    assert authorise(suite, vault, 70) is None
    assert spend(vault, 1) is None
    payload = payload_for(vault.address, PURPOSE)
    voiding = suite.presentation(
        suite.grants.address, PURPOSE, payload, app=vault.address, nonce=0, nullifier=MINE
    )
    suite.grants.advance(vault.address, keccak(text=PURPOSE), voiding.abi())
    assert spend(vault, 1) == "vault: grant was voided by its holder"
    assert authorise(suite, vault, 70) is None
    assert vault.grants(MINE, SPENDER).epoch == 1
    assert spend(vault, 1) is None


GREEDY = """
# pragma version 0.4.3
interface Vault:
    def spend(nullifier: uint256, amount: uint256, recipient: address): nonpayable
mode: uint256
@external
def aim(mode: uint256):
    self.mode = mode
@external
@payable
def __default__():
    if self.mode == 1:
        self.mode = 0  # once: a strike without end would fail by itself
        extcall Vault(msg.sender).spend(10**70, 1, self)
    if self.mode == 2:
        raise "no"
"""


def test_pay__recipient_that_refuses_or_strikes_back(suite: Deployment, vault: Any) -> None:
    greedy = boa.loads(GREEDY)
    grant = (greedy.address, 50, now() + 10_000)
    granted = shown(suite, vault, "authorise(address,uint256,uint256)", *grant)
    vault.authorise(*grant, granted.abi())
    for mode, reason in ((0, None), (1, "vault: recipient refuses the money")):
        greedy.aim(mode)
        presented = shown(suite, vault, "withdraw(uint256,address)", 5, greedy.address)
        call = (5, greedy.address, presented.abi())
        with boa.env.anchor():
            assert refusal(lambda call=call: vault.withdraw(*call)) == reason
    greedy.aim(2)
    presented = shown(suite, vault, "withdraw(uint256,address)", 5, greedy.address)
    reason = refusal(lambda: vault.withdraw(5, greedy.address, presented.abi()))
    assert reason == "vault: recipient refuses the money"
    assert (vault.balance_of(MINE), vault.nonce_of(MINE)) == (1000, 1)


def test_vault__states_purpose_and_level(suite: Deployment, vault: Any) -> None:
    assert (vault.passport_purpose(), vault.passport_level()) == (PURPOSE, 2)
    assert vault.REGISTRY() == suite.registry.address
    assert vault.EPOCHS() == suite.grants.address
    assert vault.ALLOWANCE() == ALLOWANCE
    assert replace(shown(suite, vault, "withdraw(uint256,address)", 1, RECIPIENT)).nonce == 0
