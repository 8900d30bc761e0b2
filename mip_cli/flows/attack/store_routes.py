"""Ways in through the store: blocks, keys and files, with everything that was ever public."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from mip_cli.crypto import grant_bundle
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.cid import Link
from mip_cli.errors import CheckFailed, MipError
from mip_cli.flows.attack.hoard import flip
from mip_cli.flows.attack.keyring import Keyring
from mip_cli.flows.attack.model import Grantee, Outcome, Route, Theft, honest


def keyring_of(theft: Theft, *thieves: Grantee) -> Keyring:
    """Return every key that grantees have: what was sealed to them, and what follows from it."""
    everybody = (*theft.thieves, theft.clinic, theft.stranger)
    bundles = [grant_bundle.FORM.decode(data) for one in everybody for data in one.bundles]
    ring = Keyring(receipts=tuple({bundle.receipt.id for bundle in bundles}))
    for thief in thieves:
        ring.add([thief.keys.private])
        for bundle in bundles:
            key = _unsealed(bundle, thief)
            ring.add([] if key is None else [key])
    return ring


def _unsealed(bundle: grant_bundle.Bundle, thief: Grantee) -> bytes | None:
    try:
        return grant_bundle.open_key(bundle, thief.keys)
    except NotAuthentic:
        return None


def _reads(
    theft: Theft, blocks: Mapping[Link, bytes], marks: Iterable[bytes], *thieves: Grantee
) -> Outcome:
    """Look for strings in some blocks, with all keys that the thieves ever had or found."""
    ring = full_ring(theft, *thieves)
    wanted = list(marks)
    opened = len(ring.opened.keys() & blocks.keys())
    seen = ring.sees(wanted, blocks)
    count = f"{len(ring.keys)} keys open {opened} of {len(blocks)} blocks"
    return Outcome(bool(seen), f"{count}; of {len(wanted)} strings looked for {len(seen)} are in")


def full_ring(theft: Theft, *thieves: Grantee) -> Keyring:
    """Return the keyring of thieves who kept every block that ever lay in the store."""
    names = tuple(sorted(one.name for one in thieves))
    if names not in theft.rings:
        ring = keyring_of(theft, *thieves)
        ring.try_on(theft.hoard.blocks)
        theft.rings[names] = ring
    return theft.rings[names]


def control(theft: Theft) -> Outcome:
    """Read what was granted, by the same means: else no other failure means anything."""
    seen = full_ring(theft, theft.bank).sees(theft.marks.granted, theft.hoard.at("granted"))
    whole = len(seen) == len(theft.marks.granted)
    return Outcome(whole, f"{len(seen)} of {len(theft.marks.granted)} granted members were read")


def _other_category(theft: Theft) -> Outcome:
    return _reads(theft, theft.hoard.blocks, theft.marks.health, theft.bank)


def _never_granted(theft: Theft) -> Outcome:
    return _reads(theft, theft.hoard.blocks, theft.marks.ungranted, theft.bank, theft.broker)


def _left_out(theft: Theft) -> Outcome:
    return _reads(theft, theft.hoard.blocks, theft.marks.left_out, theft.bank, theft.auditor)


def _sums_alone(theft: Theft) -> Outcome:
    marks = (*theft.marks.granted, *theft.marks.left_out)
    own = views(theft.auditor) & theft.hoard.blocks.keys()
    if not own or not own <= set(full_ring(theft, theft.auditor).opened):
        raise CheckFailed("the level 1 grant does not open its own sums: this proves nothing")
    return _reads(theft, theft.hoard.blocks, marks, theft.auditor)


def _together(theft: Theft) -> Outcome:
    return _reads(theft, theft.hoard.blocks, theft.marks.health, *theft.thieves)


def _manifest_of_another(theft: Theft) -> Outcome:
    """Each thief tries the view of everybody else, his accomplices' too."""
    tried = opened = 0
    for thief in theft.thieves:
        others = (one for one in (*theft.thieves, theft.clinic) if one is not thief)
        foreign = {view for other in others for view in views(other)} - views(thief)
        tried += len(foreign)
        opened += len(foreign & set(full_ring(theft, thief).opened))
    return Outcome(opened > 0, f"{opened} of {tried} views of others opened")


def views(grantee: Grantee) -> set[Link]:
    """Return the views that a grantee's bundles name."""
    found = (grant_bundle.FORM.decode(data).view for data in grantee.bundles)
    return {view for view in found if view is not None}


def _unseal_another(theft: Theft) -> Outcome:
    tried = opened = 0
    for bundle in (grant_bundle.FORM.decode(data) for data in theft.clinic.bundles):
        for thief in theft.thieves:
            tried += 1
            opened += _unsealed(bundle, thief) is not None
    return Outcome(opened > 0, f"{tried} private keys on the clinic's sealed keys opened {opened}")


def _after_revocation(theft: Theft) -> Outcome:
    blocks = theft.hoard.at("put after the revocation")
    return _reads(theft, blocks, theft.marks.later, theft.broker)


def _before_lazy(theft: Theft) -> Outcome:
    blocks = theft.hoard.at("put after the revocation")
    return _reads(theft, blocks, theft.marks.granted, theft.broker)


def _after_eager(theft: Theft) -> Outcome:
    blocks = theft.hoard.at("encrypted anew")
    marks = (*theft.marks.granted, *theft.marks.left_out, *theft.marks.later)
    return _reads(theft, blocks, marks, theft.broker)


