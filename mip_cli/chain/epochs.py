"""The epochs of pseudonyms, which PermissionGrants counts, as Python values: section 13."""

from __future__ import annotations

from mip_cli.chain.abi import address_word, topic
from mip_cli.chain.contract import BoundContract
from mip_cli.chain.presentations import PRESENTATION, encode_presentation, purpose_hash
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256, word
from mip_cli.models import Presentation

ADVANCED = topic("EpochAdvanced(uint256,uint256)")
_ADVANCE = keccak256(b"advance(address,bytes32)")


def advance_payload(app: str, purpose: str) -> bytes:
    """Return what the proof of ``advance`` is bound to; its nonce is the present epoch."""
    return keccak256(_ADVANCE + address_word(app) + purpose_hash(purpose))


class PseudonymEpochs(BoundContract):
    """Reads and advances the counters of pseudonyms."""

    def epoch_of(self, nullifier: int) -> int:
        """Return how often the holder of a pseudonym voided what he had granted under it."""
        return self._words("epoch_of(uint256)", word(nullifier), 1)[0]

    def advance(self, app: str, purpose: str, presentation: Presentation) -> Call:
        """Build the end of everything granted so far under the pseudonym at an app."""
        data = address_word(app) + purpose_hash(purpose) + encode_presentation(presentation)
        return self._call(f"advance(address,bytes32,{PRESENTATION})", data)
