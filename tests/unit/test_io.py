"""Documents, files, passwords and consent at the edge of the command line."""

from __future__ import annotations

import enum
import io
import json
import os
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mip_cli.cli import _io, _render
from mip_cli.cli._text import sanitize
from mip_cli.errors import EnvironmentFault, FileInvalid, Negative, UsageFault


class Colour(enum.StrEnum):
    RED = "red"


class Stdin(io.TextIOWrapper):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


def emitted(capsys, document) -> str:
    _io.emit(document, schema="mip.test/1", as_json=True, text=lambda: pytest.fail("text"))
    return capsys.readouterr().out


def test_emit__each_kind_of_value(capsys):
    moment = datetime(2026, 1, 2, 5, 4, 5, 999, tzinfo=timezone(timedelta(hours=2)))
    document = {
        "bytes": b"\x00\xff",
        "safe": 1 << 53,
        "big": (1 << 53) + 1,
        "negative": -(1 << 60),
        "yes": True,
        "none": None,
        "moment": moment,
        "colour": Colour.RED,
        "path": Path("/a/b"),
        "rows": ({"n": 1.5}, ["ü"]),
    }
    data = json.loads(emitted(capsys, document))
    assert next(iter(data)) == "schema"
    assert data == {
        "schema": "mip.test/1",
        "bytes": "0x00ff",
        "safe": 1 << 53,
        "big": str((1 << 53) + 1),
        "negative": str(-(1 << 60)),
        "yes": True,
        "none": None,
        "moment": "2026-01-02T03:04:05Z",
        "colour": "red",
        "path": "/a/b",
        "rows": [{"n": 1.5}, ["ü"]],
    }


@pytest.mark.parametrize("value", [object(), datetime(2026, 1, 1), float("nan")])
def test_emit__refuses_what_has_no_form(capsys, value):
    with pytest.raises((TypeError, ValueError)):
        emitted(capsys, {"value": value})
    assert capsys.readouterr().out == ""


def test_emit__text(capsys):
    _io.emit({}, schema="s", as_json=False, text=lambda: print("plain"))
    assert capsys.readouterr().out == "plain\n"


def test_sanitize__what_moves_reorders_or_hides():
    assert sanitize("a\x1b[2Jb\x9b\u202ec\u2066d\u200be\ufefff\u00adg\U000e0041h") == "a[2Jbcdefgh"
    assert sanitize("line\r\nmip: error: forged\t!") == "line  mip: error: forged !"
    assert sanitize("Zoë 张三 👍") == "Zoë 张三 👍"
    assert sanitize("x" * 2000) == "x" * 999 + "…"
    assert sanitize("\u2028\u2029\ud800\ue000") == ""


def test_write__whole_or_not_at_all(tmp_path):
    target = tmp_path / "out.json"
    _io.write_output(str(target), b"1", force=False)
    with pytest.raises(UsageFault, match="exists") as caught:
        _io.write_output(str(target), b"2", force=False)
    assert "--force" in caught.value.hint
    _io.write_output(str(target), b"3", force=True)
    assert target.read_bytes() == b"3"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_write__private(tmp_path):
    _io.write_output(str(tmp_path / "f"), b"1", force=False, private=True)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_write__through_a_link_and_to_a_device(tmp_path):
    (tmp_path / "link").symlink_to("target")
    _io.write_output(str(tmp_path / "link"), b"1", force=False)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"1"
    _io.write_output("/dev/null", b"1", force=False)


def test_write__impossible_places(tmp_path):
    with pytest.raises(UsageFault, match="is a folder"):
        _io.write_output(str(tmp_path), b"1", force=True)
    with pytest.raises(UsageFault, match="there is no folder"):
        _io.write_output(str(tmp_path / "none" / "f"), b"1", force=True)