def _copies(theft: Theft) -> Outcome:
    return _reads(theft, theft.hoard.at("granted"), theft.marks.granted, theft.broker)


def _erased(theft: Theft) -> Outcome:
    blocks = theft.hoard.at("erased")
    return _reads(theft, blocks, theft.marks.erased, theft.bank, theft.broker)


def _sizes(theft: Theft) -> Outcome:
    short, long = (len(theft.hoard.blocks[link]) for link in theft.twins)
    return Outcome(short != long, f"blocks of {short} and {long} bytes")


def _counts(theft: Theft) -> Outcome:
    before, after = (theft.hoard.moments[m] for m in ("granted", "put after the revocation"))
    return Outcome(
        before != after, f"{len(after - before)} blocks came and {len(before - after)} went"
    )


def _tried(act: Callable[[], object]) -> Outcome:
    try:
        act()
    except MipError as error:
        return Outcome(False, f"refused: {error.message}")
    return Outcome(True, "accepted")


def _present_verifies(theft: Theft) -> None:
    present = theft.hoard.at("erased")
    honest("the archive as it is", lambda: theft.victims.verify(present))


def _roll_back_store(theft: Theft) -> Outcome:
    _present_verifies(theft)
    return _tried(lambda: theft.victims.verify(theft.hoard.at("granted")))


def _roll_back_all(theft: Theft) -> Outcome:
    _present_verifies(theft)
    return _tried(theft.victims.verify_older_copy)


def _swap_blocks(theft: Theft) -> Outcome:
    """Put finance where the clinic looks for health, and change one bit."""
    blocks = theft.hoard.at("erased")
    honest("the clinic's own store", lambda: theft.victims.read_clinic(blocks))
    wrong = dict(blocks)
    for view in views(theft.clinic) & set(blocks):
        wrong[view] = next(data for link, data in blocks.items() if link in views(theft.bank))
    swapped = _tried(lambda: theft.victims.read_clinic(wrong))
    changed = {link: flip(data) for link, data in blocks.items()}
    bent = _tried(lambda: theft.victims.read_clinic(changed))
    return Outcome(swapped.succeeded or bent.succeeded, f"{swapped.detail}; {bent.detail}")


def _older_bundle(theft: Theft) -> Outcome:
    """Let the clinic open the bundle of now, then hand it the one of before."""
    blocks = theft.hoard.at("erased")
    honest("the clinic's newest bundle", lambda: theft.victims.read_clinic(blocks))
    found = _tried(lambda: theft.victims.read_older(theft.hoard.at("granted")))
    if not found.succeeded and "older than one that you opened" not in found.detail:
        raise CheckFailed(f"refused for another reason than is meant: {found.detail}")
    return found


def _older_unseen(theft: Theft) -> Outcome:
    return _tried(lambda: theft.victims.read_unseen(theft.hoard.at("granted")))


STORE_ROUTES = (
    Route(
        "other-category",
        "read health with the finance grant's key and all that follows from it",
        _other_category,
    ),
    Route("never-granted", "read a category that nobody was granted", _never_granted),
    Route("members-left-out", "read the identity members that level 2 leaves out", _left_out),
    Route("records-at-level-1", "read records with a grant that gives sums alone", _sums_alone),
    Route("thieves-together", "five grantees put their keys together for health", _together),
    Route("manifest-of-another", "open the view of another grantee", _manifest_of_another),
    Route(
        "key-of-another",
        "unseal the clinic's key with the private keys of thieves",
        _unseal_another,
    ),
    Route(
        "keys-across-epochs",
        "after a revocation read what was put since, with the keys of before",
        _after_revocation,
    ),
    Route(
        "lazy-revocation",
        "after a lazy revocation read what was there before",
        _before_lazy,
        limit="a lazy revocation does not encrypt anew what a grantee of level 3 had keys for; "
        "mip grant revoke --eager does (docs/protocol.md, section 17)",
    ),
    Route(
        "old-manifest-after-eager",
        "after an eager revocation read from the store with every key of before",
        _after_eager,
    ),
    Route(
        "copies-kept",
        "read copies of blocks that were kept before the eager revocation",
        _copies,
        limit="what was read or copied while the grant stood is not recalled (section 17)",
    ),
    Route("erased-record", "read a record that was erased, from the store", _erased),
    Route("sizes", "tell a short record from one six times as long by its block", _sizes),
    Route(
        "counts",
        "see how many blocks come and go",
        _counts,
        limit="a store learns how many blocks of which size class change, and when (section 14)",
    ),
    Route("rollback-store", "give the holder an older state of his store", _roll_back_store),
    Route(
        "rollback-all",
        "put the holder's device and store back to a copy from before the last anchor",
        _roll_back_all,
    ),
    Route("swapped-blocks", "give the clinic other blocks than its own", _swap_blocks),
    Route(
        "older-bundle",
        "give the clinic its first bundle again when it has opened a newer one",
        _older_bundle,
    ),
    Route(
        "older-bundle-unseen",
        "give a grantee an older bundle who was never shown the newer one",
        _older_unseen,
        limit="a bundle shows the state of its making; nothing tells a grantee who opened no newer "
        "one that it was made (section 16)",
    ),
)
