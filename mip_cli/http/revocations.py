"""Fetching an issuer's revocation list: the same request from everybody, for all of it.

Protocol section 22. No cookie, no condition, no name of a credential: the server sees an address
and a time.
"""

from __future__ import annotations

from mip_cli.errors import FileInvalid
from mip_cli.flows.kyc.credential_file import REVOCATIONS, Revocations, list_address
from mip_cli.http.client import JSON, Web
from mip_cli.store.issuers import Home
from mip_cli.store.revocation_cache import MAX_LIST


def fetch(issuer: Home, server: str) -> Revocations:
    """Return the list that an issuer's server has now; whether it is in force, the chain tells.

    Raises ``NetworkDown``, ``ServerUntrusted``, ``ServerRefused``.
    """
    web = Web(server, f"the server of issuer {issuer.number}")
    answer = web.get(list_address(server), limit=MAX_LIST)
    if answer.status != 200:
        raise web.refusal(answer)
    if answer.content_type != JSON:
        raise web.untrusted("is no JSON")
    try:
        found = REVOCATIONS.decode(answer.body)
    except FileInvalid:
        raise web.untrusted("is no revocation list") from None
    if found.issuer != issuer:
        raise web.untrusted("is the revocation list of another issuer")
    return found
