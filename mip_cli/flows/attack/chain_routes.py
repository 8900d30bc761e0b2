"""Ways in through the contracts: uses that nobody granted, and acts of the holder used again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from mip_cli.chain.abi import address_word, selector
from mip_cli.chain.faults import NodeRefused
from mip_cli.chain.grants import MAX_LIFETIME, MAX_USES, PermissionGrants
from mip_cli.chain.presentations import PRESENTATION, PRESENTATION_WORDS, purpose_hash
from mip_cli.chain.reverts import translate
from mip_cli.chain.rpc import call_object
from mip_cli.chain.values import Call
from mip_cli.crypto import grant_bundle, grant_signing
from mip_cli.crypto.binding import word
from mip_cli.errors import ChainRefusal, CheckFailed, MipError
from mip_cli.flows import connection
from mip_cli.flows.attack.hoard import SELECTOR, Transaction
from mip_cli.flows.attack.model import Grantee, Outcome, Route, Theft, honest
from mip_cli.flows.connection import Connection

ACCESS = b"\x01" * 32  # any word
OTHERS, NOTHING = "sender is not the grantee", "nothing is granted"
_ACTS = {
    selector(f"{name},{PRESENTATION})")
    for name in (
        "revoke(address,bytes32,bytes32",
        "advance(address,bytes32",
        "anchor(bytes32,uint256",
    )
}
"""Acts of a holder beside grants."""
_GRANTEE, _PURPOSE, _CATEGORY, _LEVEL, _EXPIRES, _USES, _RECEIPT = range(7)


@contextmanager
def _grants(theft: Theft) -> Iterator[tuple[Connection, PermissionGrants]]:
    with connection.connect(theft.settings) as link:
        yield link, PermissionGrants(link.rpc, link.deployment.address("PermissionGrants"))


def _refusal(link: Connection, call: Call, sender: str, block: str = "latest") -> str | None:
    """Run a call without sending it; return why it is refused, None when it is not."""
    try:
        link.rpc.eth_call(str(call.to), call.data, sender=sender, block=block)
    except NodeRefused as error:
        return _reason(error)
    return None


def _reason(error: NodeRefused) -> str:
    """Return what a contract says; raise when it was not a contract that refused."""
    found = translate(error)
    if not isinstance(found, ChainRefusal) or not found.reason:
        raise CheckFailed(f"an attempt failed by itself, which proves nothing: {found.message}")
    return found.reason


def _use(
    theft: Theft,
    thief: Grantee,
    of: Grantee,
    level: int,
    because: str = "",
    *,
    category: str | None = None,
) -> Outcome:
    """Use a grant; ``because`` is in the reason of the refusal that is meant."""
    with _grants(theft) as (link, grants):
        call = grants.use(of.pseudonym, category or of.category, level, ACCESS)
        reason = _refusal(link, call, thief.account.address)
    _require_meant(reason, because)
    return Outcome(reason is None, "it went through" if reason is None else f"refused: {reason}")


def _require_meant(reason: str | None, *meant: str) -> None:
    """Raise when an attempt was refused, and for another reason than those that are tested."""
    if reason is not None and not any(one in reason for one in meant):
        raise CheckFailed(f"an attempt was refused for another reason than is meant: {reason}")


def _all(*outcomes: Outcome) -> Outcome:
    """Join attempts of one kind: one that succeeds is enough."""
    broken = [one for one in outcomes if one.succeeded]
    shown = broken or sorted(set(outcomes), key=lambda one: one.detail)
    return Outcome(bool(broken), "; ".join(dict.fromkeys(one.detail for one in shown)))


def _use_of_another(theft: Theft) -> Outcome:
    return _all(
        *(_use(theft, one, theft.clinic, theft.clinic.level, OTHERS) for one in theft.thieves),
        *(_use(theft, one, theft.clinic, 0, OTHERS) for one in theft.thieves),
        _use(theft, theft.bank, theft.bank, 0, NOTHING, category=theft.clinic.category),
    )


def _raise_level(theft: Theft) -> Outcome:
    return _all(
        *(
            _use(theft, thief, thief, level, "level is not granted")
            for thief in (theft.bank, theft.auditor)
            for level in (*range(thief.level + 1, 4), MAX_USES, 2**256 - 1)
        )
    )


def control(theft: Theft) -> Outcome:
    """Use the grant that stands, and send the holder's own act at its time."""
    used = _use(theft, theft.bank, theft.bank, theft.bank.level)
    with _grants(theft) as (link, _):
        issued = theft.bank.issued
        reason = _refusal(link, _call(issued), theft.bank.account.address, _before(issued))
    went = used.succeeded and reason is None
    return Outcome(went, used.detail if not used.succeeded else reason or "both went through")


