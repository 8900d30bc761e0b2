"""Blocks in an IPFS node, through its RPC interface: Kubo's dialect and that of js-ipfs.

The node is not trusted: it may answer slowly, endlessly or wrongly, and the network behind it may
keep blocks that were deleted here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from mip_cli.crypto import cid as cids_of
from mip_cli.crypto.archive_blocks import MAX_BLOCK, Block
from mip_cli.crypto.cid import RAW, Cid
from mip_cli.errors import EnvironmentFault, NetworkDown, UsageFault
from mip_cli.store.archive.blocks import missing

CONNECT_TIMEOUT = 5.0
"""Seconds until a node must take a connection."""
READ_TIMEOUT = 20.0
"""Seconds between two pieces of an answer."""
WHOLE_TIMEOUT = 60.0
"""Seconds for one answer, however it trickles."""
MAX_ANSWER = 64 * 1024
"""Bytes of an answer that is not a block."""


class IpfsStore:
    """An IPFS node that keeps the archive pinned."""

    def __init__(self, url: str, *, whole_timeout: float = WHOLE_TIMEOUT) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise UsageFault("an IPFS node is given as ipfs:http://HOST:PORT")
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy or netrc of the environment
        self._timeout = whole_timeout
        self._kubo: bool | None = None

    @property
    def uri(self) -> str:
        """Return how the holder names it."""
        return f"ipfs:{self.url}"

    def put(self, blocks: Sequence[Block]) -> None:
        """Store blocks; the node must name them as we do."""
        for block in blocks:
            codec = "raw" if cids_of.codec_of(block.cid) == RAW else "dag-cbor"
            if self._is_kubo():
                wanted = {"cid-codec": codec, "mhtype": "sha2-256", "pin": "false"}
            else:
                wanted = {"format": codec, "version": "1", "mhtype": "sha2-256", "pin": "false"}
            answer = self._json("block/put", wanted, block.data)
            if answer.get("Key") != cids_of.text(block.cid):
                raise EnvironmentFault(f"{self.uri} stored a block under another name")

    def get(self, cids: Sequence[Cid]) -> list[bytes]:
        """Return blocks, at most one byte more than a block may have."""
        found = []
        for cid in cids:
            status, body = self._call("block/get", {"arg": cids_of.text(cid)}, None, MAX_BLOCK)
            if status != 200:
                raise missing(self, cid)
            found.append(body)
        return found

    def publish(self, root: Cid, previous: Cid | None) -> None:
        """Pin the new root with all that hangs on it, then let the old one go."""
        self._json("pin/add", {"arg": cids_of.text(root), "recursive": "true"})
        if previous is not None and previous != root:
            self._unpin(previous)

    def delete(self, cids: Sequence[Cid]) -> None:
        """Delete blocks from this node; other nodes keep what they fetched."""
        for cid in cids:
            status, body = self._call("block/rm", {"arg": cids_of.text(cid)}, None, MAX_ANSWER)
            if status != 200 and b"not found" not in body and b"pinned" not in body:
                raise EnvironmentFault(f"{self.uri} does not delete a block")

    def listing(self) -> None:
        """Tell nothing: a node also keeps what is not the archive's."""
        return

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _unpin(self, root: Cid) -> None:
        wanted = {"arg": cids_of.text(root), "recursive": "true"}
        status, body = self._call("pin/rm", wanted, None, MAX_ANSWER)
        if status != 200 and b"not pinned" not in body:
            raise EnvironmentFault(f"{self.uri} does not let go of the former root")

    def _is_kubo(self) -> bool:
        if self._kubo is None:
            self._kubo = bool(self._json("version", {}).get("Golang"))
        return self._kubo

    def _json(self, act: str, wanted: dict[str, str], data: bytes | None = None) -> dict[str, Any]:
        status, body = self._call(act, wanted, data, MAX_ANSWER)
        if status != 200:
            raise EnvironmentFault(f"{self.uri} refuses {act} with status {status}")
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise EnvironmentFault(f"{self.uri} does not answer {act} as an IPFS node does")
        return answer

    def _call(
        self, act: str, wanted: dict[str, str], data: bytes | None, limit: int
    ) -> tuple[int, bytes]:
        """Ask the node; return status and at most ``limit`` + 1 bytes, within the time allowed."""
        ends = time.monotonic() + self._timeout
        try:
            with self._session.post(
                f"{self.url}/api/v0/{act}",
                params=wanted,
                files={"data": ("block", data)} if data is not None else None,
                timeout=(CONNECT_TIMEOUT, min(READ_TIMEOUT, self._timeout)),
                stream=True,
                allow_redirects=False,
            ) as answer:
                body = bytearray()
                # read1: what has come, so that a trickle meets the deadline
                while piece := answer.raw.read1(64 * 1024, decode_content=True):
                    body += piece
                    if len(body) > limit:
                        break
                    if time.monotonic() > ends:
                        raise NetworkDown(f"{self.uri} took longer than {self._timeout:g} s")
                return answer.status_code, bytes(body[: limit + 1])
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            raise NetworkDown(
                f"{self.uri} does not answer", hint="is the node running, and is this its RPC port?"
            ) from None
        except OSError as error:
            raise NetworkDown(f"{self.uri} broke off: {error.strerror or 'no reason'}") from None
