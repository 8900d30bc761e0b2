"""Faults in the grants and their examples that their tests must notice."""

from __future__ import annotations

GRANTS, EPOCHS = "PermissionGrants.vy", "modules/epochs.vy"
LENDER, CLINIC = "examples/Lender.vy", "examples/Clinic.vy"
TESTS, EXAMPLES = "grants", "grantees"

FAULTS = {
    "grant to nobody": (
        GRANTS,
        "assert terms.grantee != empty(address)",
        "assert terms.grantee != self",
        TESTS,
    ),
    "grant of no category": (
        GRANTS,
        "assert terms.category != empty(bytes32)",
        "assert terms.category != keccak256(NAME)",
        TESTS,
    ),
    "grant without receipt": (
        GRANTS,
        "assert terms.receipt != empty(bytes32)",
        "assert terms.receipt != keccak256(NAME)",
        TESTS,
    ),
    "grant of a level beyond": (
        GRANTS,
        "assert terms.level <= MAX_LEVEL",
        "assert terms.level <= MAX_LEVEL + 1",
        TESTS,
    ),
    "grant of no use": (
        GRANTS,
        "assert terms.uses != 0 and terms.uses",
        "assert terms.uses",
        TESTS,
    ),
    "grant of uses that spill over": (
        GRANTS,
        "terms.uses <= USES_MASK,",
        "terms.uses <= USES_MASK + 1,",
        TESTS,
    ),
    "grant that is over": (
        GRANTS,
        "assert block.timestamp < terms.expires",
        "assert block.timestamp <= terms.expires",
        TESTS,
    ),
    "grant for too long": (
        GRANTS,
        "assert terms.expires <= block.timestamp + MAX_LIFETIME,",
        "assert terms.expires <= block.timestamp + MAX_LIFETIME + 1,",
        TESTS,
    ),
    "grant in an epoch that spills over": (
        GRANTS,
        "assert epoch < EPOCH_END",
        "assert epoch <= EPOCH_END",
        TESTS,
    ),
    "grant again and again": (
        GRANTS,
        "    self.sequence_of[nullifier][category] = sequence\n",
        "",
        TESTS,
    ),
    "grant of any nonce": (
        GRANTS,
        "assert nonce == sequence",
        "assert nonce >= sequence",
        TESTS,
    ),
    "grant of an older nonce": (
        GRANTS,
        "assert nonce == sequence",
        "assert nonce <= sequence",
        TESTS,
    ),
    "sequence of all categories": (
        GRANTS,
        "sequence: uint256 = self._next(nullifier, terms.category, presentation.nonce)",
        "sequence: uint256 = self._next(nullifier, empty(bytes32), presentation.nonce)",
        TESTS,
    ),
    "grant with one kind of key": (
        GRANTS,
        "PROOF_LEVEL: constant(uint256) = 2",
        "PROOF_LEVEL: constant(uint256) = 1",
        TESTS,
    ),
    "grant by anybody's proof": (
        GRANTS,
        "grantee, purpose, payload, PROOF_LEVEL, False, presentation",
        "self, purpose, payload, PROOF_LEVEL, False, presentation",
        TESTS,
    ),
    "grant not bound to its terms": (
        GRANTS,
        "abi_encode(GRANT_TYPEHASH, terms, epoch, sequence)",
        "abi_encode(GRANT_TYPEHASH, epoch, sequence)",
        TESTS,
    ),
    "grant not bound to the epoch": (
        GRANTS,
        "abi_encode(GRANT_TYPEHASH, terms, epoch, sequence)",
        "abi_encode(GRANT_TYPEHASH, terms, empty(uint256), sequence)",
        TESTS,
    ),
    "grant not bound to the sequence": (
        GRANTS,
        "abi_encode(GRANT_TYPEHASH, terms, epoch, sequence)",
        "abi_encode(GRANT_TYPEHASH, terms, epoch, convert(1, uint256))",
        TESTS,
    ),
    "digest of any chain": (
        GRANTS,
        "keccak256(VERSION), chain.id, self)",
        "keccak256(VERSION), convert(31337, uint256), self)",
        TESTS,
    ),
    "digest of any deployment": (
        GRANTS,
        "keccak256(VERSION), chain.id, self)",
        "keccak256(VERSION), chain.id, REGISTRY.address)",
        TESTS,
    ),
    "grant of the epoch before": (
        GRANTS,
        "| (epoch << EPOCH_AT)",
        "| (epoch >> 1 << EPOCH_AT)",
        TESTS,
    ),
    "grant keeps the first receipt": (
        GRANTS,
        "    self._receipts[nullifier][terms.category] = terms.receipt\n",
        "    if self._receipts[nullifier][terms.category] == empty(bytes32):\n"
        "        self._receipts[nullifier][terms.category] = terms.receipt\n",
        TESTS,
    ),
    "pseudonym of the registry ignored": (
        GRANTS,
        "assert nullifier == presentation.nullifier",
        "assert nullifier != 0",
        EXAMPLES,
    ),
    "revocation that ends nothing": (
        GRANTS,
        "    self._clear(nullifier, category)\n    log IPermissionGrants.GrantRevoked",
        "    log IPermissionGrants.GrantRevoked",
        TESTS,
    ),
    "revocation not bound to the grantee": (
        GRANTS,
        "abi_encode(REVOKE, grantee, purpose, category)",
        "abi_encode(REVOKE, self, purpose, category)",
        TESTS,
    ),
    "revocation not bound to the category": (
        GRANTS,
        "abi_encode(REVOKE, grantee, purpose, category)",
        "abi_encode(REVOKE, grantee, purpose)",
        TESTS,
    ),
    "receipt outlives its grant": (
        GRANTS,
        "    self._receipts[nullifier][category] = empty(bytes32)\n",
        "",
        TESTS,
    ),
    "renounced by anybody": (
        GRANTS,
        "    assert word & GRANTEE_MASK == convert(msg.sender, uint256), "
        '"grants: sender is not the grantee"\n    self._clear',
        "    self._clear",
        TESTS,
    ),
    "renounced where nothing was granted": (
        GRANTS,
        '    assert word != 0, "grants: nothing is granted"\n'
        "    assert word & GRANTEE_MASK == convert(msg.sender, uint256), "
        '"grants: sender is not the grantee"\n    self._clear',
        "    assert word & GRANTEE_MASK == convert(msg.sender, uint256), "
        '"grants: sender is not the grantee"\n    self._clear',
        TESTS,
    ),
    "use without end": (
        GRANTS,
        "    self._grants[nullifier][category] = left\n",
        "",
        TESTS,
    ),
    "use of nothing": (
        GRANTS,
        '    assert (word >> USES_AT) & USES_MASK != 0, "grants: grant is used up"\n',
        "",
        TESTS,
    ),
    "use by anybody": (
        GRANTS,
        "    assert word & GRANTEE_MASK == convert(msg.sender, uint256), "
        '"grants: sender is not the grantee"\n    assert block',
        "    assert block",
        TESTS,
    ),
    "use after expiry": (
        GRANTS,
        "assert block.timestamp < (word >> EXPIRES_AT)",
        "assert block.timestamp <= (word >> EXPIRES_AT)",
        TESTS,
    ),
    "use of a level beyond": (
        GRANTS,
        "assert level <= (word >> LEVEL_AT) & LEVEL_MASK,",
        "assert level <= ((word >> LEVEL_AT) & LEVEL_MASK) + 1,",
        TESTS,
    ),
    "revoke by what voids": (
        GRANTS,
        "grantee, purpose, keccak256(abi_encode(REVOKE, grantee, purpose, category)), presentation",
        "grantee, purpose, "
        'keccak256(abi_encode(keccak256("advance(address,bytes32)"), grantee, purpose)), '
        "presentation",
        TESTS,
    ),
    "use after it was voided": (
        GRANTS,
        "assert epochs.epoch_of[nullifier] == word >> EPOCH_AT",
        "assert epochs.epoch_of[nullifier] >= word >> EPOCH_AT",
        TESTS,
    ),
    "allowed after it was voided": (
        GRANTS,
        "        and epochs.epoch_of[nullifier] == word >> EPOCH_AT\n",
        "",
        TESTS,
    ),
    "allowed after expiry": (
        GRANTS,
        "        and block.timestamp < (word >> EXPIRES_AT) & EXPIRES_MASK\n",
        "",
        TESTS,
    ),
    "allowed without a use left": (
        GRANTS,
        "        and (word >> USES_AT) & USES_MASK != 0\n",
        "",
        TESTS,
    ),
    "allowed to anybody": (
        GRANTS,
        "        word & GRANTEE_MASK == convert(grantee, uint256)\n        and block",
        "        block",
        TESTS,
    ),
    "allowed at any level": (
        GRANTS,
        "        and level <= (word >> LEVEL_AT) & LEVEL_MASK\n",
        "",
        TESTS,
    ),
    "grants of a registry without code": (
        EPOCHS,
        "assert registry.is_contract",
        "assert registry != empty(address)",
        TESTS,
    ),
    "event of another sequence": (
        GRANTS,
        "        epoch=epoch,\n        sequence=sequence,\n",
        "        epoch=epoch,\n        sequence=sequence - 1,\n",
        TESTS,
    ),
    "lender asks for less than it opens": (
        LENDER,
        "WITHOUT_IDENTITY: constant(uint256) = 2",
        "WITHOUT_IDENTITY: constant(uint256) = 1",
        EXAMPLES,
    ),
    "lender lends to any amount": (
        LENDER,
        "abi_encode(APPLY, amount)",
        "abi_encode(APPLY, empty(uint256))",
        EXAMPLES,
    ),
    "lender's decision by anybody": (
        LENDER,
        '    assert msg.sender == OPERATOR, "lender: sender is not the operator"\n    application',
        "    application",
        EXAMPLES,
    ),
    "clinic asks for less than it opens": (
        CLINIC,
        "WHOLE_RECORDS: constant(uint256) = 3",
        "WHOLE_RECORDS: constant(uint256) = 2",
        EXAMPLES,
    ),
    "clinic's visit by anybody": (
        CLINIC,
        '    assert msg.sender == OPERATOR, "clinic: sender is not the operator"\n    assert self',
        "    assert self",
        EXAMPLES,
    ),
    "clinic's key by anybody": (
        CLINIC,
        '    assert msg.sender == OPERATOR, "clinic: sender is not the operator"\n'
        "    self.grantee_key",
        "    self.grantee_key",
        EXAMPLES,
    ),
}
"""Name: source, what it says, what the fault makes of it, the tests that shall notice."""

QUICK = {
    "grant of any nonce": "grant__serves_once",
    "grant not bound to the epoch": "epoch__advance_voids",
    "revoke by what voids": "presentation__of_another_act",
    "use after it was voided": "grant__extremes_fit_in_a_word",
    "renounced by anybody": "renounce__by_the_grantee_alone",
}
"""The most telling faults and the one test, a part of its name, that shall notice each."""
