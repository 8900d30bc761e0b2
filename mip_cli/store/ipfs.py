"""One raw block to an IPFS node and back, over the RPC API of Kubo or js-ipfs.

The node is not trusted: content ids are computed here, sizes and times are bounded, redirects are
not followed. What it cannot be held to is keeping the block. The RPC port gives whoever reaches
it command of the node, so it is meant to be one's own.
"""

from __future__ import annotations

import http.client
import secrets
import time
from typing import Any, Final
from urllib.parse import urlencode

from mip_cli.crypto import jsontext
from mip_cli.crypto.cid import Cid, cid_of, parse_cid
from mip_cli.endpoint import Watchdog, parse_endpoint
from mip_cli.errors import EnvironmentFault, NetworkDown
from mip_cli.store.blocks import MAX_BLOCK, BlockMissing, StoreUntrusted, require_size

TIMEOUT: Final = 60.0
"""Seconds for one request, from connecting to the last byte; finding who serves a block is slow."""
STALL: Final = 60.0
"""Seconds without a single byte."""
OWN_SEARCH: Final = 3.0
"""Seconds in which a node finds a block that it holds itself."""
MAX_ANSWER: Final = 16 * 1024
"""Bytes of an answer that is not a block."""

_CHUNK = 64 * 1024
_KUBO = {"cid-codec": "raw", "mhtype": "sha2-256", "pin": "true"}
_JS_IPFS = {"format": "raw", "mhtype": "sha2-256", "version": "1", "pin": "true"}
_BASE32 = {"cid-base": "base32"}  # js-ipfs answers in another base else
_ABSENT = ("not found", "timed out", "deadline exceeded")


