"""Ways to a credential, which no grant shows, and out of level 0, which shows no data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mip_cli.crypto import grant_bundle
from mip_cli.crypto.cid import Link
from mip_cli.crypto.field import P
from mip_cli.crypto.kdf import subkey
from mip_cli.errors import ChainRefusal, CheckFailed, MipError
from mip_cli.flows.attack.hoard import flip
from mip_cli.flows.attack.keyring import stream
from mip_cli.flows.attack.link_routes import below, in_common, numbers_in, said_of
from mip_cli.flows.attack.model import Outcome, Route, Theft, honest
from mip_cli.flows.attack.store_routes import full_ring
from mip_cli.flows.passport import proof_file
from mip_cli.flows.passport.proof_file import ProofFile
from mip_cli.store.credentials import KEY_LABEL, SEALED_FORM
from mip_cli.units import Nullifier


def _outer(theft: Theft) -> Outcome:
    """Open the block or read the content of a credential with a key to its category."""
    ring = full_ring(theft, theft.registrar)
    if not ring.sees(theft.marks.registered, theft.hoard.blocks):
        raise CheckFailed("the identity grant does not open its own record: this proves nothing")
    opened = {one.link for one in theft.credentials} & set(ring.opened)
    seen = ring.sees(theft.marks.credential, theft.hoard.blocks)
    return Outcome(
        bool(opened or seen),
        f"{len(ring.keys)} keys open {len(opened)} of {len(theft.credentials)} credentials",
    )


def _inner(theft: Theft) -> Outcome:
    """Suppose that the outer seal is open, and try all keys on the inner one."""
    ring, found = full_ring(theft, *theft.thieves), 0
    keys = {*ring.keys, *(subkey(key, KEY_LABEL) for key in ring.keys)}
    for one in theft.credentials:
        sealed = SEALED_FORM.decode(one.sealed)
        for key in keys:
            plain = stream(key, sealed.nonce, sealed.ciphertext)
            found += any(mark in plain for mark in theft.marks.credential)
    return Outcome(found > 0, f"{len(keys)} keys open {found} of {len(theft.credentials)} seals")


def _count(theft: Theft) -> Outcome:
    """Compare two views of one grant: the holder kept another credential between them."""
    first, last = (_shape(theft, theft.registrar.bundles[at]) for at in (0, -1))
    told = "the same" if first == last else "another"
    return Outcome(first != last, f"{len(first)} blocks, then {len(last)}; {told} sizes inside")


def _shape(theft: Theft, data: bytes) -> list[tuple[int, list[int]]]:
    """Return the sizes of the blocks of a view, and how long is what opens in each."""
    view = grant_bundle.FORM.decode(data).view
    opened = full_ring(theft, theft.registrar).opened
    if view is None or view not in opened:
        raise CheckFailed("a view does not open for its own grantee: this proves nothing")
    return sorted(
        (len(theft.hoard.blocks[link]), sorted(_lengths(opened.get(link, ()))))
        for link in below(theft, {view})
    )


def _lengths(plains: Iterable[bytes]) -> list[int]:
    return [int.from_bytes(plain[:4], "big") for plain in plains]


def _in_view(theft: Theft) -> Outcome:
    """Look among the blocks that views lead to for the credentials."""
    tops = {grant_bundle.FORM.decode(data).view for data in theft.registrar.bundles}
    found = below(theft, {top for top in tops if top is not None})
    if not found:
        raise CheckFailed("the blocks of a view are not known, so that this proves nothing")
    links: set[Link] = {one.link for one in theft.credentials} & found
    return Outcome(bool(links), f"{len(links)} credentials under {len(found)} blocks")


def _moved(theft: Theft) -> Outcome:
    """Put one credential in the place of another, or change it where it lies."""
    one, other = theft.credentials
    open_at = theft.victims.open_credential
    honest("a credential in its place", lambda: open_at(one.path, one.sealed))
    sealed = SEALED_FORM.decode(one.sealed)
    bent = SEALED_FORM.encode(replace(sealed, ciphertext=flip(sealed.ciphertext)))
    refused = []
    for path, data in ((other.path, one.sealed), (one.path, bent), ("name.json", one.sealed)):
        try:
            open_at(path, data)
        except MipError as error:
            refused.append(error.message)
    told = "; ".join(dict.fromkeys(refused)) or "accepted"
    return Outcome(len(refused) < 3, f"{len(refused)} of 3 refused: {told}")


def _proof_key(theft: Theft) -> Outcome:
    """Take everything that a bundle of level 0 brings for a key."""
    bundles = [grant_bundle.FORM.decode(data) for data in theft.landlord.bundles]
    brought = [b for b in bundles if b.view or b.encapsulated or b.wrapped]
    opened = len(full_ring(theft, theft.landlord).opened)
    return Outcome(
        bool(brought or opened), f"{len(brought)} bundles with keys; {opened} blocks open"
    )


def _shown(theft: Theft) -> ProofFile:
    text = grant_bundle.FORM.decode(theft.landlord.bundles[-1]).proof
    if text is None:
        raise CheckFailed("the bundle of level 0 has no proof: this proves nothing")
    return proof_file.decode(text.encode())


def _proof_again(theft: Theft) -> Outcome:
    """Show the proof to another, for something else or later; also in its other form."""
    shown, check = _shown(theft), theft.victims.check_proof
    honest("the proof for its own grantee", lambda: check(shown))
    proofs = {"as it is": shown, "malleated": _malleated(shown)}
    honest("its other form, which is the same act", lambda: check(proofs["malleated"]))
    accepted, reasons = [], set()
    for form, proof in proofs.items():
        for name, changed in _for_another(theft, proof).items():
            try:
                check(changed)
            except ChainRefusal as error:
                reasons.add(error.reason or error.message)
            else:
                accepted.append(f"another {name}, {form}")
    if not accepted and reasons != {"registry: proof is not valid"}:
        raise CheckFailed(f"refused for another reason than is meant: {sorted(reasons)}")
    told = "; ".join(sorted(reasons))
    return Outcome(
        bool(accepted), f"accepted: {', '.join(accepted) or 'none of 16'}; refused: {told}"
    )


def _for_another(theft: Theft, proof: ProofFile) -> dict[str, ProofFile]:
    """Return the proof as if it were for something else, each time in one thing."""
    bank = theft.bank.account.address
    return {
        "grantee": replace(proof, app=bank),
        "grantee and beneficiary": replace(proof, app=bank, beneficiary=bank),
        "purpose": replace(proof, purpose="decide on a loan"),
        "key": replace(proof, payload=theft.bank.issued.arguments[-1]),
        "pseudonym": replace(proof, nullifier=Nullifier(theft.bank.pseudonym)),
        "deadline": replace(proof, deadline=proof.deadline + 1),
        "nonce": replace(proof, nonce=proof.nonce + 1),
        "level": replace(proof, level=3),
    }


def _malleated(shown: ProofFile) -> ProofFile:
    """Return another spelling of the proof, which holds as well: A and B negated."""
    (ax, ay), (bx, by) = shown.proof.a, shown.proof.b
    negated = (-by[0] % P, -by[1] % P)
    return replace(shown, proof=replace(shown.proof, a=(ax, -ay % P), b=(bx, negated)))


def _link_proof(theft: Theft) -> Outcome:
    """Compare the proof and its pseudonym with what other grants and the enrolment made public."""
    shown = _shown(theft)
    own = said_of(theft, theft.landlord) | {shown.nullifier, shown.message, shown.scope}
    others = set().union(
        *(said_of(theft, one) for one in (theft.bank, theft.broker, theft.auditor, theft.clinic)),
        numbers_in([theft.enrolment]),
        numbers_in([theft.anchor]),
    )
    common = in_common(theft, own, others)
    return Outcome(bool(common), f"{len(common)} numbers in common that a stranger has not")


IDENTITY_ROUTES = (
    Route("credential", "read a credential with the identity grant that stands beside it", _outer),
    Route(
        "credential-inner-seal",
        "open a credential with every key of all thieves, if the archive's own seal were open",
        _inner,
    ),
    Route(
        "credential-count",
        "tell from the sizes in two views of identity that a credential came between them",
        _count,
    ),
    Route("credential-in-view", "find a credential among the blocks of an identity view", _in_view),
    Route("credential-moved", "put a credential in another's place, or bend it", _moved),
    Route("proof-key", "open anything with what a level 0 grant brings", _proof_key),
    Route(
        "proof-to-another",
        "show a level 0 proof to another, for another purpose, key, person, level or time",
        _proof_again,
    ),
    Route(
        "link-proof",
        "tell from a level 0 proof whose it is",
        _link_proof,
    ),
)
