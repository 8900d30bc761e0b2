"""Whatever comes in wrong: one line, the documented exit code, nothing written or lost."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.e2e.chains import Chain
from tests.e2e.devices import VOTE, Device, Holder


def png_bomb(path: Path) -> None:
    """A few bytes that claim ten gigapixels."""

    def part(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1 << 16))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", body) + part(b"IEND", b"")
    )


def no_face(path: Path) -> None:
    gradient = np.tile(np.linspace(0, 255, 640, dtype=np.uint8), (480, 1))
    cv2.imwrite(str(path), cv2.merge([gradient] * 3))


def make_image(kind: str, path: Path, portrait: Path, other: Path) -> Path:
    data = portrait.read_bytes()
    if kind == "no face":
        no_face(path)
    elif kind == "two faces":
        left, right = (cv2.resize(cv2.imread(str(p)), (512, 512)) for p in (portrait, other))
        cv2.imwrite(str(path), np.hstack([left, right]))
    elif kind == "bomb":
        png_bomb(path)
    elif kind == "cut off":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "garbled":
        path.write_bytes(data[:300] + os.urandom(len(data) - 300))
    elif kind == "text":
        path.write_text("this is not a photo\n")
    elif kind == "empty":
        path.touch()
    elif kind == "oversized":
        with path.open("wb") as file:
            file.truncate(21 << 20)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    return path


IMAGES = {
    "no face": (1, "no face"),
    "two faces": (1, "faces"),
    "bomb": (3, "100000 x 100000 pixels"),
    "cut off": (3, ""),
    "garbled": (3, ""),
    "text": (3, ""),
    "empty": (3, "empty"),
    "oversized": (3, "larger than 20 MiB"),
    "folder": (3, "not a regular file"),
    "pipe": (3, "not a regular file"),
    "missing": (3, "cannot read"),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_image__unusable__is_refused_by_enroll_and_prove(
    holder: Holder, newcomer: Holder, photos, tmp_path: Path, kind: str, chain: Chain
) -> None:
    code, words = IMAGES[kind]
    image = make_image(kind, tmp_path / "image.png", photos.first, photos.other)
    size, before = chain.size(), newcomer.device.files()
    newcomer.enroll(image).refused(code, words)
    assert newcomer.device.files() == before
    assert chain.size() == size

    before = holder.device.files()
    refused = holder.prove("-o", "bad.json", image=image).refused(code, words)
    assert refused.json["error"]["exit_code"] == code
    assert holder.device.files() == before
    assert not holder.device.leftovers()


def test_enroll__after_refusals_the_right_photo_goes_on(newcomer: Holder, photos, tmp_path) -> None:
    newcomer.enroll(make_image("no face", tmp_path / "i.png", photos.first, photos.other)).refused(
        1
    )
    newcomer.enroll().succeeded()
    newcomer.open()
    before = newcomer.device.files()
    newcomer.enroll().refused(2, "enrolled already")
    assert newcomer.device.files() == before


def test_another_person__is_refused_and_the_holder_goes_on(holder: Holder, photos) -> None:
    before = holder.device.files()
    holder.prove("-o", "other.json", image=photos.other).refused(1, "does not show the holder")
    assert holder.device.files() == before
    holder.prove("-o", "other.json").succeeded()


def test_wrong_password__is_refused_and_nothing_changes(holder: Holder) -> None:
    before = holder.device.files()
    refused = holder.prove("-o", "o.json", "--force", password="another password")
    assert refused.refused(5, "does not open").json["error"]["kind"] == "WrongSecret"
    show = (*holder.show_command(), "--json")
    holder.device.mip(*show, stdin="another password").refused(5, "does not open")
    assert holder.device.files() == before


@pytest.mark.parametrize(
    ("password", "code", "words"),
    [("short", 2, ""), ("", 2, ""), ("x" * 5000, 3, "longer than 4096 bytes")],
    ids=["short", "empty", "huge"],
)
def test_new_password__unusable__is_refused(newcomer: Holder, password, code, words) -> None:
    command = newcomer.enroll_command()
    newcomer.device.mip(*command, stdin=password + "\n").refused(code, words)
    assert not newcomer.device.files().keys() - {*newcomer.device.data.glob("deployments/*")}


def garble(data: bytes) -> bytes:
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


KEY_FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda data: data[:-200], "cut short"),
    "garbled": (garble, ""),
    "oversized": (lambda data: data + b" " * (256 << 10), "larger than"),
    "empty": (lambda data: b"", "is empty"),
    "newer": (lambda data: data.replace(b"keyfile/2", b"keyfile/9"), "unknown version"),
    "costly": (lambda data: data.replace(b'"memory_kib": 65536', b'"memory_kib": 99999999'), ""),
}


@pytest.mark.parametrize("kind", KEY_FILES)
def test_key_file__broken__is_named_and_left_alone(
    holder: Holder, device: Device, kind: str, chain: Chain
) -> None:
    change, words = KEY_FILES[kind]
    broken = device.data / "passports" / "default.mip"
    broken.parent.mkdir(mode=0o700)
    broken.write_bytes(change(holder.key_file.read_bytes()))
    broken.chmod(0o600)
    before, size = device.files(), chain.size()
    image = ("--image", holder.again, "--password-file", "-")
    commands = [
        ("passport", "show", *image),
        ("prove", *image, *VOTE, "--yes", "-o", "x.json"),
        ("enroll", *image),
    ]
    for command in commands if kind == "truncated" else commands[:1]:
        refused = device.mip(*command, stdin=holder.password).refused(3, words)
        assert str(broken) in refused.err
    assert device.files() == before
    assert chain.size() == size
    broken.write_bytes(holder.key_file.read_bytes())
    # a whole file on a device without its secret: the face does not open here
    device.mip(*commands[0], stdin=holder.password).refused(5, "set on another device")
    shutil.copytree(holder.device.data / "device", device.data / "device")
    device.mip(*commands[0], stdin=holder.password).succeeded()


def test_existing_output__is_kept_without_force(holder: Holder) -> None:
    out = holder.device.out
    taken = out / "taken.json"
    taken.write_text("mine")
    before = holder.device.files()
    holder.prove("-o", taken).refused(2, "exists")
    # refused before the first of two files is written
    holder.prove("-o", out / "fresh.json", "--public-out", taken).refused(2, "exists")
    assert holder.device.files() == before
    holder.prove("-o", taken, "--force").succeeded()
    assert json.loads(taken.read_text())["mip"]["format"] == "mip.proof/1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-o", "-"), "stdout"),
        (("-o", "same.json", "--public-out", "same.json"), "the same file"),
        (("-o", "no/such/folder.json"), "there is no folder"),
        (("-o", "."), "is a folder"),
        ((), "nowhere to go"),
        (("-o", "o.json", "--valid-for", "5"), "30 to 3600 seconds"),
        (("-o", "o.json", "--valid-for", "3601"), "30 to 3600 seconds"),
        (("-o", "o.json", "--kinds", "people"), "one kind of key, or two"),
        (("-o", "o.json", "--kinds", "voice"), "--kinds takes"),
        (("-o", "o.json", "--beneficiary", "0x" + "00" * 20), "names nobody"),
        (("-o", "o.json", "--beneficiary", "somebody"), "takes an address"),
        (("-o", "o.json", "--passport", "nobody"), "no passport named nobody"),
        (("-o", "o.json", "--passport", "../etc"), ""),
        (("-o", "o.json", "--arg", "2"), "takes 1 arguments"),
        (("-o", "o.json", "--app", "Nobody"), "no app is called Nobody"),
        (("-o", "o.json", "--app", "0x" + "11" * 20), "no contract at"),
        (("-o", "o.json", "--payload", "00" * 32), "one of the two"),
        (("-o", "o.json", "--prover", "magic"), "no prover"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_prove__contradicting_options__are_refused(holder: Holder, options, words) -> None:
    before = holder.device.files()
    holder.prove(*options).refused(2, words)
    assert holder.device.files() == before


def test_prove__without_a_terminal_needs_consent_beforehand(holder: Holder) -> None:
    command = [part for part in holder.prove_command("-o", "x2.json") if part != "--yes"]
    holder.device.mip(*command, stdin=holder.password).refused(2, "needs your consent")
    without = holder.prove_command("-o", "x2.json")
    at = without.index("--password-file")
    del without[at : at + 2]
    holder.device.mip(*without).refused(2, "no terminal to ask for the password")
    assert not (holder.device.out / "x2.json").exists()


@pytest.mark.parametrize(
    ("command", "code", "schema"),
    [
        (("passport", "list"), 0, "mip.passport.list/1"),
        (("doctor", "--offline"), 0, "mip.doctor/1"),
        (("doctor",), 0, "mip.doctor/1"),
        (("dev", "status"), 1, "mip.dev.status/1"),
        (("dev", "down"), 0, "mip.dev.down/1"),
        (("models", "list"), 0, None),
        (("deploy", "--dry-run"), 0, "mip.deploy.plan/1"),
        (("verify", "/nonexistent"), 3, "mip.error/1"),
        (("verify", "--no-such-option", "x"), 2, "mip.error/1"),
        (("deploy",), 0, "mip.deploy/1"),
        (("enroll",), 2, "mip.error/1"),
        (("passport", "show"), 2, "mip.error/1"),
        (("face", "detect", "--image", "/nonexistent"), 3, "mip.error/1"),
        (("demo", "nochapter"), 2, "mip.error/1"),
        (("nonsense",), 2, "mip.error/1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_json__is_one_document_with_its_schema_first(
    device: Device, command, code: int, schema: str | None
) -> None:
    done = device.mip(*command, "--json")
    assert done.code == code, done
    document = done.json
    assert schema in (None, document["schema"])
    if schema == "mip.error/1":
        assert document["error"]["exit_code"] == done.code
        assert done.refused(code).lines[0].endswith(document["error"]["message"])


def test_json__of_faces(device: Device, photos) -> None:
    compared = device.mip("face", "compare", photos.first, photos.again, "--json").succeeded()
    assert compared.json["match"]
    other = device.mip("face", "compare", photos.first, photos.other, "--json")
    assert (other.code, other.json["match"]) == (1, False)
    found = device.mip("face", "detect", "--image", photos.first, "--json").succeeded()
    assert found.json["schema"].startswith("mip.face.detect/")
    assert not device.leftovers()
