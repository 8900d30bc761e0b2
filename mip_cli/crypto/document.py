"""The hash of a face on an identity document; protocol section 21."""

from __future__ import annotations

from collections.abc import Sequence

from mip_cli.crypto.commitments import MAX_CHUNK, pack_template
from mip_cli.crypto.field import require_canonical
from mip_cli.crypto.poseidon import poseidon

TAG_DOCUMENT = int.from_bytes(b"mip.document/1", "big")


def document_hash(values: Sequence[int], salt: int, spec_id: int) -> int:
    """Hash the template of a document's photo; raise ``ValueError`` for one of too many bytes."""
    require_canonical(salt, "salt")
    packed = pack_template(values)
    if not 0 <= spec_id < 1 << 120 or len(packed) > MAX_CHUNK:
        raise ValueError("a document's face has a spec of 120 bits and at most 434 coordinates")
    return poseidon(TAG_DOCUMENT + (spec_id << 128), *packed, salt)
