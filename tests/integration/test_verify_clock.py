"""A development chain that was put forward: by whose clock a proof is judged and shown."""

from __future__ import annotations

import time

import pytest
from click.testing import CliRunner

from mip_cli.cli import cli
from mip_cli.errors import ProofInvalid
from mip_cli.flows.kyc import kyc_verify, policy_file
from mip_cli.progress import Silent
from tests.integration.kyc_world import ADULT, World, world

__all__ = ["world"]

AHEAD = 5 * 3600


def test_verify__chain_put_forward__counts_by_the_chain(world: World) -> None:
    world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    adult, _ = world.obtain("adult-card", ADULT)
    world.chain.devnet.advance(AHEAD)
    world.prove(adult, "-o", "proof.json")
    path = world.folder / "proof.json"

    found = world.mip("verify", path)
    assert (found["on_chain"], 0 < found["seconds_left"] <= 3600) == (True, True)
    settings = world.chain.settings
    shown = CliRunner().invoke(
        cli,
        ["--data-dir", str(settings.data_dir), "kyc", "verify", str(path)],
        env={"MIP_RPC_URL": settings.rpc_url, "MIP_BUILD_DIR": str(settings.build_dir)},
    )
    assert shown.exit_code == 0, shown.output
    left = next(line for line in shown.output.splitlines() if line.startswith("valid for"))
    assert 0 < int(left.split()[-2]) <= 3600

    # without a chain there is this machine's clock alone: refused as before, and said why
    refused = world.mip("verify", path, "--offline", code=1)
    assert "s are allowed" in refused
    assert "without --offline" in refused
    file = policy_file.decode(path.read_bytes())
    good = kyc_verify.verify_offline(settings, file, Silent(), clock=lambda: time.time() + AHEAD)
    assert 0 < good.seconds_left <= 3600
    with pytest.raises(ProofInvalid, match="deadline passed"):
        kyc_verify.verify_offline(
            settings, file, Silent(), clock=lambda: time.time() + AHEAD + 2 * 3600
        )
