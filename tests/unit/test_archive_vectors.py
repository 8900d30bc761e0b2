"""The archive's formats: a small archive opened by the specification alone, and defects refused."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libipld
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mip_cli.crypto import archive_blocks as blocks
from mip_cli.crypto import archive_proof, dagcbor
from mip_cli.crypto import cid as cids
from mip_cli.crypto.archive_blocks import BlockInvalid, Content, Place
from mip_cli.crypto.archive_keys import ArchiveKey, owner_of
from mip_cli.errors import MipError
from mip_cli.store.archive import car
from mip_cli.store.archive.head import head_path, read_head
from mip_cli.store.archive.log import read_leaf
from mip_cli.store.archive.manifest import decode_record
from mip_cli.store.archive.root import decode_root

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "archive.json").read_text())
DEFECTS = VECTOR["defects"]


def hkdf(key: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=label).derive(key)


def unpadded(plain: bytes) -> Any:
    size = int.from_bytes(plain[:4], "big")
    assert not any(plain[4 + size :])
    assert len(plain) & (len(plain) - 1) == 0
    return libipld.decode_dag_cbor(plain[4 : 4 + size])


class Reader:
    """Section 14 of the protocol, written again with other libraries."""

    def __init__(self) -> None:
        self.blocks = {
            libipld.encode_cid(name): bytes.fromhex(data) for name, data in VECTOR["blocks"].items()
        }
        self.owner = bytes.fromhex(VECTOR["owner"])

    def block(self, link: bytes) -> bytes:
        data = self.blocks[libipld.encode_cid(link)]
        assert hashlib.sha256(data).digest() == link[4:]
        return data

    def root(self, key: bytes) -> tuple[Any, list[bytes]]:
        node = libipld.decode_dag_cbor(self.blocks[VECTOR["root"]])
        data, links = node["d"], node["l"]
        assert data[:14] == b"mip.archive/1\0"
        count = int.from_bytes(data[18:20], "big")
        end = 20 + 60 * count
        associated = b"mip archive root/1\0" + self.owner + data[:end]
        associated += hashlib.sha256(b"".join(links)).digest()
        sealed = ChaCha20Poly1305(hkdf(key, b"mip archive root/1"))
        return unpadded(sealed.decrypt(data[end : end + 12], data[end + 12 :], associated)), links

    def next_key(self, key: bytes, generation: int) -> bytes:
        data = libipld.decode_dag_cbor(self.blocks[VECTOR["root"]])["d"]
        wrap = data[20:80]
        associated = b"mip archive next/1\0" + generation.to_bytes(4, "big")
        return ChaCha20Poly1305(hkdf(key, b"mip archive next/1")).decrypt(
            wrap[:12], wrap[12:], associated
        )

    def page(self, tag: bytes, key: bytes, link: bytes) -> tuple[Any, list[bytes]]:
        node = libipld.decode_dag_cbor(self.block(link))
        associated = b"mip archive node/1\0list\0" + tag + bytes(5)
        associated += hashlib.sha256(b"".join(node["l"])).digest()
        return unpadded(ChaCha20Poly1305(key).decrypt(bytes(12), node["d"], associated)), node["l"]

    def chunk(self, tag: bytes, entry: list[Any], link: bytes) -> bytes:
        path, version, _, _, size, chunks, key = entry
        associated = b"mip archive chunk/1\0" + tag + version.to_bytes(8, "big") + bytes(4)
        associated += chunks.to_bytes(4, "big") + path.encode()
        return ChaCha20Poly1305(key).decrypt(bytes(12), self.block(link), associated)[:size]


def test_archive__opens_by_the_specification_alone() -> None:
    reader = Reader()
    assert owner_of(VECTOR["secret"], VECTOR["anchor"]) == reader.owner
    key = bytes.fromhex(VECTOR["key"])
    assert reader.next_key(bytes.fromhex(VECTOR["key_before"]), 1) == key
    root, links = reader.root(key)
    assert [item["name"] for item in root["categories"]] == ["finance", "health"]
    found = []
    for item, link in zip(root["categories"], links[1:], strict=True):
        tag = hkdf(reader.owner, b"mip archive category/1\0" + item["name"].encode())
        page, contents = reader.page(tag, item["key"], link)
        live = [entry for entry in page["e"] if entry is not None]
        assert len(live) == item["live"] == len(contents)
        assert len(page["e"]) == item["length"]
        for entry, content in zip(live, contents, strict=True):
            text = reader.chunk(tag, entry, content).decode()
            found.append({"category": item["name"], "path": entry[0], "content": text})
    assert found == VECTOR["records"]


def test_log__leads_to_its_root_and_forgets_what_was_erased() -> None:
    reader = Reader()
    root, links = reader.root(bytes.fromhex(VECTOR["key"]))
    tag = hkdf(reader.owner, b"mip archive log/1")
    page, _ = reader.page(tag, root["log"]["key"], links[0])
    leaves = [libipld.decode_dag_cbor(leaf) for leaf, _, _ in page["e"]]
    assert [leaf["act"] for leaf in leaves] == ["create", "put", "put", "put", "erase", "anchor"]
    assert [salt is None for _, salt, _ in page["e"]] == [False] * 3 + [True] + [False] * 2
    for leaf, salt, detail in page["e"]:
        if salt is not None:
            digest = hashlib.sha256(b"mip archive detail/1\0" + salt + detail).digest()
            assert libipld.decode_dag_cbor(leaf)["d"] == digest

    def tree(some: list[bytes]) -> bytes:
        if len(some) == 1:
            return hashlib.sha256(b"\0" + some[0]).digest()
        half = 1 << (len(some) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + tree(some[:half]) + tree(some[half:])).digest()

    log_root = tree([leaf for leaf, _, _ in page["e"]])
    assert log_root.hex() == VECTOR["log_root"]
    number = (1).to_bytes(8, "big")
    salt = hmac.digest(root["anchor_key"], b"mip archive anchor salt/1\0" + number, "sha256")
    size = len(leaves).to_bytes(8, "big")
    commitment = hashlib.sha256(b"mip archive anchor/1\0" + salt + number + size + log_root)
    assert commitment.hexdigest() == VECTOR["commitment"]


def test_former_key__opens_no_block_that_is_there_but_by_the_wrap() -> None:
    key = ArchiveKey(bytes.fromhex(VECTOR["key_before"]))
    block = bytes.fromhex(VECTOR["blocks"][VECTOR["root"]])
    opened = blocks.open_root(key, bytes.fromhex(VECTOR["owner"]), block)
    assert opened.key == ArchiveKey(bytes.fromhex(VECTOR["key"]), 1)


def test_car__holds_every_block_and_nothing_else() -> None:
    data = bytes.fromhex(VECTOR["car"])
    source = io.BytesIO(data)
    assert cids.text(car.read_root(source)) == VECTOR["root"]
    found = {cids.text(block.cid): block.data.hex() for block in car.blocks(source)}
    assert found == VECTOR["blocks"]


def test_proof__holds() -> None:
    proof = archive_proof.decode(VECTOR["proof"].encode())
    assert proof.sound
    assert proof.commitment is not None
    assert proof.commitment.hex() == VECTOR["commitment"]
    assert archive_proof.encode(proof).decode() == VECTOR["proof"]


def of_cid(given: Any, _: Path) -> object:
    return cids.parse(given)


def of_node(given: Any, _: Path) -> object:
    return blocks.read_links(bytes.fromhex(given))


def of_sealed(given: Any, _: Path) -> object:
    place = Place(given["kind"], bytes.fromhex(given["tag"]), given["level"], given["index"])
    return blocks.open_node(place, bytes.fromhex(given["key"]), bytes.fromhex(given["block"]))


def of_chunk(given: Any, _: Path) -> object:
    place = Content(
        bytes.fromhex(given["tag"]),
        given["path"],
        given["version"],
        given["total"],
        bytes.fromhex(given["key"]),
    )
    return place.open(given["index"], bytes.fromhex(given["block"]), given["size"])


def of_root(given: Any, _: Path) -> object:
    key = ArchiveKey(bytes.fromhex(given["key"]), given["generation"])
    block = bytes.fromhex(given["block"])
    opened = blocks.open_root(key, bytes.fromhex(given["owner"]), block)
    return decode_root(opened.value, opened.links)


def of_record(given: Any, _: Path) -> object:
    return decode_record(dagcbor.decode(bytes.fromhex(given)))


def of_leaf(given: Any, _: Path) -> object:
    return read_leaf(bytes.fromhex(given))


def of_proof(given: Any, _: Path) -> object:
    proof = archive_proof.decode(given.encode())
    if not proof.sound:
        raise ValueError("the proof does not hold")
    return proof


def of_car(given: Any, _: Path) -> object:
    source = io.BytesIO(bytes.fromhex(given))
    return car.read_root(source), list(car.blocks(source))


def of_head(given: Any, folder: Path) -> object:
    head_path(folder).write_text(given)
    return read_head(folder)


READERS: dict[str, Callable[[Any, Path], object]] = {
    "cid": of_cid,
    "node": of_node,
    "sealed": of_sealed,
    "chunk": of_chunk,
    "root": of_root,
    "record": of_record,
    "leaf": of_leaf,
    "proof": of_proof,
    "car": of_car,
    "head": of_head,
}


@pytest.mark.parametrize(
    "defect", DEFECTS, ids=[f"{one['format']}: {one['name']}" for one in DEFECTS]
)
def test_defect__is_refused(defect: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises((ValueError, BlockInvalid, MipError)) as refused:
        READERS[defect["format"]](defect["input"], tmp_path)
    assert defect["verdict"] in str(refused.value)


def test_defects__are_many_and_their_formats_are_read_when_sound(tmp_path: Path) -> None:
    assert len(DEFECTS) >= 60
    assert {one["format"] for one in DEFECTS} == set(READERS)
    assert of_head(VECTOR["head"], tmp_path)
    assert of_car(VECTOR["car"], tmp_path)
    assert of_proof(VECTOR["proof"], tmp_path)
    key, owner = bytes.fromhex(VECTOR["key"]), VECTOR["owner"]
    given = {"owner": owner, "key": key.hex(), "generation": 1}
    assert of_root({**given, "block": VECTOR["blocks"][VECTOR["root"]]}, tmp_path)
