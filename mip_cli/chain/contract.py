"""One contract on one chain: reads of plain words and calls, without eth_abi."""

from __future__ import annotations

from mip_cli.chain.abi import checksum, selector, words
from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.chain.reverts import translate
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.values import Call
from mip_cli.units import Address


class BoundContract:
    """What the typed clients share; a revert becomes the ``ChainRefusal`` of its reason."""

    def __init__(self, rpc: RpcClient, address: Address) -> None:
        self.rpc = rpc
        self.address = address

    def _call(self, signature: str, arguments: bytes) -> Call:
        return Call(self.address, selector(signature) + arguments)

    def _words(
        self, signature: str, arguments: bytes, count: int, block: str = "latest"
    ) -> list[int]:
        return words(self._read(signature, arguments, block=block), count)

    def _address(self, signature: str) -> Address:
        found = self._words(signature, b"", 1)[0]
        if found >> 160:
            raise NodeUntrusted("a contract answers with something that is not an address")
        return checksum(found)

    def _read(
        self, signature: str, arguments: bytes, *, sender: str | None = None, block: str = "latest"
    ) -> bytes:
        data = selector(signature) + arguments
        try:
            return self.rpc.eth_call(self.address, data, sender=sender, block=block)
        except NodeRefused as error:
            raise translate(error) from None
