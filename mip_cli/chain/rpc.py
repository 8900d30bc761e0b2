"""A small JSON-RPC client that trusts no node: bounded in time and size, checked in shape.

It costs 40 ms to import, where web3 costs a second; ``mip prove`` cannot afford the latter.
Reads are repeated after a network failure, submissions never are.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.crypto import jsontext
from mip_cli.endpoint import Watchdog, parse_endpoint
from mip_cli.errors import NetworkDown, WrongChain

TIMEOUT = 15.0
"""Seconds for one request, from connecting to the last byte."""
MAX_RESPONSE = 32 * 1024 * 1024
"""Bytes of one response."""
MAX_BATCH = 100
"""Requests in one HTTP call."""
ATTEMPTS = 3
"""Tries of an idempotent read."""
FIRST_PAUSE = 0.2
"""Seconds before the second try; doubled each time."""
MAX_NESTING = 32
"""Objects and lists inside each other; a block with its transactions needs 6."""
_CHUNK = 64 * 1024
_ONCE_ONLY = ("eth_send", "evm_", "anvil_", "hardhat_", "personal_")


class RpcClient:
    """Talks to one node over one kept-alive connection; not safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = TIMEOUT,
        max_response: int = MAX_RESPONSE,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = parse_endpoint(url)
        self._timeout = timeout
        self._max_response = max_response
        self._attempts = attempts
        self._sleep = sleep
        self._next_id = 1
        self._connection: http.client.HTTPConnection | None = None

    @property
    def label(self) -> str:
        """Scheme, host and port, safe to show."""
        return self.endpoint.label

    @property
    def exposed(self) -> bool:
        """Whether requests travel in the clear to another machine."""
        return not self.endpoint.secure and not self.endpoint.is_local

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, method: str, *params: object) -> Any:
        """Return the result of one method.

        Raises ``NetworkDown`` when no proper answer came, ``NodeRefused`` for a JSON-RPC error.
        """
        return self._exchange([(method, params)], batch=False)[0]

    def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Return the results of several reads; the first error among them is raised."""
        results: list[Any] = []
        for start in range(0, len(calls), MAX_BATCH):
            results += self._exchange(calls[start : start + MAX_BATCH], batch=True)
        return results

    def chain_id(self) -> int:
        """Return the EIP-155 chain id the node serves."""
        return quantity(self.call("eth_chainId"))

    def require_chain(self, expected: int) -> None:
        """Raise ``WrongChain`` unless the node serves this chain id."""
        found = self.chain_id()
        if found != expected:
            raise WrongChain(
                f"{self.label} serves chain {found}, not {expected}",
                hint="check --rpc-url and the chain the app or record belongs to",
            )

    def block_number(self) -> int:
        """Return the height of the newest block."""
        return quantity(self.call("eth_blockNumber"))

    def code(self, address: str) -> bytes:
        """Return the code at an address, empty when there is none."""
        return hexbytes(self.call("eth_getCode", address, "latest"))

    def eth_call(
        self, to: str | None, data: bytes, *, sender: str | None = None, block: object = "latest"
    ) -> bytes:
        """Run a call without changing anything; raise ``NodeRefused`` when it reverts."""
        return hexbytes(self.call("eth_call", call_object(to, data, sender), block))

    def _exchange(self, calls: Sequence[tuple[str, Sequence[object]]], *, batch: bool) -> list[Any]:
        requests = []
        for method, params in calls:
            requests.append(
                {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": list(params)}
            )
            self._next_id += 1
        once = any(method.startswith(_ONCE_ONLY) for method, _ in calls)
        body = json.dumps(requests if batch else requests[0]).encode()
        raw = self._post(body, 1 if once else self._attempts)
        answers = self._parse(raw)
        if batch and not isinstance(answers, list):
            answers = [answers]  # a node may refuse a batch as a whole
        if not batch:
            answers = [answers]
        by_id: dict[int, dict[str, Any]] = {}
        for answer in answers:
            if not isinstance(answer, dict):
                raise self._bad("an answer that is not an object")
            if "error" in answer and answer.get("id") is None:
                raise self._refusal(answer["error"])
            if isinstance(answer.get("id"), int):
                by_id[answer["id"]] = answer
        return [self._result(by_id.get(int(str(request["id"])))) for request in requests]

    def _result(self, answer: dict[str, Any] | None) -> Any:
        if answer is None:
            raise self._bad("an answer to another question")
        if answer.get("error") is not None:
            raise self._refusal(answer["error"])
        if "result" not in answer:
            raise self._bad("an answer without result")
        return answer["result"]

    def _post(self, body: bytes, attempts: int) -> bytes:
        pause = FIRST_PAUSE
        for attempt in range(1, attempts + 1):
            try:
                return self._post_once(body, fresh=attempts == 1 or attempt > 1)
            except _Transient as error:
                self.close()
                if attempt == attempts:
                    raise NetworkDown(
                        f"{self.label} does not answer: {error}",
                        hint="check --rpc-url, or start a local chain with: mip dev up",
                    ) from None
                self._sleep(pause)
                pause *= 2
            except BaseException:
                self.close()
                raise
        raise AssertionError("unreachable")

    def _post_once(self, body: bytes, *, fresh: bool) -> bytes:
        if fresh:
            self.close()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.endpoint.authorization:
            headers["Authorization"] = self.endpoint.authorization
        try:
            connection = self._connection or self._connect()
            self._connection = connection
            if connection.sock is None:
                connection.connect()
            with Watchdog(connection.sock, self._timeout) as watchdog:
                try:
                    connection.request("POST", self.endpoint.target, body, headers)
                    response = connection.getresponse()
                    data = self._read(response)
                except (OSError, http.client.HTTPException) as error:
                    # on a busy machine the socket's own limit may be seen before the watchdog's
                    if watchdog.fired or isinstance(error, TimeoutError):
                        raise _Transient(f"no full answer within {self._timeout:g} s") from None
                    raise
            if watchdog.fired:
                raise _Transient(f"no full answer within {self._timeout:g} s")
        except (OSError, http.client.HTTPException) as error:
            raise _Transient(_plain(error)) from None
        if response.status in (429, 502, 503, 504):
            raise _Transient(f"HTTP status {response.status}")
        if response.status in (401, 403):
            raise NetworkDown(
                f"{self.label} denies access (HTTP status {response.status})",
                hint="check the access key in --rpc-url",
            )
        if 300 <= response.status < 400:
            raise NetworkDown(f"{self.label} redirects elsewhere; that is not followed")
        if response.status != 200 and not data.lstrip().startswith((b"{", b"[")):
            raise NetworkDown(f"{self.label} answers with HTTP status {response.status}")
        return data

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self.endpoint.host, self.endpoint.port
        if not self.endpoint.secure:
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        import ssl  # 20 ms that a local chain does not need

        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := response.read1(_CHUNK):
            size += len(part)
            if size > self._max_response:
                raise self._bad(f"more than {self._max_response} bytes")
            parts.append(part)
        left = response.length
        response.close()  # read1 does not, and the connection waits for it
        if left:
            raise http.client.IncompleteRead(b"", left)
        return b"".join(parts)

    def _parse(self, raw: bytes) -> Any:
        try:
            return jsontext.parse(raw, max_depth=MAX_NESTING)
        except ValueError:
            raise self._bad("something that is not JSON") from None

    def _bad(self, what: str) -> NodeUntrusted:
        self.close()
        return NodeUntrusted(
            f"{self.label} sent {what}", hint="is this the JSON-RPC port of an Ethereum node?"
        )

    def _refusal(self, error: object) -> NodeRefused:
        if not isinstance(error, dict):
            return NodeRefused(f"{self.label} refused the request")
        code = error.get("code")
        return NodeRefused(
            printable(error.get("message")) or "the node gave no reason",
            code=code if isinstance(code, int) else 0,
            data=_revert_data(error.get("data")),
        )


class _Transient(Exception):
    """A failure that another try may cure."""


def call_object(
    to: str | None, data: bytes, sender: str | None = None, value: int = 0
) -> dict[str, str]:
    """Build the first parameter of eth_call and eth_estimateGas."""
    result = {"data": "0x" + data.hex()}
    if to is not None:
        result["to"] = to
    if sender is not None:
        result["from"] = sender
    if value:
        result["value"] = hex(value)
    return result


def quantity(value: object) -> int:
    """Read a JSON-RPC quantity; raise ``NodeUntrusted`` for anything else."""
    if isinstance(value, str) and value.startswith("0x") and 2 < len(value) <= 66:
        try:
            return int(value[2:], 16)
        except ValueError:
            pass
    raise NodeUntrusted("the node sent something that is not a number")


def hexbytes(value: object, length: int | None = None) -> bytes:
    """Read JSON-RPC bytes, of one length if given; raise ``NodeUntrusted`` for anything else."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            data = bytes.fromhex(value[2:])
        except ValueError:
            data = None
        if data is not None and (length is None or len(data) == length):
            return data
    raise NodeUntrusted("the node sent something that is not hexadecimal data")


def printable(text: object, limit: int = 300) -> str:
    """Strip everything from foreign text that could steer a terminal, and bound its length."""
    if not isinstance(text, str):
        return ""
    kept = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    return " ".join(kept.split())[:limit]


def _revert_data(data: object) -> bytes | None:
    if isinstance(data, dict):  # Hardhat wraps it
        data = data.get("data", data.get("result"))
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return bytes.fromhex(data[2:])
        except ValueError:
            return None
    return None


def _plain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it takes too long"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "the host name is unknown"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it broke off"
