"""A chain for the replacements of keys, and an enrolled person of his own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from mip_cli.chain.devnet import Node, developer_signer
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.passport import enroll, passport_file, prove, rotate, verify
from mip_cli.flows.passport.passport_file import Factors, Opened
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.passport.rotate import Rotated, RotateRequest
from mip_cli.progress import Silent
from tests.head_start import portraits
from tests.integration.conftest import running_chain

if TYPE_CHECKING:
    from conftest import LocalChain

PASSWORD = b"correct horse battery staple"
NEW_PASSWORD = b"another horse, another staple"
PAYER = developer_signer(1)


@dataclass(frozen=True)
class Holder:
    """An enrolled person on the chain of this package, with a passport of his own."""

    chain: LocalChain
    photos: demo_photos.Photos
    name: str

    @property
    def path(self) -> Path:
        return self.chain.settings.data_dir / "passports" / f"{self.name}.mip"

    def open(self, password: bytes = PASSWORD) -> Opened:
        factors = Factors(password, self.photos.again)
        return passport_file.unlock(self.chain.settings, self.name, factors, Silent())

    def wish(self, **changes: object) -> RotateRequest:
        return replace(
            RotateRequest(self.name, PASSWORD, self.photos.again),
            **changes,  # type: ignore[arg-type]
        )

    def rotate(self, **changes: object) -> Rotated:
        return rotate.rotate(self.chain.settings, self.wish(**changes), PAYER, Silent())

    def prove(self, password: bytes = PASSWORD) -> prove.Proved:
        settings = self.chain.settings
        assert self.chain.deployment is not None
        app = self.chain.deployment.address("PassportVote")
        ask = prove.Ask(app, PAYER.address, AppCall("vote(uint256)", ("1",)), newest_root=True)
        consent = prove.prepare(settings, ask, Silent())
        keys = prove.Keys(self.name, password, self.photos.again)
        return prove.prove(settings, consent, keys, Silent())

    def send(self, made: prove.Proved) -> None:
        assert verify.send(self.chain.settings, made.file, PAYER, Silent()).succeeded


@pytest.fixture(scope="package")
def own_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    folder = tmp_path_factory.mktemp("rotation")
    with running_chain(folder, Node.ANVIL, deployed=True) as found:
        yield found


@pytest.fixture
def holder(own_chain: LocalChain, tmp_path: Path, request: pytest.FixtureRequest) -> Holder:
    photos = portraits(tmp_path / "photos")
    name = f"p{crc32(request.node.name.encode())}"
    wish = enroll.EnrollRequest(name, photos.first, PASSWORD)
    enroll.enroll(own_chain.settings, wish, PAYER, Silent())
    return Holder(own_chain, photos, name)


def pass_time(chain: LocalChain, seconds: int) -> None:
    chain.rpc.call("evm_increaseTime", seconds)
    chain.rpc.call("evm_mine")