def _revoked(theft: Theft) -> Outcome:
    levels = range(theft.broker.level + 1)
    return _all(*(_use(theft, theft.broker, theft.broker, level, NOTHING) for level in levels))


def _voided(theft: Theft) -> Outcome:
    voided = "grant was voided by its holder"
    return _use(theft, theft.sleeper, theft.sleeper, theft.sleeper.level, voided)


def _call(transaction: Transaction, words: list[bytes] | None = None) -> Call:
    head, body = transaction.data[:SELECTOR], transaction.data[SELECTOR:]
    return Call(transaction.to, head + (body if words is None else b"".join(words)))


def _before(transaction: Transaction) -> str:
    """Return the block in whose state the transaction was seen on its way."""
    return hex(transaction.block - 1)


def _replay(theft: Theft) -> Outcome:
    """Send each act of a holder again, in the next block, where all but itself is as it was."""
    sender = theft.broker.account.address
    grants = [one.issued for one in (*theft.thieves, theft.clinic)]
    acts = [*grants, *(one for one in theft.hoard.transactions if one.data[:SELECTOR] in _ACTS)]
    reasons: list[str | None] = []
    with _grants(theft) as (link, _):
        for act in acts:
            first = _refusal(link, _call(act), sender, _before(act))
            if first is not None:
                raise CheckFailed(f"an act is refused at its own time, too: {first}")
            for block in (hex(act.block), "latest"):
                reasons.append(_refusal(link, _call(act), sender, block))
                if block != "latest":
                    _require_meant(reasons[-1], "nonce is not the", "sequence is not the next")
    told = "; ".join(sorted({reason or "-" for reason in reasons}))
    return Outcome(None in reasons, f"{len(acts)} acts, refused: {told}")


def _alter(theft: Theft) -> Outcome:
    """Change each word of a grant on its way, the proof's included, and send it first."""
    issued, thief = theft.bank.issued, theft.bank.account.address
    original = issued.arguments
    changes = {
        _GRANTEE: address_word(theft.stranger.account.address),
        _PURPOSE: purpose_hash("anything"),
        _CATEGORY: _category(theft.clinic),
        _LEVEL: word(3),
        _EXPIRES: word(issued.time + MAX_LIFETIME),
        _USES: word(MAX_USES),
        _RECEIPT: ACCESS,
    }
    for at in range(7, len(original)):
        changes[at] = word(int.from_bytes(original[at], "big") ^ 1)
    open_at = []
    with _grants(theft) as (link, _):
        for at, value in changes.items():
            words = [*original[:at], value, *original[at + 1 :]]
            if words != original and _refusal(link, _call(issued, words), thief, _before(issued)):
                continue
            open_at.append(at)
    return Outcome(bool(open_at), f"{len(changes)} words changed, accepted: {open_at or 'none'}")


def _category(grantee: Grantee) -> bytes:
    return grantee.issued.arguments[_CATEGORY]


