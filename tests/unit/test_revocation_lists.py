"""A holder comes to an issuer's list: by file, from before, from its server; the root decides."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.crypto.claims import parse_schema
from mip_cli.crypto.credential import revocation_tree
from mip_cli.crypto.policy_text import EXAMPLE_SCHEMA
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import NetworkDown, UsageFault
from mip_cli.flows.kyc import credential_file, kyc_issuer
from mip_cli.flows.kyc.credential_file import REVOCATIONS, Credential, Request, Revocations
from mip_cli.flows.kyc.revocation_lists import Lists, ListUntrusted
from mip_cli.http import revocations
from mip_cli.http.client import ServerUntrusted
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Home
from mip_cli.store.revocation_cache import MAX_LIST, RevocationCache
from tests.unit.stranger import Host, host

__all__ = ["host"]
HOME = Home(31337, checksum("0x" + "11" * 20), 2)
PATH = "/revocations"
LISTED = Revocations(HOME, 1, (3, 70_000))
ROOT = revocation_tree(LISTED.nonces).root


@pytest.fixture
def cache(tmp_path: Path) -> RevocationCache:
    return RevocationCache(tmp_path, "holder", 77)


def credential(folder: Path, server: str) -> Credential:
    city = store.create(folder, "city", "City", b"a password of the city")
    schema = parse_schema(EXAMPLE_SCHEMA)
    _, (issued,) = kyc_issuer.issue(
        store.settle(city, HOME),
        schema,
        [(Request(5, 1), {"given_name": "Ada"})],
        30,
        today=lambda: datetime.date(2026, 2, 1),
        server=server,
    )
    return credential_file.decode(issued.document)


@pytest.mark.thorough
def test_list__is_fetched_once_and_kept(tmp_path: Path, host: Host, cache: RevocationCache) -> None:
    card = credential(tmp_path, host.url)

    def tree(root: int, version: int) -> QuadTree:
        return Lists((), cache, revocations.fetch).tree(card, root, version)

    assert tree(0, 0).root == revocation_tree(()).root
    assert host.asked == []  # nothing is revoked: nobody is asked
    host.say(PATH, REVOCATIONS.encode(LISTED))
    for _ in range(2):
        assert tree(ROOT, 1).leaf(70_000) == 1
    assert host.asked == [PATH]  # the second time it was at hand
    # the server is down, and what is kept is still in force
    host.say(PATH, b"", 503)
    assert tree(ROOT, 1).root == ROOT
    assert Lists((LISTED,), None, None).tree(card, ROOT, 1).root == ROOT
    # another root: what is kept is worth nothing, and is not passed off as the list in force
    newer = replace(LISTED, version=2, nonces=(3, 4, 70_000))
    root = revocation_tree(newer.nonces).root
    with pytest.raises(NetworkDown, match="status 503") as caught:
        tree(root, 2)
    assert "--revocations FILE" in str(caught.value.hint)
    host.say(PATH, REVOCATIONS.encode(newer))
    assert tree(root, 2).leaf(4) == 1


def test_server__that_lies_or_lags__is_found_by_the_root(
    tmp_path: Path, host: Host, cache: RevocationCache
) -> None:
    card = credential(tmp_path, host.url)
    for false in (replace(LISTED, nonces=(3,)), replace(LISTED, nonces=(3, 9, 70_000))):
        host.say(PATH, REVOCATIONS.encode(false))
        with pytest.raises(ListUntrusted, match="not the one whose root is on chain"):
            Lists((), cache, revocations.fetch).tree(card, ROOT, 1)
    assert cache.get(HOME) is None  # what is not in force is not kept
    host.say(PATH, REVOCATIONS.encode(LISTED))
    assert Lists((), cache, revocations.fetch).tree(card, ROOT, 1).root == ROOT


@pytest.mark.thorough
def test_server__that_answers_something_else(tmp_path: Path, host: Host) -> None:
    card = credential(tmp_path, host.url)
    good = REVOCATIONS.encode(LISTED)
    foreign = REVOCATIONS.encode(replace(LISTED, issuer=replace(HOME, number=3)))
    other = host.say("/elsewhere", good)
    host.asked.clear()
    for body, status, headers, words in (
        (foreign, 200, {}, "list of another issuer"),
        (good[:-1], 200, {}, "no revocation list"),
        (b"{}", 200, {}, "no revocation list"),
        (good, 200, {"Content_Type": "text/html"}, "is no JSON"),
        (good.ljust(MAX_LIST + 1), 200, {}, f"more than {MAX_LIST} bytes"),
        (b"", 302, {"Location": other}, "leads elsewhere"),
    ):
        host.say(PATH, body, status, **headers)
        with pytest.raises(ServerUntrusted, match=words):
            Lists((), None, revocations.fetch).tree(card, ROOT, 1)
    assert set(host.asked) == {PATH}
    host.server.shutdown()
    host.server.server_close()
    with pytest.raises(NetworkDown, match="does not answer"):
        Lists((), None, revocations.fetch).tree(card, ROOT, 1)
    for server in ("http://city.example", "http://10.0.0.1"):
        with pytest.raises(UsageFault, match="not protected by https"):
            revocations.fetch(HOME, server)


@pytest.mark.thorough
def test_server__is_asked_once_for_one_proof(tmp_path: Path, host: Host) -> None:
    """A holder of many credentials of one issuer waits for a slow server once."""
    card, other = (credential(tmp_path / name, host.url) for name in ("one", "other"))
    host.say(PATH, b"", 503)
    lists = Lists((), None, revocations.fetch)
    for found in (card, other, card):
        with pytest.raises(NetworkDown, match="status 503"):
            lists.tree(found, ROOT, 1)
    assert host.asked == [PATH]
    host.say(PATH, REVOCATIONS.encode(LISTED))
    lists = Lists((), None, revocations.fetch)
    assert lists.tree(card, ROOT, 1) is lists.tree(other, ROOT, 1)
    assert host.asked == [PATH, PATH]


@pytest.mark.thorough
def test_request__tells_nothing_of_who_asks(tmp_path: Path, host: Host) -> None:
    host.say(PATH, REVOCATIONS.encode(LISTED), Set_Cookie="who=7", ETag='"7"')
    for name in ("one", "other"):
        folder = tmp_path / name
        card = credential(folder, host.url)
        for secret in (77, 78):
            cache = RevocationCache(folder, "holder", secret)
            Lists((), cache, revocations.fetch).tree(card, ROOT, 1)
            # once more without what is kept
            Lists((), None, revocations.fetch).tree(card, ROOT, 1)
    assert len(host.heads) == 8
    (head,) = set(host.heads)
    names = {line.partition(":")[0] for line in head.strip().splitlines()}
    assert names == {"Host", "Accept", "Accept-Encoding", "Connection", "User-Agent"}


@pytest.mark.thorough
def test_nobody_is_asked__unless_the_holder_lets_it(tmp_path: Path, host: Host) -> None:
    host.say(PATH, REVOCATIONS.encode(LISTED))
    card = credential(tmp_path / "named", host.url)
    with pytest.raises(UsageFault, match="no server is to be asked") as caught:
        Lists().tree(card, ROOT, 1)
    assert "--revocations FILE" in str(caught.value.hint)
    nameless = credential(tmp_path / "nameless", "")
    with pytest.raises(UsageFault, match="needs its list of them$"):
        Lists((), None, revocations.fetch).tree(nameless, ROOT, 1)
    # who gives a file of that issuer is asked for a newer one, not helped behind his back
    older = Revocations(HOME, 0, ())
    with pytest.raises(UsageFault, match="yours is version 0"):
        Lists((older,), None, revocations.fetch).tree(card, ROOT, 1)
    assert host.asked == []
    assert Lists((), None, revocations.fetch).tree(card, ROOT, 1).root == ROOT


def test_cache__is_sealed_and_names_nobody(tmp_path: Path, cache: RevocationCache) -> None:
    folder = tmp_path / "credentials" / "holder"
    for issuer in (HOME, replace(HOME, number=3)):
        cache.put(issuer, REVOCATIONS.encode(replace(LISTED, issuer=issuer)))
    assert len({path.stat().st_size for path in folder.iterdir()}) == 1
    for path in folder.iterdir():
        text = path.read_bytes()
        assert b"11111111" not in text
        assert b"70000" not in text
        assert path.stat().st_mode & 0o077 == 0
    found = cache.get(HOME)
    assert found is not None
    assert REVOCATIONS.decode(found) == LISTED
    stranger = RevocationCache(tmp_path, "holder", 78)
    assert stranger.get(HOME) is None
    paths = sorted(folder.iterdir())
    swapped = paths[0].read_bytes()
    paths[0].write_bytes(paths[1].read_bytes())
    paths[1].write_bytes(swapped)
    assert cache.get(HOME) is None  # another issuer's list in its place
    paths[1].write_bytes(paths[0].read_bytes()[:-40])
    assert cache.get(replace(HOME, number=3)) is None
