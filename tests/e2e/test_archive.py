"""The installed ``mip archive``: put, take out, prove, erase, carry away, be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.devices import Holder
from tests.e2e.process import Result

CANARY = "canary-4711-income"


def archive(holder: Holder, *what: str | Path, asks: bool = True) -> Result:
    """Run ``mip archive`` with the holder's keys, where the command takes them."""
    keys = (
        ("--image", holder.again, "--passport", holder.name, "--password-file", "-") if asks else ()
    )
    stdin = holder.password if asks else None
    return holder.device.mip("archive", *what, *keys, stdin=stdin)


def record(holder: Holder, name: str, **members: object) -> Path:
    path = holder.device.out / name
    path.write_text(json.dumps(members))
    return path


def test_archive__the_whole_way(newcomer: Holder) -> None:
    holder = newcomer
    holder.enroll().succeeded()
    out = holder.device.out

    # the schemas that come with the tool are there before any archive, and ask for no secret
    shown = archive(holder, "category", "finance", "--json", asks=False).succeeded().json
    assert shown["json_schema"]["properties"]["income"] == {"type": "number", "minimum": 0}
    archive(holder, "category", "pets").refused(2, "there is no archive")

    # nothing there yet
    archive(holder, "list").refused(2, "there is no archive")
    salary = record(holder, "salary.json", income=41000, account=CANARY)
    put = archive(holder, "put", salary, "--category", "finance", "--json").succeeded().json
    assert (put["schema"], put["version"], put["count"]) == ("mip.archive.put/1", 1, 1)
    lines = out / "visits.jsonl"
    lines.write_text("\n".join(json.dumps({"text": f"visit {n}"}) for n in range(300)))
    many = archive(holder, "put", lines, "--lines", "--category", "health", "--json")
    assert many.succeeded().json["count"] == 300
    scan = out / "scan.tiff"
    scan.write_bytes(os.urandom(3 << 20))
    file = archive(holder, "put", scan, "--category", "health", "--path", "2026/scan.tiff")
    assert "2026/scan.tiff, version 1, in health" in file.succeeded().out

    # refusals, each with its own exit code, and nothing changed by any of them
    bad = record(holder, "bad.json", income="a lot")
    said = archive(holder, "put", bad, "--category", "finance").refused(3, "type at")
    assert "a lot" not in said.err
    archive(holder, "put", salary, "--category", "pets").refused(2, "no category pets")
    archive(holder, "put", salary).refused(2, "which category")
    archive(holder, "get", "nothing", "--category", "health").refused(2, "there is no nothing")
    archive(holder, "put", out / "absent", "--category", "health").refused(2, "no file")
    wrong = holder.device.mip(
        *("archive", "list", "--image", holder.again, "--passport", holder.name),
        *("--password-file", "-"),
        stdin="not the password",
    )
    wrong.refused(5, "password")

    listed = archive(holder, "list", "--json").succeeded().json
    assert len(listed["records"]) == 302
    back = out / "back.tiff"
    archive(holder, "get", "2026/scan.tiff", "--category", "health", "-o", back).succeeded()
    assert back.read_bytes() == scan.read_bytes()
    archive(holder, "get", "2026/scan.tiff", "--category", "health", "-o", back).refused(
        2, "exists"
    )
    piped = archive(holder, "get", "salary.json", "--category", "finance").succeeded()
    assert json.loads(piped.out)["income"] == 41000

    # anchored; a third party checks what it is shown, without any key
    assert archive(holder, "verify", "--json").succeeded().json["standing"] == "never anchored"
    anchored = archive(holder, "anchor", "--yes", "--json").succeeded().json
    assert anchored["sequence"] == 1
    assert anchored["receipt"]["gas_used"] > 0
    verified = archive(holder, "verify", "--json").succeeded().json
    assert (verified["standing"], verified["records"]) == ("anchored", 302)
    proof = out / "proof.json"
    archive(holder, "log", "--proof", "1", "--show", "--since", "1", "-o", proof).succeeded()
    seen = archive(holder, "verify", "--proof", proof, "--json", asks=False).succeeded().json
    assert (seen["act"], seen["anchored"], seen["about"]["path"]) == ("put", True, "salary.json")
    altered = out / "altered.json"
    altered.write_bytes(proof.read_bytes().replace(b'"index": 1', b'"index": 2'))
    archive(holder, "verify", "--proof", altered, asks=False).refused(1, "does not lead")

    # carried away and brought back
    car = out / "archive.car"
    archive(holder, "export", "-o", car).succeeded()
    assert CANARY.encode() not in car.read_bytes()
    home = holder.device.data / "archives" / holder.name
    shutil.rmtree(home)
    archive(holder, "list").refused(2, "there is no archive")
    cut = out / "cut.car"
    cut.write_bytes(car.read_bytes()[:-100])
    archive(holder, "import", cut).refused(3, "ends in the middle")
    assert not (home / "head.json").exists()
    store = f"folder:{holder.device.data / 'blocks'}"
    archive(holder, "import", car, "--store", store).succeeded()
    assert archive(holder, "verify", "--json").succeeded().json["sequence"] == 1

    # erased
    erase = ("erase", "salary.json", "--category", "finance")
    archive(holder, *erase).refused(2, "needs your consent")
    gone = archive(holder, *erase, "--yes", "--json").succeeded().json
    assert gone["records"] == 1
    assert "Not recalled" in gone["not_recalled"]
    archive(holder, "get", "salary.json", "--category", "finance").refused(2, "there is no")
    log = archive(holder, "log", "--json").succeeded().json
    assert [act["about"] for act in log["acts"] if act["number"] == 1] == [None]
    archive(holder, "verify", "--proof", proof, asks=False).succeeded()
    blocks = set((holder.device.data / "blocks").glob("*/b*"))
    for ask in ((car,), (car, "--older")):
        said = archive(holder, "import", *ask).refused(1, "from before an erasure")
        assert "damaged" not in said.err
    assert set((holder.device.data / "blocks").glob("*/b*")) == blocks  # erased stays erased
    archive(holder, "verify").succeeded()

    # a block that the store lost
    block = next((holder.device.data / "blocks").glob("*/b*"))
    block.write_bytes(b"rotten")
    archive(holder, "verify").refused(3, "damaged")
    for path, content in holder.device.files().items():
        if path != salary:
            assert CANARY.encode() not in content, path


