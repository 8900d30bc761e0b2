"""The chapter "kyc" of the demonstration, by the installed command: issuing goes over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

MIP = Path(sys.executable).parent / "mip"
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


def test_demo_kyc__keeps_its_promises(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MIP_KEYRING": "off"}
    checkout = Path(__file__).parents[2]
    done = subprocess.run(
        [str(MIP), "demo", "kyc", "--json"],
        env=environment | {"MIP_BUILD_DIR": str(checkout / "build")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    scenes = json.loads(done.stdout)["chapters"]["kyc"]
    assert len(scenes) == 20
    assert all(scene["as_expected"] for scene in scenes)
    refused = {scene["title"]: scene["outcome"] for scene in scenes}
    assert all(refused[title].startswith("refused: ") for title in REFUSED)
    assert sum(scene["outcome"].startswith("refused: ") for scene in scenes) == len(REFUSED)
    # nothing that a person says of himself is in what apps and onlookers see
    shown = [scene["outcome"] for scene in scenes if scene["outcome"].startswith("shown")]
    assert shown
    assert not any("1990" in text or "Ada" in text for text in shown)
