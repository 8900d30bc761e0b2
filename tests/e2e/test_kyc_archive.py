"""Credentials in the archive, as their holder meets them with the installed ``mip``."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from tests.e2e.chains import Chain, new_device
from tests.e2e.devices import Holder, new_holder
from tests.e2e.kyc_cast import ADULT, CANARY, City, kept, sealed_files
from tests.e2e.test_grants import card_of, institution_on
from tests.e2e.test_grants import mip as run


def test_credentials__live_in_the_archive__and_move_with_it(
    own_chain: Chain, tmp_path: Path, photos
) -> None:
    device = new_device(tmp_path / "home", own_chain)
    holder, out = new_holder(device, photos), device.out
    holder.enroll().succeeded()
    holder.open()
    city = City.on(tmp_path / "city", own_chain)

    def mip(*what: str | Path, who: Holder = holder):
        return run(who, *what)

    # without an archive: in the sealed store
    first = city.issue(mip, "first")
    assert (first["kept_in"], kept(mip)) == ("device", {first["id"]: "device"})
    assert mip("kyc", "move", "--json").succeeded().json["moved"] == []
    assert not (device.data / "archives").exists()

    # an archive begins; the next credential goes there, over HTTP, and takes the first one along
    (out / "me.json").write_text(json.dumps({"name": "Ada"}))
    mip("archive", "put", out / "me.json", "--category", "identity").succeeded()
    assert kept(mip) == {first["id"]: "device"}
    with city.offering() as (offer, pin):
        fetched = mip("kyc", "fetch", offer, "--code-file", pin, "--json").succeeded().json
    assert fetched["kept_in"] == "archive"
    both = {first["id"]: "archive", fetched["id"]: "archive"}
    assert kept(mip) == both
    assert sealed_files(device) == []
    shown = mip("kyc", "show", first["id"]).succeeded()
    assert CANARY in shown.out
    assert "the archive" in shown.out
    attested = ("--schema", city.device.out / "schema.json", "--claims", out / "own.json")
    (out / "own.json").write_text(json.dumps({"given_name": "Ada"}))
    own = mip("kyc", "attest", *attested, "--json").succeeded().json
    assert own["kept_in"] == "archive"
    for path, content in device.files().items():
        assert CANARY.encode() not in content, path
    # acts of the log, of which the audit knows
    before = mip("archive", "verify", "--offline", "--json").succeeded().json
    assert (before["records"], before["acts"]) == (4, 5)
    (out / "sealed").write_bytes(b"{}")
    faked = ("--category", "identity", "--type", "application/vnd.mip.credential")
    mip("archive", "put", out / "sealed", *faked).refused(2, "come by their own way")

    # found by a proof, also after the keys were replaced
    proved = city.prove(mip, out / "proof.json").succeeded().json
    assert set(proved["credentials"]) <= set(both)
    check = ("kyc", "verify", out / "proof.json", "--json")
    device.mip(*check, "--send", "--offline").refused(2, "--offline forbids it")
    checked = device.mip(*check).succeeded().json
    assert (checked["on_chain"], checked["receipt"]) == (True, None)
    assert device.mip(*check, "--send").succeeded().json["receipt"]["gas_used"] > 0
    new_password = tmp_path / "new-password"
    new_password.touch(0o600)
    new_password.write_text("a password for the next year")
    rotate = holder.rotate_command("--new-password-file", new_password)
    device.mip(*rotate, stdin=holder.password).succeeded()
    holder = replace(holder, password="a password for the next year")  # noqa: S106 - of a test

    def later(*what: str | Path):
        return run(holder, *what)

    assert kept(later) == {**both, own["id"]: "archive"}
    again = city.prove(later, out / "proof.json").succeeded().json
    assert again["nullifier"] == proved["nullifier"]

    # on another device: with the passport and the CAR file, and not before
    car, backup, code = out / "archive.car", out / "backup.mip", out / "code"
    later("archive", "export", "-o", car).succeeded()
    later("passport", "export", "-o", backup, "--for-device", code).succeeded()
    assert CANARY.encode() not in car.read_bytes()
    second = replace(holder, device=new_device(tmp_path / "second", own_chain))

    def there(*what: str | Path):
        return run(second, *what)

    there("passport", "import", backup, "--transfer-code", code).succeeded()
    away = there("kyc", "list", "--json").succeeded()
    assert (away.json["credentials"], away.json["complete"]) == ([], False)
    assert "is not on this device" in away.err
    city.prove(there, second.device.out / "p.json").refused(2, "is not on this device")
    there("archive", "import", car).succeeded()
    assert kept(there) == {**both, own["id"]: "archive"}
    moved = city.prove(there, second.device.out / "p.json").succeeded().json
    assert moved["nullifier"] == proved["nullifier"]

    # gone for good
    gone = ("kyc", "remove", first["id"])
    there(*gone).refused(2, "needs your consent")
    there(*gone, "--yes").succeeded()
    assert set(kept(there)) == {fetched["id"], own["id"]}
    there(*gone, "--yes").refused(2, "no credential")
    there("archive", "verify", "--offline").succeeded()

    # an archive that lost its blocks: one clear error, and what comes now is kept
    store = next((second.device.data / "archives").rglob("blocks.sqlite"))
    aside = store.with_name("aside")
    shutil.move(store, aside)
    there("kyc", "list").refused(3, "lacks block")
    city.prove(there, second.device.out / "q.json").refused(3, "lacks block")
    third = city.issue(there, "third")
    assert third["kept_in"] == "device"
    assert sealed_files(second.device) == [third["id"]]
    city.prove(there, second.device.out / "q.json").succeeded()
    there("kyc", "move").refused(3, "lacks block")
    assert sealed_files(second.device) == [third["id"]]
    store.unlink(missing_ok=True)
    shutil.move(aside, store)
    assert there("kyc", "move", "--json").succeeded().json["moved"] == [third["id"]]
    assert kept(there)[third["id"]] == "archive"
    assert sealed_files(second.device) == []


def test_grantee_of_identity__gets_nothing_of_a_credential(
    own_chain: Chain, tmp_path: Path, photos
) -> None:
    device = new_device(tmp_path / "home", own_chain)
    holder, out = new_holder(device, photos), device.out
    holder.enroll().succeeded()
    city = City.on(tmp_path / "city", own_chain)

    def mip(*what: str | Path):
        return run(holder, *what)

    (out / "me.json").write_text(json.dumps({"name": "Ada"}))
    mip("archive", "put", out / "me.json", "--category", "identity").succeeded()
    name = city.issue(mip, "card")["id"]
    listed = mip("archive", "list", "--json").succeeded().json["records"]
    (path,) = [one["path"] for one in listed if one["path"].startswith("credentials/")]
    issued = json.loads((city.device.out / "card.json").read_text())

    clerk = institution_on(tmp_path, own_chain)
    card = card_of(clerk)
    for level in ("3", "2"):
        bundle, car = out / f"b{level}.json", out / f"b{level}.car"
        issue = ("grant", "issue", card, "--category", "identity", "--level", level, "--uses", "2")
        files = ("-o", bundle, "--car", car, "--receipt", out / f"r{level}.json")
        asked = mip(*issue, "--name", f"clerk{level}", *files)
        assert "none of your credentials (mip kyc), nor that you have any" in asked.err
        asked.refused(2, "needs your consent")
        page = out / f"p{level}.html"
        mip(*issue, "--name", f"clerk{level}", *files, "--page", page, "--yes").succeeded()
        assert "but none of the holder" in page.read_text()
        opened = clerk.open(bundle, car, f"seen{level}").succeeded().json
        assert opened["records"] == (1 if level == "3" else 0)
        if level == "3":
            # a credential that comes later, and a refresh
            later = city.issue(mip, "later")["id"]
            refreshed = ("grant", "refresh", "clerk3", "-o", bundle, "--car", car, "--force")
            mip(*refreshed).succeeded()
            again = clerk.open(bundle, car, "again").succeeded().json
            assert again["records"] == 1
            files_seen = [p for p in (clerk.device.out / "again").rglob("*") if p.is_file()]
            assert [p.name for p in files_seen] == ["me.json"]
            mip("grant", "revoke", "clerk3", "--yes").succeeded()

    # nothing on his disk that holder or issuer know the credential by
    proof = issued["proof"]["proofValue"]
    subject = issued["credentialSubject"]["id"].removeprefix("mip:subject:")
    marks = [name, later, path, path.split("/")[1], "vnd.mip.credential", subject, subject[2:]]
    marks += [*proof.split(":"), proof, str(ADULT["birth_date"]), CANARY]
    for place, content in clerk.device.files().items():
        for mark in marks:
            assert mark.encode() not in content, (place, mark)
    assert set(json.loads((clerk.device.out / "again" / "me.json").read_text())) == {"name"}