def test_archive__killed_at_any_moment__stays_whole(newcomer: Holder) -> None:
    holder = newcomer
    holder.enroll().succeeded()
    first = record(holder, "first.json", text="first")
    archive(holder, "put", first, "--category", "health").succeeded()
    large = holder.device.out / "large.bin"
    large.write_bytes(os.urandom(24 << 20))
    command: list[str | Path] = [
        *("archive", "put", large, "--category", "health"),
        *("--image", holder.again, "--passport", holder.name, "--password-file", "-"),
    ]
    started = time.monotonic()
    holder.device.mip(*command, stdin=holder.password).succeeded()
    whole = time.monotonic() - started
    for part in (0.5, 0.8, 0.9, 0.95):
        process = holder.device.start(*command, stdin=holder.password)
        time.sleep(whole * part)
        assert process.kill().code in (-signal.SIGKILL, 0)
        found = archive(holder, "verify", "--offline", "--json").succeeded().json
        assert found["records"] == 2
    archive(holder, "erase", "large.bin", "--category", "health", "--yes").succeeded()
    blocks = holder.device.data / "archives" / holder.name / "blocks.sqlite"
    assert blocks.stat().st_size < 4 << 20  # leftovers of the killed runs are collected too
    assert not holder.device.leftovers()


@pytest.mark.parametrize(
    "arguments",
    [
        ("put", "x", "--category", "health", "--store", "tape:1"),
        ("log", "--show"),
        ("log", "--proof", "1"),
        ("erase", "--category", "health"),
        ("get", "x", "--json", "--category", "health"),
        ("import", "nothing.car"),
        ("export", "-o", "-"),
    ],
)
def test_archive__usage(holder: Holder, arguments: tuple[str, ...]) -> None:
    archive(holder, *arguments).refused(2)