@pytest.mark.parametrize("data", [b"\x00\x01", b"\xff", b"\x1b[2J"])
def test_write__no_binary_to_a_terminal(capfdbinary, monkeypatch, data):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(UsageFault, match="binary data to a terminal"):
        _io.write_output("-", data, force=False)
    _io.write_output("-", b'{"text": 1}\n', force=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    _io.write_output("-", data, force=False)
    assert capfdbinary.readouterr().out == b'{"text": 1}\n' + data


def test_read__file_stdin_and_pipe_up_to_the_limit(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    for source in ("f", "-", "pipe"):
        for limit in (5, 4):
            monkeypatch.setattr(sys, "stdin", Stdin(b"12345"))
            path = source if source == "-" else str(tmp_path / source)
            if source == "pipe":
                feeder = subprocess.Popen(["/bin/sh", "-c", f"printf 12345 > {path}"])
            if limit == 5:
                assert _io.read_input(path, limit, what="proof") == b"12345"
            else:
                with pytest.raises(FileInvalid, match="larger than 4 bytes"):
                    _io.read_input(path, limit, what="proof")
            if source == "pipe":
                feeder.wait()
    with pytest.raises(EnvironmentFault, match="there is no proof"):
        _io.read_input(str(tmp_path / "none"), 5, what="proof")
    with pytest.raises(FileInvalid, match="is a folder"):
        _io.read_input(str(tmp_path), 5, what="proof")


@pytest.mark.parametrize("line_end", [b"", b"\n", b"\r\n", b"\nsecond line\n"])
def test_password__first_line_of_a_file(tmp_path, capsys, line_end):
    path = tmp_path / "pw"
    path.touch(mode=0o600)
    path.write_bytes("ﬁancé pass".encode() + line_end)
    assert _io.read_password(str(path), prompt="p", confirm=True) == "fiancé pass".encode()
    assert capsys.readouterr().err == ""


def test_password__stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stdin(b"hunter22\n"))
    assert _io.read_password("-", prompt="p", confirm=True) == b"hunter22"


def test_password__file_others_can_read_is_told(tmp_path, capsys):
    (tmp_path / "pw").write_bytes(b"hunter22")
    (tmp_path / "pw").chmod(0o644)
    assert _io.read_password(str(tmp_path / "pw"), prompt="p", confirm=False) == b"hunter22"
    assert capsys.readouterr().err.startswith("mip: warning: other users may read")


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", UsageFault, "empty"),
        (b"\nsecond", UsageFault, "empty"),
        (b"short77", UsageFault, "fewer than 8"),
        (b"canary\xff\xfe", FileInvalid, "not UTF-8"),
        (b"canary" * 1000, FileInvalid, "longer than 4096"),
    ],
)
def test_password__unusable(tmp_path, data, error, message):
    path = tmp_path / "pw"
    path.touch(mode=0o600)
    path.write_bytes(data)
    with pytest.raises(error, match=message) as caught:
        _io.read_password(str(path), prompt="p", confirm=True)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None or "canary" not in str(caught.value.__cause__)


def test_password__no_such_file(tmp_path):
    with pytest.raises(EnvironmentFault, match="cannot read the password file"):
        _io.read_password(str(tmp_path / "none"), prompt="p", confirm=False)


def test_confirm__only_on_a_terminal(monkeypatch, capsys):
    _io.confirm("sure?", yes=True)
    with pytest.raises(UsageFault, match="needs your consent") as caught:
        _io.confirm("sure?", yes=False)
    assert "--yes" in caught.value.hint
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for answer in (b"y\n", b"YES\n", b"n\n", b"\n", b""):
        stdin = Stdin(answer)
        monkeypatch.setattr(stdin, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", stdin)
        if answer.lower().startswith(b"y"):
            _io.confirm("s\x1bure?", yes=False)
        else:
            with pytest.raises(Negative, match="nothing was done"):
                _io.confirm("s\x1bure?", yes=False)
    assert capsys.readouterr().err == "sure? [y/N] " * 5


def test_render__aligned_and_clean(capsys):
    _render.kv([("name", "d\x1be"), ("chain id", None)])
    _render.table(["who", "what"], [["张三", 1], ["ann", "\u202ex"]])
    out = "name      de\nchain id  -\nWHO   WHAT\n张三  1\nann   x\n"
    assert capsys.readouterr().out == out


def test_progress__silent_off_a_terminal(capsys):
    with _render.TerminalProgress() as progress:
        progress.step("working")
        progress.advance(1, 2)
    assert capsys.readouterr() == ("", "")
