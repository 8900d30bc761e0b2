"""``mip passport rotate`` and ``revoke``: the whole path, and kills at each step of it."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.aftermath import journalled
from tests.e2e.chains import Chain, Proxy
from tests.e2e.devices import Holder

NEW_PASSWORD = "a password for the next year"


@pytest.fixture
def new_password(newcomer: Holder, seen) -> Path:
    """A file with the new password, outside of every device that is searched for it."""
    path = newcomer.device.root.parent / "new-password"
    path.touch(0o600)
    path.write_text(NEW_PASSWORD + "\n")
    seen.canaries[NEW_PASSWORD.encode()] = "new password"
    return path


@pytest.fixture
def enrolled(newcomer: Holder) -> Holder:
    newcomer.enroll().succeeded()
    newcomer.open()
    return newcomer


def test_rotate__the_whole_path(enrolled: Holder, chain: Chain, new_password: Path) -> None:
    device = enrolled.device
    first = enrolled.prove("--send").succeeded().json
    before = enrolled.open()
    command = enrolled.rotate_command("--new-password-file", new_password)
    done = device.mip(*command, stdin=enrolled.password).succeeded().json
    assert (done["schema"], done["epoch"], done["resumed"]) == ("mip.passport.rotate/1", 1, False)
    assert done["gas_used"] <= 445_000
    assert not device.leftovers()
    enrolled.prove("-o", "old.json").refused(5, "the password does not open")
    later = replace(enrolled, password=NEW_PASSWORD)
    after = later.open()
    assert (after.secrets.secret, after.secrets.anchor) == (
        before.secrets.secret,
        before.secrets.anchor,
    )
    made = later.prove("-o", "new.json").succeeded().json
    assert made["nullifier"] == first["nullifier"]
    assert device.mip("verify", "new.json", "--on-chain", "--json").succeeded().json["on_chain"]
    later.prove("--send").refused(4, "voted already")
    soon = later.rotate_command()
    refused = device.mip(*soon, stdin=later.password).refused(4, "replaced a moment ago")
    assert "10 minutes" in refused.err


KILL_POINTS = [
    ("eth_chainId", False, 1),
    ("eth_estimateGas", False, 1),
    ("eth_getTransactionCount", False, 1),
    ("eth_sendRawTransaction", False, 1),
    ("eth_sendRawTransaction", True, 1),
    ("eth_getTransactionReceipt", True, 1),
    ("eth_getLogs", False, 2),
]
"""Where a killed command stood; the last: final on chain, the new file not yet in its place."""


@pytest.mark.parametrize(("method", "forwarded", "nth"), KILL_POINTS)
def test_rotate__killed_at_a_step__the_next_run_completes_it(
    enrolled: Holder,
    chain: Chain,
    proxy: Proxy,
    new_password: Path,
    method: str,
    forwarded: bool,
    nth: int,
) -> None:
    """No secret is lost, no transaction doubled, and in between each key file opens."""
    nonce, before = chain.nonce(), enrolled.open().secrets
    proxy.stall(method, forwarded=forwarded, nth=nth)
    device, command = enrolled.device, enrolled.rotate_command("--new-password-file", new_password)
    process = device.at(proxy.url).start(*command, stdin=enrolled.password)
    proxy.wait_reached(process)
    signed = journalled(device)
    assert process.kill().code == -signal.SIGKILL
    proxy.close()
    # the old file is whole whatever the moment
    assert enrolled.open().secrets == before
    done = device.mip(*command, stdin=enrolled.password).succeeded().json
    assert done["epoch"] == 1
    assert chain.nonce() == nonce + 1, "no second transaction"
    after = journalled(device)
    assert signed.keys() <= after.keys()
    assert len(after) == 2, "one for the enrolment, one for the replacement"
    later = replace(enrolled, password=NEW_PASSWORD)
    secrets = later.open().secrets
    assert (secrets.secret, secrets.anchor_key, secrets.index) == (
        *(before.secret, before.anchor_key),
        before.index,
    )
    assert not device.leftovers()
    assert not list(device.data.glob("passports/*.next"))
    later.prove("-o", "after.json").succeeded()


def test_rotate__killed_before_it_signed__the_old_keys_prove_on(
    enrolled: Holder, proxy: Proxy, new_password: Path
) -> None:
    proxy.stall("eth_estimateGas")
    device, command = enrolled.device, enrolled.rotate_command("--new-password-file", new_password)
    process = device.at(proxy.url).start(*command, stdin=enrolled.password)
    proxy.wait_reached(process)
    process.kill()
    assert list(device.data.glob("passports/*.next"))
    shown = device.mip(*enrolled.show_command(), "--json", stdin=enrolled.password)
    assert shown.succeeded().json["replacing"]
    enrolled.prove("-o", "still.json").succeeded()
    assert not list(device.data.glob("passports/*.next"))


def test_revoke__ends_the_passport(enrolled: Holder) -> None:
    device = enrolled.device
    command = [
        *("passport", "revoke", "--image", enrolled.again, "--passport", enrolled.name),
        *("--password-file", "-", "--json"),
    ]
    device.mip(*command, stdin=enrolled.password).refused(2, "needs your consent")
    done = device.mip(*command, "--yes", stdin=enrolled.password).succeeded().json
    assert done["schema"] == "mip.passport.revoke/1"
    enrolled.prove("-o", "x.json").refused(2, "does not hold this passport")
    rotate = device.mip(*enrolled.rotate_command(), stdin=enrolled.password)
    assert "guardians" in rotate.refused(2, "is revoked").err
