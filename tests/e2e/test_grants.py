"""Two installed ``mip``: a holder lets an institution and two apps read, and ends it."""

from __future__ import annotations

import json
import signal
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from mip_cli.chain.devnet import DEVELOPER, developer_signer
from mip_cli.chain.tx import Sender
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256
from mip_cli.flows.demo import demo_photos
from mip_cli.store.journal import FileJournal
from tests.e2e.chains import Chain, new_device
from tests.e2e.devices import Device, Holder, new_holder
from tests.e2e.process import Result

CANARY = "canary-0815-name"
ACCOUNT = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"
"""Key of the third of the well-known test accounts, funded on every local chain."""
SECOND = "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"
"""Key of the fourth."""
PASSWORD = "the password of a grantee"  # noqa: S105 - of a test


def mip(holder: Holder, *what: str | Path) -> Result:
    """Run a command with the holder's keys."""
    keys = ("--image", holder.again, "--passport", holder.name, "--password-file", "-")
    return holder.device.mip(*what, *keys, stdin=holder.password)


@dataclass(frozen=True)
class Institution:
    """A grantee on a device of its own."""

    device: Device
    key_file: Path

    def mip(self, *what: str | Path) -> Result:
        return self.device.mip("access", *what, "--password-file", "-", stdin=PASSWORD)

    def open(self, bundle: Path, car: Path, out: str, *more: str | Path) -> Result:
        command = ("open", bundle, "--car", car, "--out", self.device.out / out, "--json")
        return self.mip(*command, "--key-file", self.key_file, *more)


@pytest.fixture
def institution(tmp_path: Path, chain: Chain) -> Institution:
    return institution_on(tmp_path, chain)


def institution_on(tmp_path: Path, chain: Chain) -> Institution:
    device = new_device(tmp_path / "institution", chain)
    key_file = device.out / "account.key"
    key_file.write_text(ACCOUNT)
    key_file.chmod(0o600)
    return Institution(device, key_file)


@pytest.fixture
def keeper(newcomer: Holder) -> Holder:
    return enrolled(newcomer)


def enrolled(newcomer: Holder) -> Holder:
    """An enrolled holder with six finance records and three of health."""
    newcomer.enroll().succeeded()
    out = newcomer.device.out
    lines = [json.dumps({"holder": CANARY, "income": 1000 * n, "kind": "salary"}) for n in range(6)]
    (out / "pay.jsonl").write_text("\n".join(lines))
    (out / "visits.jsonl").write_text("\n".join(f'{{"patient": "{CANARY}"}}' for _ in range(3)))
    for name, category in (("pay.jsonl", "finance"), ("visits.jsonl", "health")):
        put = ("archive", "put", out / name, "--lines", "--category", category)
        mip(newcomer, *put).succeeded()
        (out / name).unlink()
    return newcomer


def card_of(institution: Institution, *more: str) -> Path:
    card = institution.device.out / "card.json"
    command = ("init", "--title", "Acme Bank", "--purpose", "judge a loan", "-o", card, "--json")
    institution.mip(*command, "--key-file", institution.key_file, *more).succeeded()
    return card


def issue(holder: Holder, card: Path, level: int, name: str, *more: str | Path) -> Result:
    out = holder.device.out
    return mip(
        holder,
        *("grant", "issue", card, "--category", "finance", "--level", str(level), "--name", name),
        *("-o", out / f"{name}.json", "--car", out / f"{name}.car", "--yes", "--json", *more),
    )


