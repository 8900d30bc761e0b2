"""The account that pays for a transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.keys import Signer, load_signer
from mip_cli.chain.rpc import RpcClient
from mip_cli.config import LOCAL_CHAIN_IDS, Settings
from mip_cli.errors import UsageFault


def load(settings: Settings, key_file: Path | None, password: Callable[[], str]) -> Signer:
    """Return the account in a key file, or the test account of a local chain.

    Raises ``UsageFault`` on a public chain without a key file; ``password`` is called for an
    encrypted keystore only.
    """
    if key_file is not None:
        return load_signer(key_file, password)
    with closing(RpcClient(settings.rpc_url)) as rpc:
        chain_id = rpc.chain_id()
    if chain_id not in LOCAL_CHAIN_IDS:
        raise UsageFault(f"chain {chain_id} needs an account that pays", hint="add --key-file FILE")
    return developer_signer(1)
