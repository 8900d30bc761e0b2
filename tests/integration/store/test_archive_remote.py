"""Stores on a network: S3 through a server of others, an IPFS node that misbehaves in every way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mip_cli.crypto import cid as cids
from mip_cli.crypto.archive_blocks import CHUNK, MAX_BLOCK, Block
from mip_cli.errors import EnvironmentFault, NetworkDown, ToolMissing, UsageFault
from mip_cli.store.archive import ipfs
from mip_cli.store.archive.blocks import BlockDamaged, BlockMissing
from mip_cli.store.archive.ipfs import IpfsStore
from mip_cli.store.archive.s3 import S3Store
from mip_cli.store.blocks import StoreUntrusted
from tests.kubo_stand_in import Node, serving
from tests.unit.archive_support import Kept

# -- S3 ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-credential")
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="archive")
    client.close()
    return f"s3://archive/holder?endpoint={endpoint}"


def test_s3__keeps_an_archive(bucket: str, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "a", bucket)
    kept.put("health", "a", bytes(3 * CHUNK))
    kept.put("health", "b", b"2")
    kept.put("health", "b", b"3")
    assert kept.get("health", "b") == b"3"
    kept.erase("health", "a")
    assert kept.audit().records == 1
    text = (tmp_path / "a" / "head.json").read_text()
    assert "canary-credential" not in text


def test_s3__damaged_missing_or_long__is_told(bucket: str, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "a", bucket)
    kept.put("health", "a", b"1")
    root = kept.head.root
    with kept.blocks() as store:
        (data,) = store.get([root])
    for wrong in (data[:-1], data + b"\0", bytes(MAX_BLOCK + 5_000_000), b""):
        kept.overwrite(root, wrong)
        with pytest.raises((BlockDamaged, EnvironmentFault), match="damaged|broke off|refuses"):
            kept.paths()
    with kept.blocks() as store:
        store.delete([root])
    with pytest.raises(BlockMissing, match="lacks block"):
        kept.paths()
    kept.overwrite(root, data)
    assert kept.paths() == {"health": ["a"]}


def test_s3__bucket_or_service_that_is_not_there(bucket: str, tmp_path: Path) -> None:
    elsewhere = bucket.replace("s3://archive/", "s3://nowhere/")
    with pytest.raises(EnvironmentFault, match="refuses put_object: NoSuchBucket"):
        Kept(tmp_path / "a", elsewhere).put("health", "a", b"1")
    closed = "s3://archive/x?endpoint=http://127.0.0.1:9"
    with pytest.raises(NetworkDown, match="does not answer"):
        Kept(tmp_path / "b", closed).put("health", "a", b"1")
    with pytest.raises(UsageFault, match="a bucket is given as"):
        S3Store("s3://archive/x?secret=1")


def test_s3__without_its_package__says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(ToolMissing, match="boto3") as refused:
        S3Store("s3://archive/x")
    assert refused.value.hint is not None
    assert "mip[s3]" in refused.value.hint


# -- IPFS ----------------------------------------------------------------------------------------


@pytest.fixture
def node() -> Iterator[Node]:
    with serving(Node()) as found:
        yield found


@pytest.mark.parametrize("golang", [True, False], ids=["kubo", "js-ipfs"])
def test_ipfs__keeps_an_archive_pinned_from_its_root(
    node: Node, tmp_path: Path, golang: bool
) -> None:
    if not golang:
        node.version = b'{"Version": "0.18.1", "Commit": ""}'
    kept = Kept(tmp_path / "a", node.url)
    kept.put("health", "a", bytes(2 * CHUNK))
    kept.put("health", "b", b"2")
    assert node.pins == {cids.text(kept.head.root)}
    assert kept.get("health", "a") == bytes(2 * CHUNK)
    kept.erase("health", "a")
    assert kept.audit().records == 1
    assert len(node.kept) < 8  # what was superseded or erased is gone from the node
    puts = [wanted for act, wanted, _ in node.calls if act == "block/put"]
    names = {"cid-codec"} if golang else {"format", "version"}
    assert all(names <= set(wanted) for wanted in puts)


def trickle(act: str, request: BaseHTTPRequestHandler) -> bool:
    if act != "block/get":
        return False
    request.send_response(200)
    request.end_headers()
    for _ in range(100):
        try:
            request.wfile.write(b"x")
            request.wfile.flush()
        except OSError:
            break
        time.sleep(0.05)
    return True


def endless(act: str, request: BaseHTTPRequestHandler) -> bool:
    if act != "block/get":
        return False
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(2000):
            request.wfile.write(bytes(65536))
    except OSError:
        pass
    return True


def sending(length: int, body: bytes) -> Callable[[str, BaseHTTPRequestHandler], bool]:
    def send(act: str, request: BaseHTTPRequestHandler) -> bool:
        if act != "block/get":
            return False
        request.send_response(200)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        request.wfile.write(body)
        return True

    return send


cut, other = sending(1000, b"half"), sending(4, b"fake")


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        (trickle, NetworkDown, "no full answer within"),
        (endless, StoreUntrusted, "sent more than"),
        (cut, NetworkDown, "cut short"),
        (other, BlockDamaged, "other content"),
    ],
    ids=["trickling", "endless", "cut", "lying"],
)
def test_ipfs__node_that_misbehaves__is_a_bounded_error(
    node: Node,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: Callable[[str, BaseHTTPRequestHandler], bool],
    kind: type[Exception],
    words: str,
) -> None:
    kept = Kept(tmp_path / "a", node.url)
    kept.put("health", "a", b"1")
    real = ipfs.IpfsNode
    monkeypatch.setattr(ipfs, "IpfsNode", lambda url: real(url, timeout=1, stall=1))
    node.instead = behaviour
    with pytest.raises(kind, match=words):
        kept.paths()
    node.instead = lambda act, request: False
    assert kept.paths() == {"health": ["a"]}


def test_ipfs__node_that_names_blocks_otherwise__is_refused(node: Node, tmp_path: Path) -> None:
    def misnaming(act: str, request: BaseHTTPRequestHandler) -> bool:
        if act != "block/put":
            return False
        body = b'{"Key": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"}'
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        return True

    node.instead = misnaming
    kept = Kept(tmp_path / "a", node.url)
    with pytest.raises(StoreUntrusted, match="another block"):
        kept.put("health", "a", b"1")
    assert not (tmp_path / "a" / "head.json").exists()
    node.instead = lambda act, request: False
    kept.put("health", "a", b"1")


def test_ipfs__pin_that_fails__commits_nothing(node: Node, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "a", node.url)
    kept.put("health", "a", b"1")
    head = kept.head

    def failing(act: str, request: BaseHTTPRequestHandler) -> bool:
        if act != "pin/add":
            return False
        body = b'{"Message": "merkledag: not found"}'
        request.send_response(500)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        return True

    node.instead = failing
    with pytest.raises(NetworkDown, match="refuses"):
        kept.put("health", "b", b"2")
    assert kept.head == head
    node.instead = lambda act, request: False
    assert kept.paths() == {"health": ["a"]}


def test_ipfs__password_in_the_address__is_not_shown(node: Node) -> None:
    store = IpfsStore("http://holder:canary@127.0.0.1:9")
    assert "canary" not in store.label
    with pytest.raises(NetworkDown) as refused:
        store.put([Block(cids.link_of(b"x", cids.RAW), b"x")])
    assert "canary" not in str(refused.value)