def test_grant__the_whole_way(keeper: Holder, institution: Institution) -> None:
    holder, out = keeper, keeper.device.out
    card = card_of(institution)
    refused = mip(
        holder, "grant", "issue", card, "--category", "finance", "--level", "2", "-o", "x"
    )
    refused.refused(2, "needs your consent")
    assert "judge a loan" in refused.err
    assert "without the members that name you" in refused.err

    receipt, page = out / "receipt.json", out / "receipt.html"
    more = ("--uses", "2", "--receipt", receipt, "--page", page)
    issued = issue(holder, card, 2, "acme", *more).succeeded().json
    bundle, car = out / "acme.json", out / "acme.car"
    assert issued["transaction"]["gas_used"] > 0
    assert "judge a loan" in page.read_text()
    issue(holder, card, 2, "acme", "--force").refused(2, "called acme already")
    checked = holder.device.mip("grant", "check", receipt, "--json").succeeded().json
    assert (checked["in_force"], checked["uses_left"]) == (True, 2)

    # the grantee has bundle, blocks, chain and his own key, nothing else
    opened = institution.open(bundle, car, "records").succeeded().json
    assert (opened["records"], opened["uses_left"]) == (6, 1)
    shown = sorted((institution.device.out / "records").iterdir())
    incomes = sorted(json.loads(path.read_text())["income"] for path in shown)
    assert incomes == [0, 1000, 2000, 3000, 4000, 5000]
    assert all(CANARY not in path.read_text() for path in shown)

    # the holder sees it, and the receipt that he is given
    access = Path(opened["access_receipt"])
    seen = mip(holder, "grant", "receipts", "acme", "--json").succeeded().json["uses"]
    assert [use["receipt"] for use in seen] == [None]
    given = mip(holder, "grant", "receipts", "acme", "--add", access, "--json").succeeded().json
    assert [use["access"] for use in given["uses"]] == [opened["access"]]
    assert given["uses"][0]["receipt"] == opened["access"]
    forged = out / "forged.json"
    forged.write_bytes(access.read_bytes().replace(b'"number": 1', b'"number": 2'))
    mip(holder, "grant", "receipts", "acme", "--add", forged).refused(3, "changed or damaged")

    # ended: the chain refuses, and the keys of what comes next are others
    revoked = mip(holder, "grant", "revoke", "acme", "--yes", "--json").succeeded().json
    assert revoked["receipt"]["gas_used"] > 0
    institution.open(bundle, car, "again").refused(1, "nothing is granted")
    assert not (institution.device.out / "again").exists()
    holder.device.mip("grant", "check", bundle).refused(1, "nothing is granted")
    mip(holder, "archive", "verify", "--offline").succeeded()
    for device in (holder.device, institution.device):
        for path, content in device.files().items():
            assert CANARY.encode() not in content, path


def test_grant__to_a_contract__which_uses_it(
    keeper: Holder, institution: Institution, chain: Chain
) -> None:
    card = institution.device.out / "card.json"
    made = ("init", "--title", "Lender", "--contract", "Lender", "-o", card, "--json", "--hybrid")
    key_hash = institution.mip(*made).succeeded().json["key_hash"]
    issue(keeper, card, 2, "loan").refused(3, "another key than the card")
    publish = ("publish", "--json")
    stranger = ("publish", "--key-file", institution.key_file, "--json")
    institution.mip(*stranger).refused(4, "only who runs the lender")
    rehearsed = institution.mip(*publish, "--dry-run").succeeded().json
    assert (rehearsed["dry_run"], rehearsed["to"]) == (True, chain.address("Lender"))
    issue(keeper, card, 2, "loan").refused(3, "another key than the card")
    stated = institution.mip(*publish).succeeded().json
    assert (stated["key_hash"], stated["receipt"]["gas_used"] > 0) == (key_hash, True)
    assert institution.mip(*publish).succeeded().json["receipt"] is None
    issue(keeper, card, 2, "loan").succeeded()
    bundle, car = keeper.device.out / "loan.json", keeper.device.out / "loan.car"
    command = ("open", bundle, "--car", car, "--out", institution.device.out / "got", "--json")
    institution.mip(*command).refused(1, "has not used the grant")
    app = ("--app", "Lender", "--call", "apply(uint256)", "--arg", "1000")
    keeper.prove("--send", app=app).succeeded()
    assert institution.mip(*command).succeeded().json["records"] == 6
    again = (*command[:5], institution.device.out / "more", "--json")
    institution.mip(*again).refused(1, "used up")


def state_key(chain: Chain, device: Device, key: bytes) -> None:
    """Have the operator of the lender state the key that grants are sealed to."""
    with closing(chain.client()) as rpc:
        signer = developer_signer(DEVELOPER)
        sender = Sender(rpc, signer, FileJournal(device.tmp / "operator"), rpc.chain_id())
        data = keccak256(b"set_key(bytes32)")[:4] + key
        sender.send("key", Call(chain.address("Lender"), data))  # type: ignore[arg-type]


