"""Addresses that depend on nothing but the code: CREATE2 through the well-known proxy.

The proxy (github.com/Arachnid/deterministic-deployment-proxy) is at the same address on every
chain because its only transaction was signed by nobody's key: a signature made up of twos, for
which one sender address follows. Where it is missing, anyone can publish that transaction.
"""

from __future__ import annotations

from mip_cli.chain.abi import checksum
from mip_cli.chain.faults import NodeRefused
from mip_cli.chain.rpc import RpcClient, quantity
from mip_cli.chain.tx import Sender
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256
from mip_cli.errors import EnvironmentFault
from mip_cli.progress import Progress
from mip_cli.units import Address

PROXY = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
PROXY_SIGNER = Address("0x3fAB184622Dc19b6109349B94811493BF2a45362")
"""The address that the made-up signature belongs to; nobody has its key."""
PROXY_TRANSACTION = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe"
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
    "1ba0" + "22" * 32 + "a0" + "22" * 32
)
PROXY_COST = 100_000 * 100 * 10**9
"""Wei: its gas limit times its gas price."""
SALT = keccak256(b"mip/1")
"""One salt for the whole suite; other code gives other addresses by itself."""


def create2_address(init_code: bytes, salt: bytes = SALT) -> Address:
    """Return where the proxy puts a contract."""
    proxy = bytes.fromhex(PROXY[2:])
    return checksum(keccak256(b"\xff" + proxy + salt + keccak256(init_code))[12:])


def create2_call(init_code: bytes, salt: bytes = SALT) -> Call:
    """Return the call that makes the proxy create a contract."""
    return Call(PROXY, salt + init_code)


def proxy_missing(rpc: RpcClient) -> bool:
    """Tell whether the proxy must be published; raise when its address holds other code."""
    code = rpc.code(PROXY)
    if code and code != PROXY_CODE:
        raise EnvironmentFault(
            f"{PROXY} holds other code than the CREATE2 proxy on this chain",
            hint="this chain cannot have deterministic addresses",
        )
    return not code


def publish_proxy(sender: Sender, progress: Progress) -> None:
    """Fund the proxy's signer and publish its transaction, where that has not happened yet."""
    rpc = sender.rpc
    if not proxy_missing(rpc):
        return
    progress.step("publishing the CREATE2 proxy")
    missing = PROXY_COST - quantity(rpc.call("eth_getBalance", PROXY_SIGNER, "latest"))
    if missing > 0:
        sender.send(
            f"fund-create2-proxy:{sender.chain_id}", Call(PROXY_SIGNER, b"", missing), progress
        )
    try:
        rpc.call("eth_sendRawTransaction", "0x" + PROXY_TRANSACTION.hex())
    except NodeRefused as error:
        if not proxy_missing(rpc):
            return
        raise EnvironmentFault(
            f"the chain refuses the CREATE2 proxy's transaction: {error.message}",
            hint=f"ask its operators to put the proxy at {PROXY}",
        ) from None
    sender.wait_until(lambda: not proxy_missing(rpc), "the CREATE2 proxy")
