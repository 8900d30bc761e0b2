"""One request to a server that is not trusted: bounded in bytes and time, redirects not followed.

Only scheme, host and port appear in messages: paths and queries hold secrets.
"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from mip_cli.crypto import jsontext
from mip_cli.endpoint import Endpoint, Watchdog, parse_endpoint
from mip_cli.errors import ConfigInvalid, EnvironmentFault, Negative, NetworkDown, UsageFault
from mip_cli.flows.kyc.web_app import origin_of

TIMEOUT: Final = 30.0
"""Seconds from connecting to the last byte."""
MAX_ANSWER: Final = 64 * 1024
MAX_URL: Final = 16 * 1024
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:.]{2,45}")
_CHUNK = 16 * 1024
_WORDS = 200


class ServerUntrusted(EnvironmentFault):
    """A server's answer, or its address, is not what the protocol allows."""


class ServerRefused(Negative):
    """A server said no, in the words of the OpenID texts."""

    def __init__(self, message: str, *, fault: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.fault = fault


@dataclass(frozen=True, repr=False)
class Answer:
    """What a server sent."""

    status: int
    content_type: str
    """Without parameters, lower case."""
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, <{len(self.body)} bytes>)"


class Web:
    """The servers of one origin."""

    def __init__(self, url: str, what: str, *, timeout: float = TIMEOUT) -> None:
        """Take any URL of the origin; raise ``UsageFault`` for one that is not protected."""
        self.what = what
        self._endpoint = checked(url, what)
        self._timeout = timeout

    @property
    def origin(self) -> str:
        """Scheme, host and port, as section 22 writes them."""
        return origin_of(self._endpoint)

    def holds(self, url: str) -> bool:
        """Tell whether a URL, of a stranger, has this origin."""
        try:
            return origin_of(checked(url, self.what)) == self.origin
        except UsageFault:
            return False

    def get(self, url: str, *, accept: str = JSON, limit: int = MAX_ANSWER) -> Answer:
        """Fetch a URL of this origin, of so many bytes at most."""
        return self._ask("GET", url, None, {"Accept": accept}, limit)

    def post_form(self, url: str, fields: Mapping[str, str]) -> Answer:
        """Send a form to a URL of this origin."""
        headers = {"Content-Type": FORM, "Accept": JSON}
        return self._ask("POST", url, urlencode(fields).encode(), headers)

    def post_json(
        self, url: str, document: Mapping[str, object] | None, *, bearer: str | None = None
    ) -> Answer:
        """Send JSON, or an empty body, to a URL of this origin."""
        headers = {"Accept": JSON}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        body = b""
        if document is not None:
            headers["Content-Type"] = JSON
            body = jsontext.canonical(document)
        return self._ask("POST", url, body, headers)

    def members(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of a success; raise what a refusal says, ``ServerUntrusted``."""
        if answer.status != 200:
            raise self.refusal(answer)
        if answer.content_type != JSON:
            raise self.untrusted("is no JSON")
        return self._object(answer)

    def refusal(self, answer: Answer) -> Exception:
        """Return what a refusal means."""
        if 300 <= answer.status < 400:
            return self.untrusted("leads elsewhere, where nobody follows")
        try:
            said = self._object(answer)
        except ServerUntrusted:
            said = {}
        fault = said.get("error")
        if not isinstance(fault, str) or not fault.isascii() or len(fault) > 64:
            return NetworkDown(f"{self.what} at {self.origin} answers with status {answer.status}")
        words = printable(said.get("error_description")) or "it gives no reason"
        return ServerRefused(f"{self.what} refuses ({printable(fault)}): {words}", fault=fault)

    def untrusted(self, words: str) -> ServerUntrusted:
        """Return the complaint about an answer."""
        return ServerUntrusted(f"the answer of {self.what} at {self.origin} {words}")

    def _object(self, answer: Answer) -> dict[str, Any]:
        try:
            found = jsontext.parse(answer.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self.untrusted("is no JSON object")
        return found

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        limit: int = MAX_ANSWER,
    ) -> Answer:
        if not self.holds(url):
            raise ServerUntrusted(
                f"{self.what} at {self.origin} sends us elsewhere, where nobody follows"
            )
        found = checked(url, self.what)
        begun = time.monotonic()
        connection = self._connect()
        try:
            connection.connect()
            with Watchdog(connection.sock, begun + self._timeout - time.monotonic()) as watchdog:
                try:
                    connection.request(method, found.target, body, {**_HEADERS, **headers})
                    answer = self._read(connection, limit)
                except (OSError, http.client.HTTPException):
                    if watchdog.fired:
                        raise TimeoutError from None
                    raise
            if watchdog.fired:
                raise TimeoutError
        except TimeoutError:
            raise NetworkDown(
                f"{self.what} at {self.origin} sent no full answer in time",
                hint="run the same command again",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            # from None: the cause may quote the request line
            reason = error.strerror if isinstance(error, OSError) else None
            raise NetworkDown(
                f"{self.what} at {self.origin} does not answer: {(reason or 'no HTTP').lower()}",
                hint="run the same command again",
            ) from None
        finally:
            connection.close()
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._endpoint.host, self._endpoint.port
        if not self._endpoint.secure:
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        import ssl  # 20 ms that a server on this machine does not need

        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)

    def _read(self, connection: http.client.HTTPConnection, limit: int) -> Answer:
        with connection.getresponse() as response:
            parts: list[bytes] = []
            size = 0
            while part := response.read1(_CHUNK):
                size += len(part)
                if size > limit:
                    raise self.untrusted(f"has more than {limit} bytes")
                parts.append(part)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            kind = response.headers.get_content_type()
            return Answer(response.status, kind, b"".join(parts))


_HEADERS = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "mip"}


def checked(url: str, what: str) -> Endpoint:
    """Read a URL; raise ``UsageFault`` unless TLS protects it or it stays on this machine."""
    try:
        if len(url) > MAX_URL:
            raise ConfigInvalid("too long")
        found = parse_endpoint(url, what=f"the address of {what}", example="https://example.org")
    except ConfigInvalid as error:
        raise UsageFault(error.message, hint=error.hint) from None
    if found.authorization is not None or "#" in url:
        raise UsageFault(f"the address of {what} holds a user name or a fragment")
    if not _HOST.fullmatch(found.host):
        raise UsageFault(f"the address of {what} names no host")
    if not found.secure and not found.is_local:
        raise UsageFault(
            f"{what} at {found.label} is not protected by https",
            hint="do not go on: anybody on the way reads and changes what is sent",
        )
    return found


def printable(text: object) -> str:
    """Return foreign words in one line of printable characters."""
    if not isinstance(text, str):
        return ""
    kept = "".join(c if c.isprintable() else " " for c in text[: 4 * _WORDS])
    return " ".join(kept.split())[:_WORDS]
