"""Which of a holder's credentials show what a policy asks, and why the others do not.

What is said here is for the holder alone: nobody else learns that a proof was tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mip_cli.chain.issuers import IssuerSet, IssuerStatus
from mip_cli.crypto.claims import date_text
from mip_cli.crypto.policy import entries_of
from mip_cli.crypto.policy_text import PolicyText
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import CredentialInvalid, FileInvalid, MipError, PolicyUnmet, UsageFault
from mip_cli.flows.kyc import credential_file, kyc_circuit
from mip_cli.flows.kyc.credential_file import Credential
from mip_cli.flows.kyc.revocation_lists import Lists
from mip_cli.store.credentials import Held
from mip_cli.units import Address


class Credentials(Protocol):
    """What a holder has: ``keeping.Kept``."""

    def ids(self) -> list[str]:
        """Return the names of all, sorted."""

    def get(self, identifier: str) -> Held:
        """Return one; raise ``UsageFault`` when there is none, ``FileInvalid`` for a damaged."""


@dataclass(frozen=True, repr=False)
class Fit:
    """A credential that shows one part of a policy."""

    part: int
    """Which part."""
    held: Held
    credential: Credential
    revocations: QuadTree
    """What its issuer revoked."""

    def __repr__(self) -> str:
        return f"Fit({self.part}, {self.held.id})"


@dataclass(frozen=True)
class Place:
    """Where and when a proof shall hold."""

    chain_id: int
    registry: Address
    """The IssuerRegistry."""
    everyone: IssuerSet
    """All issuers there."""
    today: int
    """A date's number."""
    lists: Lists
    """Where revocation lists come from."""


def choose(
    mine: Credentials,
    parts: Sequence[PolicyText],
    required: int,
    place: Place,
    only: Sequence[str],
) -> list[Fit]:
    """Return a credential for each of the first parts that can be shown, as many as required.

    ``only`` names the credentials to look at; empty for all. Raises the one reason there is, or
    ``PolicyUnmet`` with all of them: which predicate fails in which credential.
    """
    answered, reasons = _documents(mine, only)
    fits: list[Fit] = []
    for number, part in enumerate(parts):
        found = _first(answered, number, part, place)
        if isinstance(found, Fit):
            fits.append(found)
        else:
            reasons += found
        if len(fits) == required:
            return fits
    if len(reasons) == 1:
        raise reasons[0]
    hints = [reason.hint for reason in reasons if isinstance(reason, UsageFault) and reason.hint]
    raise PolicyUnmet(
        "your credentials do not show what the app asks for: "
        + "; ".join(reason.message for reason in reasons),
        hint=hints[0] if hints else None,
    )


def _documents(
    mine: Credentials, only: Sequence[str]
) -> tuple[list[tuple[Held, Credential]], list[MipError]]:
    """Return what was answered, and what is damaged: that one stops none of the others."""
    found: list[tuple[Held, Credential]] = []
    damaged: list[MipError] = []
    for identifier in only or mine.ids():
        try:
            held = mine.get(identifier)
            if held.document:
                found.append((held, credential_file.decode(held.document)))
            elif only:
                raise UsageFault(
                    f"the issuer has not answered the request {identifier} yet",
                    hint="when the answer is there: mip kyc import FILE",
                )
        except FileInvalid as error:
            if only:
                raise
            damaged.append(error)
    return found, damaged


def _first(
    mine: Sequence[tuple[Held, Credential]], number: int, part: PolicyText, place: Place
) -> Fit | list[MipError]:
    reasons: list[MipError] = []
    for held, credential in mine:
        if credential.schema.id != part.schema.id:
            continue
        try:
            _require_shows(held.id, credential, part, place)
            kyc_circuit.require_face(held, credential, part)
            return Fit(number, held, credential, _revocations(credential, place))
        except MipError as error:
            reasons.append(error)
    if not reasons:
        schema = f"{part.schema.name} {part.schema.version}"
        reasons.append(
            UsageFault(
                f"you have no credential {schema} of the schema that the policy asks for",
                hint="ask an issuer for one: `mip kyc request`",
            )
        )
    return reasons


def _require_shows(name: str, found: Credential, part: PolicyText, place: Place) -> None:
    issuer, terms = found.issuer, found.terms
    if (issuer.chain_id, issuer.registry) != (place.chain_id, place.registry):
        raise CredentialInvalid(
            f"the issuer of {name} stands in another registry",
            hint="name a node of the issuer's chain with --rpc-url",
        )
    if issuer.number not in part.policy.issuers:
        raise PolicyUnmet(
            f"the policy does not accept the issuer of {name}, {issuer.number}",
            hint="mip kyc list shows your other credentials",
        )
    if not terms.issued_on <= place.today <= terms.expires_on:
        raise CredentialInvalid(
            f"the credential {name} is not in force on {date_text(place.today)}: it is good from "
            f"{date_text(terms.issued_on)} to {date_text(terms.expires_on)}",
            hint="ask the issuer for a new one",
        )
    entries = entries_of(found.signed.statement.claims, terms)
    if part.policy.chosen(entries, place.today) is None:
        failing = [
            words
            for words, predicate in zip(part.predicates, part.policy.predicates, strict=True)
            if predicate.holding(entries, place.today) is None
        ]
        count, needed = len(part.predicates), part.policy.required
        wanted = f" ({needed} of {count} would do)" if needed < count else ""
        raise PolicyUnmet(
            f"the credential {name} does not say what the policy asks for{wanted}: "
            + ", and ".join(f"not that {words}" for words in failing)
        )


def _revocations(found: Credential, place: Place) -> QuadTree:
    record = place.everyone.records.get(found.issuer.number)
    if record is None or record.key != found.signed.key:
        raise CredentialInvalid(
            "the registry has another key for the issuer by now", hint="ask it for a new credential"
        )
    if record.status is not IssuerStatus.ACTIVE:
        raise CredentialInvalid(
            "the credential's issuer is suspended", hint="wait for it, or use another credential"
        )
    tree = place.lists.tree(found, record.revocation_root, record.version)
    if tree.leaf(found.terms.nonce):
        raise CredentialInvalid(
            "the credential was revoked by its issuer", hint="ask the issuer why, or for a new one"
        )
    return tree
