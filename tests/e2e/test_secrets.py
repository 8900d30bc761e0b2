"""What is left on disk, in memory and in proofs: no secret, and nothing that links."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from mip_cli.config import Settings
from mip_cli.crypto import kdf
from mip_cli.store import device as device_store
from tests.e2e.chains import Chain
from tests.e2e.devices import CLAIM, Device, Holder
from tests.e2e.process import Seen


def public_values(file: Path) -> dict[str, object]:
    document = json.loads(file.read_text())
    mip = document["mip"]
    points = {n: tuple(map(str, document[n])) for n in ("pi_a", "pi_b", "pi_c")}
    return {**points, "nullifier": mip["nullifier"], "root": mip["root"]}


def signals(file: Path) -> dict[str, str]:
    values = json.loads(file.read_text())
    return dict(zip(("rootLevel", "nullifier", "scope", "message"), values, strict=True))


def test_proofs__to_two_apps_share_no_public_value(holder: Holder, proof: Path) -> None:
    out = holder.device.out
    pairs = [(proof, proof.with_name("kept-public.json"))]
    for name, app in (("again", ()), ("claim", CLAIM)):
        file, public = out / f"{name}.json", out / f"{name}-public.json"
        options = {"app": app} if app else {}
        holder.prove("-o", file, "--public-out", public, **options).succeeded()
        pairs.append((file, public))
    (vote, vote_signals), (again, again_signals), (claim, claim_signals) = (
        (public_values(file), signals(public)) for file, public in pairs
    )
    tied = {"rootLevel"}  # the same for every passport in the tree
    assert not {v for k, v in vote_signals.items() if k not in tied} & set(claim_signals.values())
    assert {k for k in vote if vote[k] == claim[k]} <= {"root"}
    # to one app the pseudonym is the same, and all else but the tree's root differs
    assert vote_signals["nullifier"] == again_signals["nullifier"]
    assert vote_signals["scope"] == again_signals["scope"]
    assert vote_signals["message"] != again_signals["message"]
    assert {k for k in vote if vote[k] == again[k]} <= {"nullifier", "root"}
    coordinates = [
        set(map(str, (*v["pi_a"], *v["pi_b"], *v["pi_c"]))) for v in (vote, claim, again)
    ]
    trivial = {"1", "['1', '0']"}
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert coordinates[i] & coordinates[j] <= trivial


def test_canaries__are_found_where_they_are(holder: Holder, seen: Seen) -> None:
    """The success beside every search that finds nothing."""
    unlocked = holder.open()
    s, shares = unlocked.secrets, unlocked.sealed.shares
    device_secret = (holder.device.data / "device" / "secret").read_bytes()
    stretched = kdf.stretch(holder.password.encode(), s.password_kdf).stretched
    for leak, name in (
        (b"..." + s.secret.to_bytes(32, "big"), "secret"),
        (f"0x{s.secret:064x}".encode(), "secret"),
        (str(s.keys_salt).encode(), "keys salt"),
        (json.dumps({"template": list(s.template)}).encode(), "template"),
        (bytes(v + 128 for v in s.template), "template"),
        (holder.password.encode() + b"\n", "password"),
        (s.anchor_key.hex().encode(), "anchor key"),
        (str(stretched).encode(), "stretched password"),
        (shares[0], "share of password"),
        (shares[1].hex().encode(), "share of face"),
        (shares[2], "share of people"),
        (unlocked.sealed.root_key, "root key"),
        (device_secret, "device secret"),
    ):
        assert seen.leaks(leak) == {name}
    assert not seen.leaks(holder.key_file.read_bytes())


def test_files__are_private_and_proofs_are_shared_as_the_user_wants(
    holder: Holder, proof: Path
) -> None:
    data = holder.device.data
    kept = [*data.glob("passports/*"), *data.glob("device/*"), *data.glob("journal/**/*")]
    assert {path.name for path in kept} >= {"secret", "attempts.json", "default.mip"}
    for path in (data / "passports", data / "device", *kept):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(proof.stat().st_mode) == 0o666 & ~umask


def test_device__holds_nothing_of_a_telemetry(newcomer: Holder) -> None:
    """onnxruntime would leave an identifier of the device and a queue of events."""
    home = newcomer.device.root
    newcomer.device.mip("face", "detect", "--image", newcomer.image).succeeded()
    left = {path.name for path in home.rglob("*") if path.is_file()}
    assert not left & {"deviceid", ".ses", "onnxruntime.db"}
    assert {path.name for path in home.glob(".*")} == set()


def test_python_api__does_all_of_it_warm(
    device: Device, chain: Chain, photos, tmp_path: Path, seen: Seen
) -> None:
    """Enrol, prove, verify and send by the flows alone, in one process without a terminal."""
    from mip_cli.chain.devnet import developer_signer
    from mip_cli.flows import connection
    from mip_cli.flows.passport import enroll, passport_file, proof_file, prove, verify
    from mip_cli.models import Kind
    from mip_cli.progress import Silent

    settings: Settings = device.settings
    silent, payer, password = Silent(), developer_signer(1), b"a password of the warm holder"
    wish = enroll.EnrollRequest("warm", photos.first, password)
    assert password.decode() not in repr(wish)
    done = enroll.enroll(settings, wish, payer, silent)
    assert not done.resumed
    factors = passport_file.Factors(password, photos.again)
    opened = passport_file.unlock(settings, "warm", factors, silent)
    seen.learn(opened, password.decode(), device_store.ensure(settings.data_dir, None).value)
    assert passport_file.list_names(settings) == ["warm"]

    call = proof_file.AppCall("vote(uint256)", ("1",))
    app = prove.find_app(settings, "PassportVote")
    ask = prove.Ask(app, payer.address, call)
    consent = prove.prepare(settings, ask, silent)
    keys = prove.Keys("warm", password, photos.again)
    assert password.decode() not in repr(keys) + repr(keys.factors)
    made = [prove.prove(settings, consent, keys, silent) for _ in range(2)]
    assert made[0].file.nullifier == made[1].file.nullifier
    assert made[0].file.proof != made[1].file.proof
    assert verify.verify_offline(settings, made[0].file, silent).development
    assert verify.verify_on_chain(settings, made[1].file, silent).on_chain
    assert proof_file.decode(proof_file.encode(made[1].file)) == made[1].file
    receipt = verify.send(settings, made[1].file, payer, silent)
    assert receipt.succeeded
    with connection.connect(settings) as link:
        assert link.registry.size() == chain.size()

    alone = prove.Keys("warm", password, photos.again, frozenset({Kind.PASSWORD}))
    payload = prove.Ask(app, payer.address, payload=bytes(32))
    low = prove.prepare(settings, payload, silent)
    from dataclasses import replace

    single = prove.prove(
        settings, replace(low, request=replace(low.request, level=1)), alone, silent
    )
    assert (single.file.level, single.distance) == (1, None)
    assert verify.verify_offline(settings, single.file, silent).file.level == 1
