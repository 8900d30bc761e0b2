"""An archive's blocks in an IPFS node: many of them, with links, pinned by their root.

The network behind the node may keep blocks that were deleted here.
"""

from __future__ import annotations

from collections.abc import Sequence

from mip_cli.crypto import cid as links_of
from mip_cli.crypto import jsontext
from mip_cli.crypto.archive_blocks import MAX_BLOCK, Block
from mip_cli.crypto.cid import RAW, Link
from mip_cli.errors import EnvironmentFault
from mip_cli.store.archive.blocks import missing
from mip_cli.store.blocks import StoreUntrusted
from mip_cli.store.ipfs import MAX_ANSWER, IpfsNode

_MAX_PINS = 1024 * 1024
"""Bytes of an answer to a pin; js-ipfs may report progress."""
_TEXT = {"cid-base": "base32"}
_GONE = (b"not found", b"could not find", b"not pinned", b"is not pinned")


class IpfsStore:
    """A node that keeps one archive, pinned from its root."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._node = IpfsNode(url)
        self._kubo: bool | None = None

    @property
    def uri(self) -> str:
        """Return how the holder names it."""
        return f"ipfs:{self._url}"

    @property
    def label(self) -> str:
        """Return what may be shown of it."""
        return self._node.label

    def put(self, blocks: Sequence[Block]) -> None:
        """Store blocks; the node must name them as we do."""
        for block in blocks:
            codec = "raw" if links_of.codec_of(block.cid) == RAW else "dag-cbor"
            status, body = self._node.ask(
                "block/put", self._put_options(codec), MAX_ANSWER, upload=block.data
            )
            if status != 200:
                raise self._node.refusal(status, body)
            if _member(body, "Key") != links_of.text(block.cid):
                raise StoreUntrusted(f"{self.label} says it stored another block than we sent")

    def get(self, cids: Sequence[Link]) -> list[bytes]:
        """Return blocks."""
        found = []
        for cid in cids:
            query = {"arg": links_of.text(cid), "timeout": "50s"}
            status, body = self._node.ask("block/get", query, MAX_BLOCK)
            if status != 200:
                raise missing(self, cid)
            found.append(body)
        return found

    def publish(self, root: Link, previous: Link | None) -> None:
        """Pin the new root with all that hangs on it, then let the old one go."""
        status, body = self._node.ask("pin/add", _pin(root), _MAX_PINS)
        if status != 200:
            raise self._node.refusal(status, body)
        if previous is not None and previous != root:
            status, body = self._node.ask("pin/rm", _pin(previous), _MAX_PINS)
            self._require(status, body)

    def delete(self, cids: Sequence[Link]) -> None:
        """Delete blocks from this node; other nodes keep what they fetched."""
        for cid in cids:
            status, body = self._node.ask("block/rm", {"arg": links_of.text(cid)}, MAX_ANSWER)
            self._require(status, body)

    def listing(self) -> None:
        """Tell nothing: a node also keeps what is not the archive's."""
        return

    def close(self) -> None:
        """Nothing is held open."""

    def _put_options(self, codec: str) -> dict[str, str]:
        if self._kubo is None:
            self._kubo = self._node.is_kubo()
        if self._kubo:
            return {"cid-codec": codec, "mhtype": "sha2-256", "pin": "false", **_TEXT}
        return {"format": codec, "version": "1", "mhtype": "sha2-256", "pin": "false", **_TEXT}

    def _require(self, status: int, body: bytes) -> None:
        if status != 200 and not any(words in body for words in _GONE):
            raise self._node.refusal(status, body)


def _pin(root: Link) -> dict[str, str]:
    return {"arg": links_of.text(root), "recursive": "true"}


def _member(body: bytes, name: str) -> object:
    try:
        answer = jsontext.parse(body)
    except ValueError:
        raise EnvironmentFault("the IPFS node does not answer as one") from None
    return answer.get(name) if isinstance(answer, dict) else None
