"""The installed ``mip`` on real local chains, seen from outside: prints, files, transactions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mip_cli.chain.devnet import TEST_KEYS
from mip_cli.flows.demo import demo_photos
from tests.e2e.chains import Chain, Proxy, new_device, running_chain
from tests.e2e.devices import Device, Holder, new_holder
from tests.e2e.process import Seen
from tests.head_start import portraits
from tests.waiting import shared_memory, wait_until_removed


@pytest.fixture(scope="session")
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory, seen: Seen) -> Iterator[Chain]:
    """One anvil with the suite for the whole session; its clock is never moved."""
    with running_chain(tmp_path_factory.mktemp("chain") / "device", seen) as found:
        yield found


@pytest.fixture
def own_chain(tmp_path: Path, seen: Seen) -> Iterator[Chain]:
    """An anvil for one test, which may move its clock or break it."""
    with running_chain(tmp_path / "own-chain", seen) as found:
        yield found


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> demo_photos.Photos:
    return portraits(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def device(tmp_path: Path, chain: Chain) -> Device:
    return new_device(tmp_path / "device", chain)


@pytest.fixture
def newcomer(device: Device, photos: demo_photos.Photos) -> Holder:
    """A person who has not enrolled, at a device of his own."""
    return new_holder(device, photos)


@pytest.fixture(scope="session")
def holder(
    tmp_path_factory: pytest.TempPathFactory, chain: Chain, photos: demo_photos.Photos
) -> Holder:
    """An enrolled person at a new machine; tests leave the key file as it is."""
    device = new_device(tmp_path_factory.mktemp("holder") / "device", chain, used=False)
    found = new_holder(device, photos)
    found.enroll().succeeded()
    found.open()
    return found


@pytest.fixture(scope="session")
def proof(holder: Holder) -> Path:
    """A proof of the holder's that is never sent; its root does not last as long as a session."""
    path = holder.device.out / "kept.json"
    holder.prove("-o", path, "--public-out", path.with_name("kept-public.json")).succeeded()
    return path


@pytest.fixture
def fresh_proof(holder: Holder, tmp_path: Path) -> Path:
    """A proof under a root that the registry accepts now."""
    path = tmp_path / "fresh.json"
    holder.prove("-o", path).succeeded()
    return path


@pytest.fixture
def proxy(chain: Chain) -> Iterator[Proxy]:
    made = Proxy(chain.url)
    yield made
    made.close()


@pytest.fixture
def deployer_key(tmp_path: Path) -> Path:
    path = tmp_path / "deployer.key"
    path.touch(0o600)
    path.write_text(TEST_KEYS[0])
    return path


@pytest.fixture(autouse=True)
def _nothing_leaks(
    request: pytest.FixtureRequest, tmp_path: Path, seen: Seen, proof: Path
) -> Iterator[None]:
    """After each test: no known secret in any file, argument, environment or output so far.

    Asks for ``proof`` so that what all tests share is there before anything of a single test.
    """
    before = shared_memory()
    yield
    for device in devices(request, tmp_path):
        for path in device.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found = seen.leaks_of(path)
                if path == device.data / "device" / "secret":
                    found -= {"device secret"}  # the one place where it lies, for its owner alone
                assert not found, f"{found} in clear in {path}"
    assert not seen.leaked(), "a secret was shown to other processes or printed"
    wait_until_removed(before)


def devices(request: pytest.FixtureRequest, tmp_path: Path) -> list[Device]:
    found = []
    for name in ("holder", "newcomer", "device", "chain", "own_chain"):
        value = request.node.funcargs.get(name) if hasattr(request.node, "funcargs") else None
        if isinstance(value, Holder | Chain):
            found.append(value.device)
        elif isinstance(value, Device):
            found.append(value)
    return found
