"""What an issuer revoked, as a holder comes to know it: given, kept, or fetched; never trusted.

Protocol section 20. The root on chain decides whether a list is the issuer's; where it comes from
decides only who learns that somebody wanted it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mip_cli.crypto.credential import revocation_tree
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import EnvironmentFault, FileInvalid, MipError, UsageFault
from mip_cli.flows.kyc.credential_file import REVOCATIONS, Credential, Revocations
from mip_cli.store.issuers import Home
from mip_cli.store.revocation_cache import RevocationCache

Fetch = Callable[[Home, str], Revocations]
"""Asks an issuer's server, named by its origin, for its whole list."""


class ListUntrusted(EnvironmentFault):
    """An issuer's server gave a list that is not the one in force."""


@dataclass(frozen=True)
class Lists:
    """Where a holder's lists come from, for one proof: each is read, or asked for, once."""

    given: tuple[Revocations, ...] = ()
    """Those he has as files; an issuer's file stands for its server."""
    cache: RevocationCache | None = None
    """What was fetched before."""
    fetch: Fetch | None = None
    """None when no server shall be asked."""
    _known: dict[tuple[Home, int], QuadTree | MipError] = field(default_factory=dict, repr=False)

    def tree(self, found: Credential, root: int, version: int) -> QuadTree:
        """Return what the issuer of a credential revoked, under the root on chain.

        No server is asked while a list at hand has that root. Raises ``UsageFault`` when there is
        none, ``ListUntrusted``, and what ``fetch`` raises.
        """
        key = (found.issuer, root)
        if key not in self._known:
            try:
                self._known[key] = self._look(found, root, version)
            except MipError as error:
                self._known[key] = error  # a slow server keeps a holder of many waiting once
        known = self._known[key]
        if isinstance(known, MipError):
            raise known
        return known

    def _look(self, found: Credential, root: int, version: int) -> QuadTree:
        issuer, empty = found.issuer, revocation_tree(())
        if root == empty.root or not root:
            return empty
        of_issuer = [listed for listed in self.given if listed.issuer == issuer]
        for listed in of_issuer:
            tree = revocation_tree(listed.nonces)
            if tree.root == root:
                return tree
        if of_issuer:
            newest = max(listed.version for listed in of_issuer)
            raise UsageFault(
                f"the revocation list of issuer {issuer.number} is not the one in force: yours is "
                f"version {newest}, the registry has version {version}",
                hint="get the newest list",
            )
        return self._kept(issuer, root) or self._fetched(found, root, version)

    def _kept(self, issuer: Home, root: int) -> QuadTree | None:
        document = self.cache and self.cache.get(issuer)
        if not document:
            return None
        try:
            tree = revocation_tree(REVOCATIONS.decode(document).nonces)
        except FileInvalid:
            return None
        return tree if tree.root == root else None

    def _fetched(self, found: Credential, root: int, version: int) -> QuadTree:
        issuer, server = found.issuer, found.server
        if self.fetch is None or not server:
            raise UsageFault(
                f"the issuer {issuer.number} has revoked credentials; a proof needs its list of "
                "them" + (", and no server is to be asked for it" if server else ""),
                hint="get the list from the issuer or any mirror, then add --revocations FILE",
            )
        try:
            listed = self.fetch(issuer, server)
        except MipError as error:
            error.hint = "try later, or get the list from any mirror and add --revocations FILE"
            raise
        tree = revocation_tree(listed.nonces)
        if tree.root != root:
            raise ListUntrusted(
                f"the list that {server} serves is not the one whose root is on chain: it calls "
                f"itself version {listed.version}, the registry has version {version}",
                hint="ask the issuer, or get the list from any mirror and add --revocations FILE",
            )
        if self.cache is not None:
            self.cache.put(issuer, REVOCATIONS.encode(listed))
        return tree
