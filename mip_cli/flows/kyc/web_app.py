"""A web service in the place of a contract: its address and what a proof for it is bound to.

Protocol section 22.
"""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.abi import checksum
from mip_cli.crypto.binding import keccak256
from mip_cli.endpoint import Endpoint, parse_endpoint
from mip_cli.errors import ConfigInvalid
from mip_cli.units import Address

TAG = "mip.web/1"
REQUEST_TYPE = "WebRequest(string client_id,string response_uri,string nonce,string state)"
CLIENT_PREFIX = "redirect_uri:"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class WebRequest:
    """What makes one request of one service different from every other."""

    response_uri: str
    """Where the answer goes."""
    nonce: str
    state: str

    @property
    def client_id(self) -> str:
        """Who asks, as OpenID4VP writes it."""
        return CLIENT_PREFIX + self.response_uri

    @property
    def origin(self) -> str:
        """The part of the address that people are shown, and that pseudonyms belong to."""
        return origin(self.response_uri)

    @property
    def app(self) -> Address:
        """The address that stands for the service."""
        return web_app(self.origin)

    @property
    def payload(self) -> bytes:
        """What a proof is bound to."""
        texts = (REQUEST_TYPE, self.client_id, self.response_uri, self.nonce, self.state)
        return keccak256(b"".join(keccak256(text.encode()) for text in texts))


def origin(url: str) -> str:
    """Return a URL's origin in its one spelling; raise ``ConfigInvalid`` for no URL."""
    return origin_of(parse_endpoint(url, what="the address", example="https://example.org"))


def protected_origin(url: str) -> str:
    """Return the origin of an address; raise ``ValueError`` unless nobody on the way reads it."""
    try:
        found = parse_endpoint(url)
    except ConfigInvalid:
        raise ValueError("an address in it is malformed") from None
    if found.authorization is not None or not (found.secure or found.is_local):
        raise ValueError("an address in it is not protected by https")
    return origin_of(found)


def origin_of(endpoint: Endpoint) -> str:
    """Return an origin in its one spelling: without the port that the scheme has anyway."""
    scheme = "https" if endpoint.secure else "http"
    label = endpoint.label
    return label if endpoint.port != _PORTS[scheme] else label.rpartition(":")[0]


def web_app(origin: str) -> Address:
    """Return the address that stands for an origin; nobody has a key or code for it."""
    digest = keccak256(keccak256(TAG.encode()) + keccak256(origin.encode()))
    return checksum(int.from_bytes(digest[12:], "big"))
