"""The whole path: photo, passport, proof, app; on both nodes and with real photos."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.chains import Chain, new_device, running_chain
from tests.e2e.devices import CLAIM, FACES, VOTE, Device, Holder, new_holder


def play(person: Holder) -> None:
    """Enrol, prove, verify, be let in, be refused the second time, go to another app."""
    device = person.device
    enrolled = person.enroll().succeeded().json
    assert enrolled["schema"] == "mip.enroll/1"
    assert not enrolled["resumed"]
    assert stat.S_IMODE(person.key_file.stat().st_mode) == 0o600
    person.open()

    file = device.out / "proof.json"
    made = person.prove("-o", file).succeeded().json
    assert (made["level"], made["receipt"]) == (2, None)
    offline = device.mip("verify", file, "--json").succeeded().json
    assert (offline["valid"], offline["on_chain"]) == (True, False)
    assert device.mip("verify", file, "--on-chain", "--json").succeeded().json["on_chain"]
    sent = device.mip("verify", file, "--send", "--json").succeeded().json
    assert sent["receipt"]["gas_used"] > 0
    assert sent["nullifier"] == made["nullifier"]

    person.prove("--send").refused(4, "voted already")
    other = person.prove("--send", app=CLAIM).succeeded().json
    assert other["nullifier"] != made["nullifier"]
    assert not device.leftovers()


def test_story__on_anvil(newcomer: Holder) -> None:
    play(newcomer)


def test_story__on_hardhat(tmp_path: Path, seen, photos) -> None:
    with running_chain(tmp_path / "node", seen, "--node", "hardhat") as chain:
        play(new_holder(new_device(tmp_path / "device", chain), photos))


def test_story__two_real_photos_of_one_person(newcomer: Holder) -> None:
    if not FACES.is_dir():
        pytest.skip(f"real photos are not in the repository; they are expected in {FACES.name}")
    first, again, *_ = sorted((FACES / "p02").glob("*.jpg"))
    play(replace(newcomer, image=first, again=again))


def test_send__at_once_lets_the_holder_in(newcomer: Holder, chain: Chain) -> None:
    newcomer.enroll().succeeded()
    newcomer.open()
    before = chain.nonce()
    receipt = newcomer.prove("--send").succeeded().json["receipt"]
    assert receipt["tx_hash"].startswith("0x")
    assert chain.nonce() == before + 1


def test_text__for_people_says_what_was_asked_and_done(newcomer: Holder) -> None:
    device, password = newcomer.device, newcomer.password
    what = ("enroll", "--image", newcomer.image, "--password-file", "-")
    enrolled = device.mip(*what, stdin=password).succeeded()
    assert "passport default is enrolled" in enrolled.out
    newcomer.open()
    common = ("--image", newcomer.again, *VOTE, "--password-file", "-", "--yes")
    made = device.mip("prove", *common, "-o", "p.json", stdin=password).succeeded()
    assert "Shall the library stay open on Sundays?" in made.err
    assert "two kinds of key" in made.err
    assert "pseudonym" in made.out
    assert "the proof holds" in device.mip("verify", "p.json", "--on-chain").succeeded().out
    sent = device.mip("verify", "p.json", "--send").succeeded()
    assert "accepted in block" in sent.out
    shown = device.mip(*newcomer.show_command(), stdin=password).succeeded()
    assert "enrolled" in shown.out
    assert "in a file that only you can read" in shown.out


def test_prove__to_stdout_is_the_file_and_nothing_else(holder: Holder, device: Device) -> None:
    command = [part for part in holder.prove_command("-o", "-") if part != "--json"]
    made = holder.device.mip(*command, stdin=holder.password).succeeded()
    checked = device.mip("verify", "-", "--json", stdin=made.out).succeeded().json
    assert checked["valid"]


def test_password_alone__is_refused_where_the_app_wants_two_kinds(holder: Holder) -> None:
    holder.prove("--kinds", "password", "-o", "one.json").refused(2, "wants 2 kinds")
    assert not (holder.device.out / "one.json").exists()
