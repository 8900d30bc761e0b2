"""The demonstration, all its chapters, by the installed command."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.chains import Chain, new_device
from tests.e2e.devices import Device

SCENES = {"passport": 10, "recovery": 17, "archive": 13, "kyc": 20}
REFUSED = (
    "Ada keeps a credential that was made for Ben",
    "The same proof said to be of a policy that asks less",
    "The same proof with its numbers swapped",
    "Ada comes in a second time",
    "Ben tries the same",
    "Ada applies for a flat: two credentials of three, and she has one",
    "Ada proves once more",
    "Two minutes later, the proof of before",
)
"""Scenes of the chapter "kyc", where issuing goes over HTTP."""


def test_demo__on_a_new_machine__keeps_its_promises(tmp_path: Path, chain: Chain) -> None:
    device = new_device(tmp_path / "device", chain, used=False)
    chapters = device.mip("demo", "--json").succeeded().json["chapters"]
    assert {name: len(scenes) for name, scenes in chapters.items()} == SCENES
    assert all(scene["as_expected"] for scenes in chapters.values() for scene in scenes)
    outcomes = {scene["title"]: scene["outcome"] for scene in chapters["kyc"]}
    refused = {title for title, outcome in outcomes.items() if outcome.startswith("refused: ")}
    assert refused == set(REFUSED)
    # nothing that a person says of himself is in what apps and onlookers see
    shown = [outcome for outcome in outcomes.values() if outcome.startswith("shown")]
    assert shown
    assert not any("1990" in text or "Ada" in text for text in shown)
    assert not device.leftovers()


def test_demo__one_chapter(device: Device) -> None:
    told = device.mip("demo", "recovery").succeeded()
    assert told.out.splitlines()[0] == "recovery:"
    numbers = re.findall(r"^ *([0-9]+)\. ", told.out, re.M)
    assert [int(number) for number in numbers] == list(range(1, SCENES["recovery"] + 1))
