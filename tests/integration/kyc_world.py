"""A chain, a holder and an issuer who speak through the installed command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mip_cli.chain.devnet import developer_signer
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from mip_cli.flows.passport import enroll
from mip_cli.progress import Silent
from tests.head_start import portraits, warm

if TYPE_CHECKING:
    from conftest import LocalChain

MIP = Path(sys.executable).parent / "mip"
PASSWORD = "correct horse battery staple"
ISSUER_PASSWORD = "a password of the city hall"
ADULT = {
    "given_name": "Ada",
    "family_name": "Lovelace-Canary",
    "birth_date": "1990-12-10",
    "nationality": "GBR",
    "residence": "DE",
    "assurance": 3,
}
MINOR = ADULT | {"birth_date": "2021-01-01"}


@dataclass
class World:
    """A chain, an enrolled holder, and an issuer of another data folder."""

    chain: LocalChain
    folder: Path
    photo: Path

    def mip(
        self, *arguments: object, issuer: bool = False, code: int = 0, group: str = "kyc"
    ) -> Any:
        """Run a command with ``--json``; return its document, or its last lines when refused."""
        settings = self.chain.settings
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "MIP_RPC_URL": settings.rpc_url,
            "MIP_BUILD_DIR": str(settings.build_dir),
            "MIP_KEYRING": "off",
        }
        data = settings.data_dir if not issuer else self.folder / "city"
        command = [str(MIP), "--data-dir", str(data), *filter(None, [group])]
        command += [*map(str, arguments), "--json"]
        done = subprocess.run(
            [*command, "--password-file", "-"] if "verify" not in command else command,
            input=ISSUER_PASSWORD if issuer else PASSWORD,
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else json.loads(done.stdout)

    def holder(self, *arguments: object, code: int = 0) -> Any:
        return self.mip(*arguments, "--passport", "holder", "--image", self.photo, code=code)

    def obtain(self, name: str, claims: dict[str, Any]) -> tuple[str, int]:
        """Ask for a credential, have it issued, keep it; return its name and number."""
        self.holder("request", "-o", f"{name}-request.json")
        (self.folder / f"{name}-claims.json").write_text(json.dumps(claims))
        (self.folder / "schema.json").write_text(json.dumps(EXAMPLE_SCHEMA))
        issued = self.mip(
            *("issuer", "issue", "--schema", "schema.json", "--claims", f"{name}-claims.json"),
            *("--request", f"{name}-request.json", "-o", f"{name}.json", "--yes"),
            issuer=True,
        )
        kept = self.holder("import", f"{name}.json")
        assert kept["issuer_checked"] is True
        return kept["id"], issued["number"]

    def prove(self, credential: str, *arguments: object, code: int = 0) -> Any:
        return self.holder(
            *("prove", "--policy", "adult.json", "--app", "AgeGate", "--call", "enter()"),
            *("--credential", credential, "--yes", *arguments),
            code=code,
        )


@pytest.fixture
def world(start_chain: Callable[..., LocalChain], tmp_path: Path) -> World:
    chain = start_chain()
    photos = portraits(tmp_path / "photos")
    warm(tmp_path / ".cache" / "mip")
    wish = enroll.EnrollRequest("holder", photos.first, PASSWORD.encode())
    enroll.enroll(chain.settings, wish, developer_signer(1), Silent())
    (tmp_path / "adult.json").write_text(json.dumps(EXAMPLE_POLICY))
    city = tmp_path / "city" / "deployments"
    city.mkdir(parents=True, mode=0o700)
    record = chain.settings.data_dir / "deployments" / "31337.json"
    (city / record.name).write_bytes(record.read_bytes())
    return World(chain, tmp_path, photos.again)