class IpfsNode:
    """A ``BlockStore`` on one node; each request has a connection of its own."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT, stall: float = STALL) -> None:
        """Check the address; raise ``ConfigInvalid`` when it is none."""
        self._endpoint = parse_endpoint(
            url, what="the IPFS URL", example="http://127.0.0.1:5001, the RPC port of your node"
        )
        self._timeout = timeout
        self._stall = stall
        self._put_options: dict[str, str] | None = None

    @property
    def label(self) -> str:
        """Scheme, host and port, safe to show."""
        return self._endpoint.label

    @property
    def exposed(self) -> bool:
        """Whether requests travel in the clear to another machine."""
        return not self._endpoint.secure and not self._endpoint.is_local

    def put(self, block: bytes) -> Cid:
        """Store and pin a block; see ``BlockStore``."""
        cid = cid_of(require_size(block))
        if self._put_options is None:
            self._put_options = self._dialect()
        status, body = self._post("block/put", self._put_options, MAX_ANSWER, upload=block)
        answer = self._json(status, body)
        if not isinstance(answer, dict) or answer.get("Key") != cid:
            raise StoreUntrusted(f"{self.label} says it stored another block than {cid}")
        return cid

    def get(self, cid: Cid) -> bytes:
        """Fetch a block and compute its content id again; see ``BlockStore``."""
        # told to give up before we do, a node says that it found nothing
        query = {"arg": parse_cid(cid), "timeout": self._give_up(self._timeout)}
        status, body = self._post("block/get", query, MAX_BLOCK)
        if status != 200:
            raise self._refusal(status, body, cid)
        if cid_of(body) != cid:
            raise StoreUntrusted(
                f"{self.label} sent something that is not {cid}", hint="ask another node"
            )
        return body

    def has(self, cid: Cid) -> bool:
        """Ask whether the node itself holds a block, without a search in the network."""
        # Kubo knows "offline"; js-ipfs searches on, until it is told to stop
        query = {"arg": parse_cid(cid), "offline": "true", "timeout": self._give_up(OWN_SEARCH)}
        status, body = self._post("block/stat", query, MAX_ANSWER)
        if status != 200:
            refusal = self._refusal(status, body, cid)
            if isinstance(refusal, BlockMissing):
                return False
            raise refusal
        answer = self._json(status, body)
        return isinstance(answer, dict) and answer.get("Key") == cid

    def _give_up(self, seconds: float) -> str:
        return f"{int(900 * min(seconds, self._timeout))}ms"

    def _dialect(self) -> dict[str, str]:
        answer = self._json(*self._post("version", {}, MAX_ANSWER))
        if not isinstance(answer, dict) or not isinstance(answer.get("Version"), str):
            raise self._no_node()
        return _KUBO if "Golang" in answer else _JS_IPFS

    def _json(self, status: int, body: bytes) -> Any:
        if status != 200:
            raise self._refusal(status, body)
        try:
            return jsontext.parse(body)
        except ValueError:
            raise self._no_node() from None

    def _refusal(self, status: int, body: bytes, cid: Cid | None = None) -> EnvironmentFault:
        """Return what the node's refusal means; its words are cleaned and cut."""
        if status in (401, 403):
            return NetworkDown(
                f"{self.label} denies access (HTTP status {status})",
                hint="check the user name and password in --ipfs-url",
            )
        if 300 <= status < 400:
            return NetworkDown(f"{self.label} redirects elsewhere; that is not followed")
        try:
            answer = jsontext.parse(body)
            said = answer["Message"] if isinstance(answer, dict) else ""
        except (ValueError, KeyError):
            return NetworkDown(f"{self.label} answers with HTTP status {status}", hint=_NOT_A_NODE)
        words = _printable(said)
        if cid is not None and any(text in words for text in _ABSENT):
            return BlockMissing(f"{self.label} does not find {cid}", hint=_WHO_SERVES)
        return NetworkDown(f"{self.label} refuses: {words or 'it gives no reason'}")

    def _no_node(self) -> StoreUntrusted:
        return StoreUntrusted(f"{self.label} does not answer as an IPFS node", hint=_NOT_A_NODE)

    def _post(
        self, method: str, query: dict[str, str], limit: int, *, upload: bytes | None = None
    ) -> tuple[int, bytes]:
        """Return status and body; raise ``NetworkDown`` when no full answer came in time."""
        begun = time.monotonic()
        connection = self._connect()
        try:
            connection.connect()
            with Watchdog(connection.sock, begun + self._timeout - time.monotonic()) as watchdog:
                try:
                    status, body = self._exchange(connection, method, query, limit, upload)
                except (OSError, http.client.HTTPException):
                    if watchdog.fired:
                        raise TimeoutError from None
                    raise
            if watchdog.fired:
                raise TimeoutError
        except TimeoutError:
            raise NetworkDown(
                f"{self.label} sent no full answer within {time.monotonic() - begun:.1f} s",
                hint=_WHO_SERVES,
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise NetworkDown(
                f"{self.label} does not answer: {_plain(error)}",
                hint="start your IPFS node, or name its RPC port with --ipfs-url",
            ) from None
        finally:
            connection.close()
        return status, body

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._endpoint.host, self._endpoint.port
        stall = min(self._stall, self._timeout)
        if not self._endpoint.secure:
            return http.client.HTTPConnection(host, port, timeout=stall)
        import ssl  # 20 ms that a node on this machine does not need

        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=stall, context=context)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        query: dict[str, str],
        limit: int,
        upload: bytes | None,
    ) -> tuple[int, bytes]:
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        if self._endpoint.authorization:
            headers["Authorization"] = self._endpoint.authorization
        body = b""
        if upload is not None:
            body, headers["Content-Type"] = _multipart(upload)
        path = self._endpoint.target.rstrip("/")
        target = f"{path}/api/v0/{method}?{urlencode(query | _BASE32)}"
        connection.request("POST", target, body, headers)
        with connection.getresponse() as response:
            return response.status, self._read(response, limit)

    def _read(self, response: http.client.HTTPResponse, limit: int) -> bytes:
        if response.length is not None and response.length > limit:
            raise self._too_large(limit)
        parts: list[bytes] = []
        size = 0
        while part := response.read1(_CHUNK):
            size += len(part)
            if size > limit:
                raise self._too_large(limit)
            parts.append(part)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(parts)

    def _too_large(self, limit: int) -> StoreUntrusted:
        return StoreUntrusted(f"{self.label} sent more than {limit} bytes", hint="ask another node")


_WHO_SERVES = "perhaps nobody who holds the block is on line now; use another copy"
_NOT_A_NODE = "is this the RPC port of an IPFS node, not its gateway?"


def _multipart(block: bytes) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)  # random, so that no block contains it
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="block"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return (
        head.encode() + block + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
    )


def _printable(text: object, limit: int = 200) -> str:
    if not isinstance(text, str):
        return ""
    kept = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    return " ".join(kept.split())[:limit]


def _plain(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, http.client.IncompleteRead):
        return "its answer was cut short"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "its answer is not HTTP" if isinstance(error, http.client.HTTPException) else "no answer"