def _elsewhere(theft: Theft) -> Outcome:
    """Show the holder's proof for one act to every other act that takes a proof."""
    issued, sender = theft.bank.issued, theft.bank.account.address
    presented = issued.arguments[-PRESENTATION_WORDS:]
    shown = b"".join(presented)
    grantee, purpose, category = issued.arguments[:_LEVEL]
    reasons = {}
    with _grants(theft) as (link, grants):
        address = link.deployment.address
        acts = {
            "revoke": Call(
                grants.address,
                selector(f"revoke(address,bytes32,bytes32,{PRESENTATION})")
                + (grantee + purpose + category + shown),
            ),
            "revoke health": Call(
                grants.address,
                selector(f"revoke(address,bytes32,bytes32,{PRESENTATION})")
                + (grantee + purpose + _category(theft.clinic) + shown),
            ),
            "advance": Call(
                link.epochs.address,
                selector(f"advance(address,bytes32,{PRESENTATION})") + grantee + purpose + shown,
            ),
            "anchor": Call(
                address("ArchiveAnchor"),
                selector(f"anchor(bytes32,uint256,{PRESENTATION})") + ACCESS + word(1) + shown,
            ),
            "vote": Call(
                address("PassportVote"),
                selector(f"vote(uint256,{PRESENTATION})") + word(1) + shown,
            ),
        }
        for name, call in acts.items():
            reasons[name] = _refusal(link, call, sender, _before(issued))
    accepted = [name for name, reason in reasons.items() if reason is None]
    if not accepted:
        for reason in reasons.values():
            _require_meant(reason, "proof is not valid")
    refused = sorted({reason for reason in reasons.values() if reason})
    return Outcome(bool(accepted), f"accepted: {accepted or 'none'}; refused: {'; '.join(refused)}")


def _forged_bundle(theft: Theft) -> Outcome:
    """Send the clinic a bundle of one's own making, signed with one's own key."""
    victims, own_bundle = theft.victims, theft.clinic.bundles[-1]
    honest("the clinic's own bundle", lambda: victims.open_clinic(own_bundle))
    genuine = grant_bundle.FORM.decode(own_bundle)
    own = grant_signing.random_keys()
    receipt = replace(genuine.receipt, bundle_key=own.public)
    forged = replace(genuine, receipt=receipt, signature=b"", encapsulated=None, wrapped=None)
    public = theft.clinic.keys.public
    sealed = grant_bundle.seal(forged, ACCESS, public, own)
    stale = replace(genuine, number=genuine.number + 1)
    outcomes = []
    for bundle in (sealed, stale):
        try:
            victims.open_clinic(grant_bundle.FORM.encode(bundle))
        except MipError as error:
            outcomes.append(Outcome(False, f"refused: {error.message}"))
        else:
            outcomes.append(Outcome(True, "the clinic took it for the holder's"))
    return _all(*outcomes)


def _expired(theft: Theft) -> Outcome:
    """Ask in a block that comes when the grant is over; nothing is sent."""
    with _grants(theft) as (link, grants):
        call = grants.use(theft.bank.pseudonym, theft.bank.category, theft.bank.level, ACCESS)
        state = grants.grant_of(theft.bank.pseudonym, theft.bank.category)
        request = call_object(call.to, call.data, theft.bank.account.address)
        # a second earlier it must work, else the refusal says nothing of the time
        link.rpc.call("eth_call", request, "latest", {}, {"time": hex(state.expires - 1)})
        try:
            link.rpc.call("eth_call", request, "latest", {}, {"time": hex(state.expires)})
        except NodeRefused as error:
            _require_meant(reason := _reason(error), "grant has expired")
            return Outcome(False, f"refused: {reason}")
    return Outcome(True, "it went through")


CHAIN_ROUTES = (
    Route("use-of-another", "use a grant that is somebody else's", _use_of_another),
    Route("raise-level", "use the own grant at a higher level", _raise_level),
    Route("use-after-revocation", "use a grant after it was revoked", _revoked),
    Route("use-after-void", "use a grant after its pseudonym's epoch was advanced", _voided),
    Route("use-after-expiry", "use a grant from the second on in which it ends", _expired),
    Route("replay", "send the holder's own grants once more", _replay),
    Route("altered-in-flight", "change any word of a grant on its way and be first", _alter),
    Route("proof-elsewhere", "show the proof of one act to another act or app", _elsewhere),
    Route(
        "forged-bundle", "make the clinic take records that are not the holder's", _forged_bundle
    ),
)