def test_grant__levels_3_1_and_0__and_what_a_revocation_changes_for_others(
    keeper: Holder, institution: Institution, chain: Chain, tmp_path: Path
) -> None:
    holder, out = keeper, keeper.device.out
    card = card_of(institution)
    second = Institution(new_device(tmp_path / "second", chain), tmp_path / "second.key")
    second.key_file.write_text(SECOND)
    second.key_file.chmod(0o600)
    other = card_of(second, "--hybrid")
    (out / "more.jsonl").write_text('{"income": 6000}\n{"income": 7000}')
    put = ("archive", "put", out / "more.jsonl", "--lines", "--category", "finance")
    mip(holder, *put).succeeded()  # eight make a cell, which level 1 counts
    issue(holder, card, 3, "whole", "--uses", "9").succeeded()
    issue(holder, other, 1, "numbers", "--uses", "9").succeeded()
    whole = institution.open(out / "whole.json", out / "whole.car", "whole").succeeded().json
    folder = institution.device.out / "whole" / "pay"
    assert (whole["records"], len(list(folder.iterdir()))) == (8, 6)
    assert CANARY in (folder / "000001.json").read_text()
    got = second.open(out / "numbers.json", out / "numbers.car", "numbers").succeeded().json
    assert got["aggregates"]["members"]["income"]["sum"] == 28000
    # each opens his own alone
    second.open(out / "whole.json", out / "whole.car", "x").refused(2, "not for default")
    institution.open(out / "numbers.json", out / "numbers.car", "x").refused(2, "not for default")

    bundles = out / "bundles"
    bundles.mkdir()
    revoke = ("grant", "revoke", "whole", "--eager", "--bundles", bundles, "--yes", "--json")
    done = mip(holder, *revoke).succeeded().json
    assert (done["resealed"], done["bundles"]) == (8, ["numbers"])
    store = f"sqlite:{holder.device.data / 'archives' / holder.name / 'blocks.sqlite'}"
    command = ("open", "--store", store, "--json", "--key-file")
    # the old bundle opens nothing any more, and costs no use; the new one does
    stale = second.mip(*command, second.key_file, out / "numbers.json", "--out", "stale")
    stale.refused(3, "lacks block")
    fresh = second.mip(*command, second.key_file, bundles / "numbers.json", "--out", "fresh")
    assert fresh.succeeded().json["uses_left"] == 7
    fetched = second.device.out / "view.car"
    fetch = ("fetch", bundles / "numbers.json", "--store", store, "-o", fetched, "--json")
    assert second.mip(*fetch).succeeded().json["blocks"] == 1
    mip(holder, "grant", "revoke", "whole", "--yes").refused(2, "has ended")
    listed = mip(holder, "grant", "list", "--json").succeeded().json["grants"]
    assert {(one["name"], one["in_force"]) for one in listed} == {
        ("whole", False),
        ("numbers", True),
    }

    mip(holder, "archive", "verify", "--offline").succeeded()


def test_grant__voided__opens_no_more_and_changes_keys(
    own_chain: Chain, photos: demo_photos.Photos, tmp_path: Path
) -> None:
    holder = enrolled(new_holder(new_device(tmp_path / "device", own_chain), photos))
    institution = institution_on(tmp_path, own_chain)
    out = holder.device.out
    issue(holder, card_of(institution), 2, "acme", "--uses", "9").succeeded()
    institution.open(out / "acme.json", out / "acme.car", "before").succeeded()
    own_chain.device.mip("dev", "advance", "--hours", "1", "--json").succeeded()
    voided = mip(holder, "passport", "void", "--yes", "--json").succeeded().json["apps"]
    assert [one["purpose"] for one in voided] == ["judge a loan"]
    institution.open(out / "acme.json", out / "acme.car", "after").refused(1, "voided")
    refresh = ("grant", "refresh", "acme", "-o", out / "new.json")
    mip(holder, *refresh).refused(1, "has ended (void)")
    issue(holder, institution.device.out / "card.json", 2, "acme", "--force").succeeded()
    institution.open(out / "acme.json", out / "acme.car", "new").succeeded()
    mip(holder, "archive", "verify", "--offline").succeeded()


def test_grant__level_0__is_a_proof(keeper: Holder, institution: Institution, chain: Chain) -> None:
    card = institution.device.out / "card.json"
    made = ("init", "--title", "Lender", "--contract", "Lender", "-o", card, "--json")
    state_key(chain, keeper.device, bytes.fromhex(institution.mip(*made).json["key_hash"][2:]))
    proof = keeper.device.out / "proof.json"
    app = ("--app", "Lender", "--call", "apply(uint256)", "--arg", "5")
    keeper.prove("-o", proof, app=app).succeeded()
    out = keeper.device.out
    wish = ("grant", "issue", card, "--category", "finance", "--level", "0", "--name", "shown")
    command = (*wish, "-o", out / "shown.json", "--yes", "--json")
    mip(keeper, *command).refused(2, "level 0 is a proof")
    mip(keeper, *command, "--proof", proof).succeeded()
    opening = ("open", out / "shown.json", "--out", institution.device.out / "got", "--json")
    institution.mip(*opening).refused(1, "has not used the grant")


