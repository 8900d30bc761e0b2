"""Losing keys and coming back, as a person walks it with the installed ``mip``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.chains import Proxy, new_device, running_chain
from tests.e2e.devices import CLAIM, Device, Holder, new_holder
from tests.e2e.kyc_cast import City, kept
from tests.e2e.process import Result, Seen
from tests.e2e.recovery_cast import NEW_PASSWORD, Cast, read
from tests.e2e.test_grants import mip as run


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, seen: Seen, photos) -> Iterator[Cast]:
    """A holder with three guardians in force, and a vote given."""
    root = tmp_path_factory.mktemp("cast")
    with running_chain(root / "chain", seen) as chain:
        holder = new_holder(new_device(root / "people" / "holder", chain), photos)
        holder.enroll().succeeded()
        cast = Cast(root / "people", chain, holder, photos)
        cast.set_guardians()
        holder.prove("--send").succeeded()
        yield cast


@pytest.fixture
def cast(base: Cast, tmp_path: Path) -> Iterator[Cast]:
    with base.branch(tmp_path / "people") as found:
        yield found


@pytest.fixture
def own_proxy(cast: Cast) -> Iterator[Proxy]:
    made = Proxy(cast.chain.url)
    yield made
    made.close()


def returned(cast: Cast, device: Device) -> Holder:
    """The holder on the device that he came back on."""
    return replace(
        cast.holder,
        device=device,
        password=NEW_PASSWORD,
        image=cast.photos.again,
        again=cast.photos.first,
    )


def test_device_lost__password_and_people__bring_the_same_person_back(cast: Cast) -> None:
    backup, locator = cast.export()
    shutil.rmtree(cast.holder.device.data / "passports")
    device = cast.device("new")
    ask = cast.start(device, backup, locator)
    said = device.mip("recover", "status", "--json").succeeded().json
    assert said["step"] == "answers"
    assert "mip recover continue --answers" in said["next"]
    assert said["delay"] == 48 * 3600
    cast.guard("ben", "guardian", "answer", ask, "-o", "-").refused(2, "consent")
    consent = cast.guard("ben", "guardian", "answer", ask, "-o", ask.parent / "x.json", "--yes")
    assert "Ada" in consent.err
    assert consent.json["words"] in consent.err
    assert consent.json["approves"] == "recovery"
    first, second = cast.answers(ask)[:2], cast.answers(ask)[2:]
    some = device.mip(
        *cast.continue_command(*first, *cast.old_password()), stdin=NEW_PASSWORD
    ).succeeded()
    assert some.json["step"] == "answers"
    assert some.json["missing"] == "the guardians gave 1 of 2 parts"
    before = cast.payments()
    rehearsed = device.mip(
        *cast.continue_command(*second, *cast.old_password(), "--dry-run"), stdin=NEW_PASSWORD
    ).succeeded()
    assert rehearsed.json["dry_run"] is True
    assert cast.payments() == before
    now = device.mip(*cast.continue_command(), stdin=NEW_PASSWORD).succeeded().json
    assert (now["step"], now["approvals"], now["needed"]) == ("wait", 2, 2)
    assert cast.payments() == before + 3
    assert now["wait"] > 47 * 3600
    finish = cast.recover_command("finish", "--image", cast.photos.again)
    device.mip(*finish, stdin=NEW_PASSWORD).refused(1, "48 hours")
    cast.later(48)
    assert device.mip("recover", "status", "--json").succeeded().json["step"] == "finish"
    done = device.mip(*finish, stdin=NEW_PASSWORD).succeeded().json
    assert (done["people"], done["apps"]) == (True, 1)
    me = returned(cast, device)
    me.prove("--send").refused(4, "voted")
    void = ("passport", "void", "--image", me.again, "--password-file", "-", "--yes", "--json")
    device.mip(*void, stdin=NEW_PASSWORD).refused(1, "keys of before")
    cast.later(1)
    voided = device.mip(*void, stdin=NEW_PASSWORD).succeeded()
    assert [app["epoch"] for app in voided.json["apps"]] == [1]
    assert "links your pseudonyms" in voided.err


def test_device_lost__archive_and_credentials_come_back_too(cast: Cast, tmp_path: Path) -> None:
    city = City.on(tmp_path / "city", cast.chain)
    note = tmp_path / "note.json"
    note.write_text('{"name": "Ada"}')
    cast.mine("archive", "put", note, "--category", "identity").succeeded()

    def mine(*what: str | Path) -> Result:
        return run(cast.holder, *what)

    name = city.issue(mine, "card")["id"]
    assert kept(mine) == {name: "archive"}
    before = city.prove(mine, tmp_path / "before.json").succeeded().json
    car = tmp_path / "archive.car"
    cast.mine("archive", "export", "-o", car).succeeded()
    backup, locator = cast.export()  # made after the archive began: it opens it
    for folder in ("passports", "credentials", "archives"):
        shutil.rmtree(cast.holder.device.data / folder)

    device = cast.device("new")
    ask = cast.start(device, backup, locator)
    bring = cast.continue_command(*cast.answers(ask), *cast.old_password())
    device.mip(*bring, stdin=NEW_PASSWORD).succeeded()
    cast.later(48)
    finish = cast.recover_command("finish", "--image", cast.photos.again)
    device.mip(*finish, stdin=NEW_PASSWORD).succeeded()
    me = returned(cast, device)

    def now(*what: str | Path) -> Result:
        return run(me, *what)

    assert "is not on this device" in now("kyc", "list", "--json").succeeded().err
    now("archive", "import", car).succeeded()
    assert kept(now) == {name: "archive"}
    after = city.prove(now, tmp_path / "after.json").succeeded().json
    assert (after["nullifier"], after["credentials"]) == (before["nullifier"], [name])


def test_nobody_s_machine__holds_a_part_or_the_people_secret_in_clear(
    cast: Cast, seen: Seen
) -> None:
    backup, locator = cast.export()
    device = cast.device("new")
    ask = cast.start(device, backup, locator)
    answers = cast.answers(ask)
    device.mip(
        *cast.continue_command(*answers, *cast.old_password()), stdin=NEW_PASSWORD
    ).succeeded()
    asked = cast.root / "post" / "parts.json"
    cast.mine("guardian", "ask", "-o", asked).succeeded()
    cast.answers(asked)
    cast.learn(seen, device)
    assert seen.leaks(b"x" + bytes.fromhex(next(iter_hex(seen, "people secret")))) == {
        "people secret"
    }
    assert cast.leaks(seen) == {}
    assert not seen.leaked()


def iter_hex(seen: Seen, name: str) -> Iterator[str]:
    for form, found in seen.canaries.items():
        if found == name and len(form) == 64 and form.islower():
            yield form.decode()


def test_password_forgotten__face_on_the_device_and_people(cast: Cast) -> None:
    _, locator = cast.export()
    device = cast.holder.device
    ask = cast.start(device, None, locator)
    command = cast.continue_command(*cast.answers(ask), "--old-image", cast.photos.again)
    assert device.mip(*command, stdin=NEW_PASSWORD).succeeded().json["step"] == "wait"
    cast.later(48)
    finish = cast.recover_command("finish", "--image", cast.photos.again)
    device.mip(*finish, stdin=NEW_PASSWORD).succeeded()
    cast.holder.prove("-o", "old.json").refused(5, "password")
    returned(cast, device).prove("-o", "new.json").succeeded()


def test_guardians_gone__face_and_password_and_a_new_set(cast: Cast) -> None:
    card = cast.card("ann")
    cast.propose("--card", card, "--without", "ben", "--without", "eve", "--threshold", "2")
    cast.mine("guardian", "finish").refused(1, "48 hours")
    cast.later(48)
    cast.mine("guardian", "finish").succeeded()
    cast.guard("ben", "guardian", "check").refused(1, "cannot bring")
    assert cast.guard("kim", "guardian", "check").succeeded().json["good"]
    listed = cast.mine("guardian", "list").succeeded().json
    assert listed["active"]["guardians"] == ["kim", "ann"]
    assert listed["active_on_chain"]


def test_people__are_shown_at_level_3(cast: Cast) -> None:
    ask = cast.root / "post" / "ask.json"
    cast.mine("guardian", "ask", "-o", ask).succeeded()
    answers = cast.answers(ask)
    out = cast.holder.device.out / "three.json"
    kinds = ("--kinds", "password,people")
    cast.holder.prove("-o", out, *kinds).refused(2, "people")
    cast.holder.prove("-o", out, *kinds, *answers[:2]).refused(5, "1 of 2 parts")
    made = cast.holder.prove("-o", out, "--send", *kinds, *answers, app=CLAIM).succeeded().json
    assert made["level"] == 3
    assert made["receipt"]
    again = cast.holder.prove("-o", out, "--force", *kinds, *answers)
    again.refused(2, "used already")


def test_thief__changes_the_guardians__holder_and_guardians_stop_it(cast: Cast) -> None:
    shutil.copytree(cast.holder.device.root, cast.root / "thief")
    thief = replace(cast.holder, device=cast.device("thief"))
    theirs = replace(cast, holder=thief)
    theirs.mine(
        "guardian",
        "remove",
        "--guardian",
        "ben",
        "--threshold",
        "2",
        "-o",
        thief.device.out,
        "--yes",
    ).succeeded()
    warned = cast.guard("eve", "guardian", "check").succeeded().json
    assert warned["change_ready_at"]
    assert not warned["change_known"]
    ask = cast.root / "post" / "against.json"
    cast.mine("guardian", "ask", "--cancel", "-o", ask).succeeded()
    command = ("guardian", "cancel", "--ask", ask, *cast.answers(ask, "ben"), "--json")
    assert cast.device("kim").mip(*command).succeeded().json["off"] is False
    stopped = cast.guard("eve", "guardian", "cancel", "--as", "ada", "--yes").succeeded().json
    assert stopped["off"] is True
    theirs.mine("guardian", "finish").refused(2, "waits on chain no more")
    theirs.mine(
        "guardian",
        "remove",
        "--guardian",
        "eve",
        "--threshold",
        "2",
        "-o",
        thief.device.out,
        "--yes",
    ).succeeded()
    assert cast.mine("guardian", "cancel", "--yes").succeeded().json["off"] is True


def test_veto__warns_before_it_freezes(cast: Cast) -> None:
    backup, locator = cast.export()
    device = cast.device("new")
    for vetoes, frozen in ((1, False), (2, True)):
        ask = (
            cast.start(device, backup, locator)
            if vetoes == 1
            else device.data / "recoveries" / "default" / "ask.json"
        )
        command = cast.continue_command(*cast.answers(ask), *cast.old_password())
        assert device.mip(*command, stdin=NEW_PASSWORD).succeeded().json["step"] == "wait"
        seen = cast.mine("recover", "watch").succeeded().json
        assert [entry["phase"] for entry in seen["requests"]] == ["waiting"]
        cast.mine("recover", "cancel").refused(2, "consent")
        no = cast.mine("recover", "cancel", "--yes").succeeded()
        assert (no.json["vetoes"], no.json["frozen"]) == (vetoes, frozen)
        assert ("freezes the passport" in no.err) is frozen
        said = device.mip("recover", "status", "--json").succeeded().json
        assert said["step"] == "renew"
        renewed = device.mip(*cast.continue_command(), stdin=NEW_PASSWORD).succeeded().json
        assert renewed["step"] == "answers"
        assert renewed["words"]
    assert renewed["status"] == "frozen"
    cast.holder.prove("-o", "frozen.json").refused(2)


SENDS = [(1, False), (1, True), (2, True), (3, True)]


@pytest.mark.parametrize(("nth", "forwarded"), SENDS)
def test_continue__killed_while_it_sends__goes_on_and_sends_nothing_twice(
    cast: Cast, own_proxy: Proxy, nth: int, forwarded: bool
) -> None:
    backup, locator = cast.export()
    device = cast.device("new")
    answers = cast.answers(cast.start(device, backup, locator))
    before = cast.payments()
    own_proxy.stall("eth_sendRawTransaction", forwarded=forwarded, nth=nth)
    command = cast.continue_command(*answers, *cast.old_password())
    process = device.at(own_proxy.url).start(*command, stdin=NEW_PASSWORD)
    own_proxy.wait_reached(process)
    process.kill()
    own_proxy.release.set()
    now = device.mip(*cast.continue_command(), stdin=NEW_PASSWORD).succeeded().json
    assert (now["step"], now["approvals"]) == ("wait", 2)
    assert cast.payments() == before + 3
    assert not device.leftovers()


@pytest.mark.parametrize(
    ("method", "nth"), [("eth_chainId", 1), ("eth_call", 8), ("eth_estimateGas", 1)]
)
def test_continue__killed_before_it_sends__goes_on(
    cast: Cast, own_proxy: Proxy, method: str, nth: int
) -> None:
    backup, locator = cast.export()
    device = cast.device("new")
    answers = cast.answers(cast.start(device, backup, locator))
    before = cast.payments()
    own_proxy.stall(method, nth=nth)
    command = cast.continue_command(*answers, *cast.old_password())
    process = device.at(own_proxy.url).start(*command, stdin=NEW_PASSWORD)
    own_proxy.wait_reached(process)
    process.kill()
    own_proxy.release.set()
    now = device.mip(*command, stdin=NEW_PASSWORD).succeeded().json
    assert (now["step"], cast.payments()) == ("wait", before + 3)


@pytest.mark.parametrize("forwarded", [False, True])
def test_finish__killed_while_it_sends__goes_on_and_sends_nothing_twice(
    cast: Cast, own_proxy: Proxy, forwarded: bool
) -> None:
    backup, locator = cast.export()
    device = cast.device("new")
    answers = cast.answers(cast.start(device, backup, locator))
    device.mip(
        *cast.continue_command(*answers, *cast.old_password()), stdin=NEW_PASSWORD
    ).succeeded()
    cast.later(48)
    before = cast.payments()
    own_proxy.stall("eth_sendRawTransaction", forwarded=forwarded)
    command = cast.recover_command("finish", "--image", cast.photos.again)
    process = device.at(own_proxy.url).start(*command, stdin=NEW_PASSWORD)
    own_proxy.wait_reached(process)
    process.kill()
    own_proxy.release.set()
    assert device.mip("recover", "status", "--json").succeeded().json["step"] == "finish"
    device.mip(*command, stdin=NEW_PASSWORD).succeeded()
    assert cast.payments() == before + 1
    device.mip(*command, stdin=NEW_PASSWORD).refused(2, "no recovery")
    me = returned(cast, device)
    me.prove("-o", "back.json").succeeded()


@pytest.mark.parametrize("forwarded", [False, True])
def test_guardian_set__killed_while_it_sends__keeps_the_set_and_its_parts(
    cast: Cast, own_proxy: Proxy, forwarded: bool
) -> None:
    out = cast.root / "post" / "set"
    out.mkdir()
    before = cast.payments()
    own_proxy.stall("eth_sendRawTransaction", forwarded=forwarded)
    command = [
        *("guardian", "set", "--card", cast.card("ann"), "-o", out, "--yes"),
        *(*cast.opening, "--json"),
    ]
    device = cast.holder.device
    process = device.at(own_proxy.url).start(*command, stdin=cast.holder.password)
    own_proxy.wait_reached(process)
    process.kill()
    own_proxy.release.set()
    parts = sorted(out.iterdir())
    assert len(parts) == 4
    again = device.mip(*command, stdin=cast.holder.password).succeeded().json
    assert again["resumed"]
    assert sorted(out.iterdir()) == parts, "the parts that were handed out stay good"
    assert cast.payments() == before + 1
    cast.guard("ann", "guardian", "keep", next(p for p in parts if "ann" in p.name)).succeeded()


def test_wrong_words__are_refused(cast: Cast) -> None:
    backup, locator = cast.export()
    device = cast.device("new")
    bad = locator[:-1] + ("0" if locator[-1] != "0" else "1")
    start = ("start", "--backup", backup, "--image", cast.photos.first)
    cast.recover(device, *start, "--locator", bad).refused(2)
    device.mip("recover", "status").refused(2, "no recovery")
    card = cast.root / "post" / "ben-card.json"
    cast.guard("ben", "guardian", "keep", card).refused(3, "another file of mip")
    cast.mine("guardian", "set", "--card", card, "--yes").refused(2, "already")
    changed = cast.root / "post" / "changed.json"
    document = read(card)
    changed.write_text(card.read_text().replace(document["leaf"], document["leaf"][:-1] + "0"))
    cast.mine("guardian", "set", "--card", changed, "--yes").refused(3, "the card")
    ben = cast.device("ben")
    ben.mip("guardian", "check", "--password-file", "-", stdin="wrong").refused(5, "password")
    dry = cast.mine("guardian", "remove", "--guardian", "ben", "--threshold", "2", "--dry-run")
    assert dry.succeeded().json["dry_run"]
    assert cast.mine("guardian", "list").succeeded().json["pending"] is None
