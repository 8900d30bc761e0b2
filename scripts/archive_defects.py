"""The formats of the archive with one defect each."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Sequence
from typing import Any

from archive_parts import ANCHOR, NOW, SECRET, Drawn, Memory
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mip_cli.crypto import archive_blocks as blocks
from mip_cli.crypto import archive_keys, archive_proof, dagcbor, merkle_log, padding
from mip_cli.crypto import cid as cids
from mip_cli.crypto.archive_blocks import Content, Place
from mip_cli.crypto.cid import Link
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.head import Head


class Defects:
    """Every format with one thing wrong."""

    def __init__(
        self,
        store: Memory,
        archive: Archive,
        head: Head,
        whole: bytes,
        head_text: str,
        rng: Drawn,
    ) -> None:
        self.store, self.archive, self.head, self.rng = store, archive, head, rng
        self.whole, self.head_text = whole, head_text
        hashes = archive.log.leaf_hashes()
        entry = archive.log[1]
        salt = archive_keys.anchor_salt(archive.anchor_key, 1)
        self.proof = archive_proof.LogProof(
            leaf=entry.leaf,
            index=1,
            size=len(hashes),
            root=archive.log.root,
            path=tuple(merkle_log.inclusion_path(hashes, 1)),
            detail=(entry.salt or b"", entry.detail or b""),
            since=archive_proof.Since(
                3,
                merkle_log.root_of(merkle_log.peaks_of(hashes[:3])),
                tuple(merkle_log.consistency_path(hashes, 3)),
            ),
            anchor=archive_proof.AnchorOpening(31337, ANCHOR, 7, 1, salt),
        )
        self.proof_text = archive_proof.encode(self.proof).decode()
        self.commitment = (self.proof.commitment or b"").hex()

    def all(self) -> list[dict[str, object]]:
        """Return every defect: format, name, input, and a part of the verdict."""
        found: list[dict[str, object]] = []
        for make in (
            self._cids,
            self._nodes,
            self._sealed,
            self._chunks,
            self._roots,
            self._records,
            self._leaves,
            self._proofs,
            self._cars,
            self._heads,
        ):
            kind = make.__name__.strip("_").removesuffix("s")
            kind = {"leave": "leaf", "sealed": "sealed"}.get(kind, kind)
            for name, given, verdict in make():
                found.append({"format": kind, "name": name, "input": given, "verdict": verdict})
        return found

    def _cids(self) -> list[tuple[str, Any, str]]:
        text = cids.text(self.head.root)
        v0 = cids.link_of(b"", cids.RAW)
        other = bytes([1, 0x70]) + v0[2:]
        sha512 = bytes([1, 0x55, 0x13]) + v0[3:]
        b32 = "b" + base64.b32encode(other).decode().rstrip("=").lower()
        b32s = "b" + base64.b32encode(sha512).decode().rstrip("=").lower()
        return [
            ("another base", "z" + text[1:], "not a content id in base32"),
            ("upper case", text.upper(), "not a content id in base32"),
            ("another codec", b32, "not the content id"),
            ("another hash", b32s, "not the content id"),
            ("cut short", text[:-8], ""),
            ("bits after the end", text[:-1] + chr(ord(text[-1]) + 1), ""),
        ]

    def _nodes(self) -> list[tuple[str, Any, str]]:
        link = cids.link_of(b"x", cids.RAW)
        good = dagcbor.envelope(b"data", [link, link])
        tag = good.index(b"\xd8\x2a")
        return [
            ("three members", (b"\xa3" + good[1:] + b"\x61m\x00").hex(), "not a node"),
            ("members the other way", dagcbor.encode({"l": [], "m": b""}).hex(), "not a node"),
            ("long form of a length", (b"\xa2\x61d\x58\x04data\x61l\x80").hex(), "shortest form"),
            ("text for data", (b"\xa2\x61d\x64data\x61l\x80").hex(), "another shape"),
            ("endless data", (b"\xa2\x61d\x5f\x44data\xff\x61l\x80").hex(), "another shape"),
            ("data past the end", (b"\xa2\x61d\x5a\xff\xff\xff\xffdata").hex(), "cut short"),
            ("a byte after it", (good + b"\0").hex(), "follows them"),
            ("one link fewer than told", good[:-41].hex(), "cut short"),
            ("tag 43", (good[:tag] + b"\xd8\x2b" + good[tag + 2 :]).hex(), "something else"),
            (
                "link without identity prefix",
                (good[: tag + 4] + b"\1" + good[tag + 5 :]).hex(),
                "something else",
            ),
            (
                "link to another codec",
                (good[: tag + 6] + b"\x70" + good[tag + 7 :]).hex(),
                "not the content id",
            ),
            ("bytes for links", (b"\xa2\x61d\x44data\x61l\x40").hex(), "another shape"),
        ]

    def _sealed(self) -> list[tuple[str, Any, str]]:
        place, key = Place("list", b"t" * 32, 0, 3), b"k" * 32
        good = blocks.seal_node(place, key, {"e": [None]}, [])

        def given(block: bytes, **changes: object) -> dict[str, object]:
            base = {"kind": "list", "tag": place.tag.hex(), "level": 0, "index": 3}
            return {**base, "key": key.hex(), "block": block.hex(), **changes}

        def raw(plain: bytes) -> bytes:
            links_digest = hashlib.sha256(b"").digest()
            data = b"mip archive node/1\0list\0" + place.tag + struct.pack(">BI", 0, 3)
            sealed = ChaCha20Poly1305(key).encrypt(bytes(12), plain, data + links_digest)
            return dagcbor.envelope(sealed, [])

        body = dagcbor.encode({"e": [None]})
        framed = struct.pack(">I", len(body)) + body
        planted = dagcbor.envelope(
            dagcbor.open_envelope(good.data)[0], [cids.link_of(b"", cids.RAW)]
        )
        flipped = bytearray(good.data)
        flipped[40] ^= 1
        return [
            ("another key", given(good.data, key=(b"j" * 32).hex()), "does not belong"),
            ("another category", given(good.data, tag=(b"u" * 32).hex()), "does not belong"),
            ("another kind", given(good.data, kind="schema"), "does not belong"),
            ("another level", given(good.data, level=1), "does not belong"),
            ("another index", given(good.data, index=4), "does not belong"),
            ("a planted link", given(planted), "does not belong"),
            ("a flipped bit", given(bytes(flipped)), "does not belong"),
            ("no filling", given(raw(framed)), "something else"),
            ("too large a bucket", given(raw(padding.fill(framed, 2048))), "something else"),
            (
                "filling of ones",
                given(raw(framed + b"\1" * (1024 - len(framed)))),
                "something else",
            ),
            (
                "length past the end",
                given(raw(padding.fill(struct.pack(">I", 5000) + body, 1024))),
                "something else",
            ),
            (
                "not canonical",
                given(raw(padding.fill(struct.pack(">I", 2) + b"\x18\x01", 1024))),
                "something else",
            ),
            (
                "two values",
                given(raw(padding.fill(struct.pack(">I", 2) + b"\1\1", 1024))),
                "something else",
            ),
        ]

    def _chunks(self) -> list[tuple[str, Any, str]]:
        key, tag = b"c" * 32, b"t" * 32
        lone = Content(tag, "a/b", 1, 1, key).seal(0, b"content").data

        def given(block: bytes, **changes: object) -> dict[str, object]:
            base = {"tag": tag.hex(), "path": "a/b", "version": 1, "index": 0, "total": 1}
            return {**base, "size": 7, "key": key.hex(), "block": block.hex(), **changes}

        flipped = bytes([lone[0] ^ 1]) + lone[1:]
        return [
            ("another path", given(lone, path="a/c"), "does not belong"),
            ("a later version", given(lone, version=2), "does not belong"),
            ("another category", given(lone, tag=(b"u" * 32).hex()), "does not belong"),
            ("another record's key", given(lone, key=(b"d" * 32).hex()), "does not belong"),
            ("another place", given(lone, index=1), "does not belong"),
            ("a flipped bit", given(flipped), "does not belong"),
            ("cut short", given(lone[:-1]), "another size"),
            ("a size of another bucket", given(lone, size=2000), "another size"),
            ("a smaller size than sealed", given(lone, size=6), "does not belong"),
            ("a lone chunk for two", given(lone, total=2), "not full"),
        ]

    def _roots(self) -> list[tuple[str, Any, str]]:
        owner, key = self.archive.owner, self.archive.key
        block = self.store.kept[self.head.root]
        opened = blocks.open_root(key, owner, block)
        data, links = dagcbor.open_envelope(block)

        def given(body: bytes, **changes: object) -> dict[str, object]:
            base = {"owner": owner.hex(), "key": key.key.hex(), "generation": key.generation}
            return {**base, "block": body.hex(), **changes}

        def sealed(value: object, to: Sequence[Link] = links) -> dict[str, object]:
            return given(blocks.seal_root(key, owner, opened.wraps, value, to, self.rng).data)

        value = opened.value
        log, items = value["log"], value["categories"]
        magic = b"X" + data[1:]
        other = archive_keys.owner_of(SECRET + 1, ANCHOR)
        shape = "something else than it must"
        twice = [items[0], items[0]]
        return [
            ("another passport", given(block, owner=other.hex()), "does not open"),
            ("another key", given(block, key="22" * 32), "does not open"),
            ("a key of a later generation", given(block, generation=2), "older than"),
            ("the former key as the present one", given(block, key="11" * 32), "does not open"),
            ("another magic", given(dagcbor.envelope(magic, links)), "not the root"),
            ("a link fewer", given(dagcbor.envelope(data, links[:-1])), "does not open"),
            ("links reordered", given(dagcbor.envelope(data, links[::-1])), "does not open"),
            (
                "more wraps than generations",
                given(dagcbor.envelope(data[:18] + b"\0\2" + data[20:], links)),
                "another shape",
            ),
            ("cut after the wraps", given(dagcbor.envelope(data[:80], links)), "another shape"),
            ("an unknown member", sealed({**value, "more": 1}), shape),
            ("a missing member", sealed({k: v for k, v in value.items() if k != "at"}), shape),
            ("commit zero", sealed({**value, "commit": 0}), shape),
            (
                "one peak too many",
                sealed({**value, "log": {**log, "peaks": [b"0" * 32] * 9}}),
                shape,
            ),
            ("an empty log", sealed({**value, "log": {**log, "length": 0, "peaks": []}}), shape),
            ("a category twice", sealed({**value, "categories": twice}), shape),
            ("categories unsorted", sealed({**value, "categories": items[::-1]}), shape),
            (
                "a category's name in capitals",
                sealed({**value, "categories": [{**items[0], "name": "Finance"}, items[1]]}),
                shape,
            ),
            (
                "more records than places",
                sealed({**value, "categories": [{**items[0], "live": 99}, items[1]]}),
                shape,
            ),
            ("a link too many", sealed(value, [*links, links[0]]), shape),
            ("a link too few", sealed(value, links[:-1]), shape),
            ("a short anchor key", sealed({**value, "anchor_key": b"k"}), shape),
        ]

    def _records(self) -> list[tuple[str, Any, str]]:
        good = ["a/b.json", 1, NOW, "application/json", 7, 1, b"k" * 32]
        shape = "another shape"

        def changed(at: int, value: object) -> str:
            return dagcbor.encode([*good[:at], value, *good[at + 1 :]]).hex()

        return [
            ("a member too many", dagcbor.encode([*good, 1]).hex(), shape),
            ("a path upward", changed(0, "../b"), shape),
            ("an absolute path", changed(0, "/b"), shape),
            ("a path that reads otherwise", changed(0, "a\u202eb"), shape),
            ("an empty path", changed(0, ""), shape),
            ("a long path", changed(0, "a" * 257), shape),
            ("version zero", changed(1, 0), shape),
            ("a time that is a truth", changed(2, True), shape),
            ("no media type", changed(3, "json"), shape),
            ("a negative size", changed(4, -1), shape),
            ("chunks that do not fit the size", changed(5, 2), shape),
            ("a short key", changed(6, b"k"), shape),
        ]

    def _leaves(self) -> list[tuple[str, Any, str]]:
        good = dagcbor.decode(self.archive.log[1].leaf)

        def changed(**changes: object) -> str:
            return dagcbor.encode({**good, **changes}).hex()

        return [
            ("an unknown act", changed(act="sell"), ""),
            ("an unknown member", changed(x=1), "other members"),
            ("a negative number", changed(n=-1), "another form"),
            ("a short digest", changed(d=b"d"), "another form"),
            ("a time that is text", changed(at="now"), "another form"),
            ("too long", changed(act="p" * 300), "too long"),
        ]

    def _proofs(self) -> list[tuple[str, Any, str]]:
        good = json.loads(self.proof_text)
        unread, unsound = "not a proof", "does not hold"

        def text(value: object) -> str:
            return json.dumps(value, indent=2) + "\n"

        def changed(**changes: object) -> str:
            return text({**good, **changes})

        def in_(member: str, **changes: object) -> str:
            return text({**good, member: {**good[member], **changes}})

        zero = "0x" + "00" * 32
        return [
            ("another format", changed(format="mip.archive.proof/2"), unread),
            ("an unknown member", changed(more=1), unread),
            ("another spelling", self.proof_text.replace("\n  ", "\n   "), unread),
            ("no line feed at the end", self.proof_text.rstrip("\n"), unread),
            ("a root in capitals", changed(root=good["root"].upper()), unread),
            ("a short root", changed(root=good["root"][:-2]), unread),
            ("a long path", changed(path=good["path"] * 40), unread),
            ("a text for a number", changed(index="1"), unread),
            ("a broken address", in_("anchor", contract="0x12"), unread),
            ("another leaf", changed(leaf="0x00"), unsound),
            ("another index", changed(index=2), unsound),
            ("another size", changed(size=4), unsound),
            ("another root", changed(root=zero), unsound),
            ("a path reversed", changed(path=good["path"][::-1]), unsound),
            ("a path cut short", changed(path=good["path"][1:]), unsound),
            ("an earlier root of another log", in_("since", root=zero), unsound),
            ("an earlier size of another log", in_("since", size=2), unsound),
        ]

    def _cars(self) -> list[tuple[str, Any, str]]:
        whole = self.whole
        header = whole[0] + 1
        flipped = bytearray(whole)
        flipped[-1] ^= 1
        two = bytes.fromhex("a265726f6f747380") + bytes.fromhex("6776657273696f6e01")
        return [
            ("empty", "", "no header"),
            ("version 2", whole[: header - 1].hex() + "02" + whole[header:].hex(), "version 1"),
            ("no root", (bytes([len(two)]) + two).hex(), "version 1"),
            ("header past the end", b"\x7f\xa2".hex(), "ends in the middle"),
            ("a header too long", b"\xff\x7f".hex(), "no header"),
            ("a flipped bit", bytes(flipped).hex(), "is damaged"),
            ("cut in a block", whole[:-1].hex(), "ends in the middle"),
            ("cut in a length", (whole + b"\x80").hex(), "ends in the middle"),
            ("a block too long", (whole + b"\x80\x80\x80\x01").hex(), "too long"),
            ("a length in long form", (whole + b"\xa5\x00").hex(), "shortest form"),
            ("a length without end", (whole + b"\xff" * 9).hex(), "out of range"),
            ("a block too short", (whole + b"\x01\x01").hex(), "too short"),
        ]

    def _heads(self) -> list[tuple[str, Any, str]]:
        good = json.loads(self.head_text)

        def changed(**changes: object) -> str:
            return json.dumps({**good, **changes}, indent=2) + "\n"

        broken = "is damaged"
        return [
            ("another format", changed(format="mip.archive.head/2"), broken),
            ("an unknown member", changed(more=1), broken),
            ("a broken root", changed(root="b"), broken),
            ("commit zero", changed(commit=0), broken),
            ("a size that is text", changed(size="3"), broken),
            ("a short log root", changed(log_root="00"), broken),
            ("no store", changed(store=""), broken),
            ("another spelling", self.head_text.replace("\n", "\n\n"), broken),
        ]