KILLS = (0.35, 0.5, 0.65, 0.8, 0.9, 0.97)


def test_grant__killed_at_any_moment__goes_on(keeper: Holder, institution: Institution) -> None:
    holder, out = keeper, keeper.device.out
    card = card_of(institution)
    keys = ("--image", holder.again, "--passport", holder.name, "--password-file", "-")
    wish = ("--category", "finance", "--level", "2", "--uses", "20", "--yes", "--force")

    def command(name: str) -> list[str | Path]:
        files = ("-o", out / "b.json", "--car", out / "b.car")
        return ["grant", "issue", card, *wish, "--name", name, *files, *keys]

    started = time.monotonic()
    holder.device.mip(*command("first"), stdin=holder.password).succeeded()
    whole = time.monotonic() - started
    for number, part in enumerate(KILLS):
        process = holder.device.start(*command(f"n{number}"), stdin=holder.password)
        time.sleep(whole * part)
        killed = process.kill().code
        assert killed in (-signal.SIGKILL, 0)
        if killed:
            done = holder.device.mip(*command(f"n{number}"), stdin=holder.password)
            if done.code:  # it was on chain and noted: only the bundle is still to be made
                done.refused(2, "already")
                refresh = ("grant", "refresh", f"n{number}", "--force", "-o", out / "b.json")
                mip(holder, *refresh, "--car", out / "b.car").succeeded()
        listed = mip(holder, "grant", "list", "--json").succeeded().json["grants"]
        live = [one["name"] for one in listed if one["in_force"]]
        assert live == [f"n{number}"]  # one grant for one grantee and category, never two

    # the grantee, killed while he opens, uses the grant once for what he opens once
    opening = ["open", out / "b.json", "--car", out / "b.car", "--out", "got"]
    keyed = ["--key-file", institution.key_file, "--password-file", "-", "--json"]
    started = time.monotonic()
    first = institution.device.mip("access", *opening, *keyed, stdin=PASSWORD)
    left = first.succeeded().json["uses_left"]
    whole = time.monotonic() - started
    for number, part in enumerate(KILLS):
        target = opening[:-1] + [f"got{number}"]
        process = institution.device.start("access", *target, *keyed, stdin=PASSWORD)
        time.sleep(whole * part)
        if process.kill().code:
            done = institution.device.mip("access", *target, *keyed, stdin=PASSWORD)
            if (institution.device.out / f"got{number}").exists() and done.code:
                done.refused(2, "exists")
            else:
                done.succeeded()
        assert len(list((institution.device.out / f"got{number}").iterdir())) == 6
    checked = holder.device.mip("grant", "check", out / "b.json", "--json").succeeded().json
    assert checked["uses_left"] == left - len(KILLS)
    assert not institution.device.leftovers()

    revoke = ("grant", "revoke", f"n{len(KILLS) - 1}", "--eager", "--yes", *keys)
    process = holder.device.start(*revoke, stdin=holder.password)
    time.sleep(whole)
    process.kill()
    mip(holder, "archive", "verify", "--offline").succeeded()
    mip(holder, *revoke[: -len(keys)]).succeeded()
    holder.device.mip("grant", "check", out / "b.json").refused(1)
    mip(holder, "archive", "verify", "--offline").succeeded()


def test_grant__relayed__by_somebody_who_can_change_nothing(
    keeper: Holder, institution: Institution
) -> None:
    card, out = card_of(institution), keeper.device.out
    wish = ("grant", "issue", card, "--category", "finance", "--level", "2", "--name", "acme")
    rehearsed = mip(keeper, *wish, "-o", out / "b.json", "--dry-run", "--json").succeeded()
    assert rehearsed.json["dry_run"]
    assert mip(keeper, "grant", "list", "--json").succeeded().json["grants"] == []
    act = out / "act.json"
    mip(keeper, *wish, "--relay", act, "--yes", "--json").succeeded()
    mip(keeper, "grant", "refresh", "acme", "-o", out / "b.json").refused(2, "not on chain yet")
    changed = out / "changed.json"
    changed.write_bytes(act.read_bytes().replace(b'"chain_id": 31337', b'"chain_id": 31338'))
    send = ("grant", "relay", "--key-file", institution.key_file)
    institution.device.mip(*send, changed).refused(3, "changed or damaged")
    institution.device.mip(*send, act, "--json").succeeded()
    car = out / "b.car"
    mip(keeper, "grant", "refresh", "acme", "-o", out / "b.json", "--car", car).succeeded()
    assert institution.open(out / "b.json", car, "got").succeeded().json["records"] == 6
