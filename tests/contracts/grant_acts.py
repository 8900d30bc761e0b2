"""Holders who grant, and grantees who use it, on the contracts under titanoboa."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import boa
from deployment import Deployment, account, now, payload_of, refusal, words
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils import keccak
from model import Presentation

PURPOSE = "lend on my finance records"
FINANCE, HEALTH = keccak(text="finance"), keccak(text="health")
GRANTEE, STRANGER = account(41), account(42)
NULLIFIER = 10**70
DAY = 24 * 60 * 60
MAX_LIFETIME = 366 * DAY
ZERO = "0x" + "00" * 20
NOT_VALID = "registry: proof is not valid"
STALE = "grants: nonce is not the next sequence"
NONE = "grants: nothing is granted"
FOREIGN = "grants: sender is not the grantee"
EXPIRED = "grants: grant has expired"
USED_UP = "grants: grant is used up"
TOO_HIGH = "grants: level is not granted"
VOIDED = "grants: grant was voided by its holder"
GRANT_FIELDS = (
    *(("grantee", "address"), ("purpose", "bytes32"), ("category", "bytes32")),
    *(("level", "uint256"), ("expires", "uint256"), ("uses", "uint256"), ("receipt", "bytes32")),
    *(("epoch", "uint256"), ("sequence", "uint256")),
)


@dataclass(frozen=True)
class Terms:
    """The calldata struct of the same name, the purpose in words."""

    grantee: str = GRANTEE
    purpose: str = PURPOSE
    category: bytes = FINANCE
    level: int = 2
    expires: int = field(default_factory=lambda: now() + 30 * DAY)
    uses: int = 3
    receipt: bytes = keccak(b"a receipt")

    def abi(self) -> tuple[object, ...]:
        """Return the struct as the ABI encoder takes it."""
        values = [getattr(self, name) for name in self.__dataclass_fields__]
        values[1] = keccak(text=self.purpose)
        return tuple(values)


def typed_grant(
    chain_id: int, contract: str, terms: Terms, epoch: int, sequence: int
) -> dict[str, Any]:
    """Return the EIP-712 document of a grant, as a wallet would show it."""
    domain = (("name", "string"), ("version", "string"), ("chainId", "uint256"))
    return {
        "types": {
            "EIP712Domain": [
                *({"name": name, "type": kind} for name, kind in domain),
                {"name": "verifyingContract", "type": "address"},
            ],
            "Grant": [{"name": name, "type": kind} for name, kind in GRANT_FIELDS],
        },
        "primaryType": "Grant",
        "domain": {
            "name": "MIP PermissionGrants",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": contract,
        },
        "message": dict(
            zip((n for n, _ in GRANT_FIELDS), (*terms.abi(), epoch, sequence), strict=True)
        ),
    }


def digest_of(document: dict[str, Any]) -> bytes:
    """Return the digest that a wallet signs."""
    return bytes(_hash_eip191_message(encode_typed_data(full_message=document)))


@dataclass
class Grants:
    """The contract of grants beside the suite, with one passport enrolled."""

    suite: Deployment
    contract: Any = None

    def __post_init__(self) -> None:
        self.contract = self.suite.grants
        self.suite.enroll(1)

    @property
    def address(self) -> str:
        """Where the contract is."""
        return str(self.contract.address)

    def epoch(self, nullifier: int = NULLIFIER) -> int:
        """Return a pseudonym's present epoch."""
        return int(self.contract.epoch_of(nullifier))

    def next(self, nullifier: int = NULLIFIER, category: bytes = FINANCE) -> int:
        """Return the number of the holder's next act."""
        return int(self.contract.sequence_of(nullifier, category)) + 1

    def shown(
        self,
        terms: Terms,
        *,
        epoch: int | None = None,
        sequence: int | None = None,
        contract: str | None = None,
        chain_id: int = 31337,
        **changes: Any,
    ) -> Presentation:
        """Prove a grant; ``contract`` and ``chain_id`` change the digest alone."""
        nullifier = changes.setdefault("nullifier", NULLIFIER)
        sequence = self.next(nullifier, terms.category) if sequence is None else sequence
        epoch = self.epoch(nullifier) if epoch is None else epoch
        payload = digest_of(typed_grant(chain_id, contract or self.address, terms, epoch, sequence))
        changes = {"nonce": sequence, "app": terms.grantee, **changes}
        return self.suite.presentation(self.address, terms.purpose, payload, **changes)

    def shown_revoke(
        self,
        grantee: str = GRANTEE,
        purpose: str = PURPOSE,
        category: bytes = FINANCE,
        *,
        signature: str = "revoke(address,bytes32,bytes32)",
        **changes: Any,
    ) -> Presentation:
        """Prove the end of a grant."""
        nullifier = changes.setdefault("nullifier", NULLIFIER)
        packed = words(int(grantee, 16)) + keccak(text=purpose) + category
        payload = keccak(keccak(text=signature) + packed)
        changes = {"nonce": self.next(nullifier, category), "app": grantee, **changes}
        return self.suite.presentation(self.address, purpose, payload, **changes)

    def grant(self, terms: Terms, shown: Presentation | None = None, **changes: Any) -> str | None:
        """Send a grant; return the reason it is refused for."""
        presented = (shown or self.shown(terms, **changes)).abi()
        return refusal(lambda: self.contract.grant(terms.abi(), presented, sender=account(66)))

    def revoke(
        self,
        shown: Presentation | None = None,
        grantee: str = GRANTEE,
        purpose: str = PURPOSE,
        category: bytes = FINANCE,
        **changes: Any,
    ) -> str | None:
        """Send the end of a grant; return the reason it is refused for."""
        presented = (shown or self.shown_revoke(grantee, purpose, category, **changes)).abi()
        hashed = keccak(text=purpose)
        return refusal(
            lambda: self.contract.revoke(grantee, hashed, category, presented, sender=account(66))
        )

    def renounce(
        self, by: str = GRANTEE, nullifier: int = NULLIFIER, category: bytes = FINANCE
    ) -> str | None:
        """Give a grant back."""
        return refusal(lambda: self.contract.renounce(nullifier, category, sender=by))

    def use(
        self,
        level: int = 2,
        by: str = GRANTEE,
        nullifier: int = NULLIFIER,
        category: bytes = FINANCE,
        access: bytes = keccak(b"an access"),
    ) -> str | None:
        """Use a grant; a check and ``allowed`` before must have told the same."""
        told = refusal(lambda: self.contract.check(nullifier, category, level, sender=by))
        assert self.contract.allowed(by, nullifier, category, level) is (told is None)
        found = refusal(lambda: self.contract.use(nullifier, category, level, access, sender=by))
        assert found == told
        return found

    def shown_advance(self, terms: Terms, nullifier: int = NULLIFIER) -> Presentation:
        """Prove the end of everything granted so far under a pseudonym."""
        packed = words(int(terms.grantee, 16)) + keccak(text=terms.purpose)
        return self.suite.presentation(
            self.address,
            terms.purpose,
            keccak(keccak(text="advance(address,bytes32)") + packed),
            app=terms.grantee,
            nonce=self.epoch(nullifier),
            nullifier=nullifier,
        )

    def advance(self, terms: Terms | None = None, nullifier: int = NULLIFIER) -> None:
        """Void everything granted so far under a pseudonym."""
        terms = terms or Terms()
        self.send_advance(terms, self.shown_advance(terms, nullifier))

    def send_advance(self, terms: Terms, shown: Presentation) -> None:
        """Send what voids; a refusal is raised."""
        self.contract.advance(terms.grantee, keccak(text=terms.purpose), shown.abi())

    def state(self, nullifier: int = NULLIFIER, category: bytes = FINANCE) -> tuple[Any, ...]:
        """Return what is noted, the sequence left out."""
        found = tuple(self.contract.grant_of(nullifier, category))
        return (*found[:5], found[6])

    def set_epoch(self, epoch: int, nullifier: int = NULLIFIER) -> None:
        """Write an epoch into storage: nobody advances one two hundred million times here."""
        layout = self.contract.compiler_data.storage_layout["storage_layout"]
        place = words(int(layout["epochs"]["epoch_of"]["slot"]), nullifier)
        slot = int.from_bytes(keccak(place), "big")
        boa.env.set_storage(self.contract.address, slot, epoch)
        assert self.epoch(nullifier) == epoch


NOTHING = ("0x" + "00" * 20, 0, 0, 0, 0, bytes(32))
"""What ``Grants.state`` tells without a grant."""


def plus_one(address: str) -> str:
    return "0x" + (int(address, 16) + 1).to_bytes(20, "big").hex()


def rolled_back(act: Callable[[], str | None]) -> str | None:
    """Return what an act answers, and undo it."""
    with boa.env.anchor():
        return act()


def changed(shown: Presentation, **values: Any) -> Presentation:
    """Change what is presented after the proof was made."""
    return replace(shown, **values)


def for_app(
    suite: Deployment, app: Any, purpose: str, signature: str, *arguments: int, **changes: Any
) -> Presentation:
    """Present oneself to an app."""
    return suite.presentation(app.address, purpose, payload_of(signature, *arguments), **changes)
