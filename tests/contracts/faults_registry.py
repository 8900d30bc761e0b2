"""Faults of registry, verifier and older examples: file, what stands there, the fault, tests."""

from __future__ import annotations

REGISTRY = "PassportRegistry.vy"
ENROLMENT = "modules/enrolment.vy"
PASSPORTS = "modules/passports.vy"
WINDOW = "modules/root_window.vy"
TREE = "modules/lean_tree.vy"
GATE = "modules/presentations.vy"
SIGNED = "modules/eip712.vy"
VERIFIER = "Groth16Verifier.vy"
CLAIM = "examples/PassportClaim.vy"
VOTE = "examples/PassportVote.vy"

FAULTS: dict[str, tuple[str, str, str, str]] = {
    "cool-down dropped": (
        REGISTRY,
        "record.updated_at + COOLDOWN",
        "record.updated_at",
        "registry",
    ),
    "leaf without its tag": (
        PASSPORTS,
        "leaf: uint256 = (digest + TAG_LEAF) % R",
        "leaf: uint256 = digest",
        "registry",
    ),
    "anchor not in the leaf": (
        PASSPORTS,
        "convert(anchor, uint256), keys_root, guardian_commitment\n    )\n    leaf",
        "0, keys_root, guardian_commitment\n    )\n    leaf",
        "registry",
    ),
    "guardians not in the leaf": (
        PASSPORTS,
        "convert(anchor, uint256), keys_root, guardian_commitment\n    )\n    leaf",
        "convert(anchor, uint256), keys_root, 1\n    )\n    leaf",
        "registry",
    ),
    "epoch stays": (
        REGISTRY,
        "            epoch=record.epoch + 1,\n            updated",
        "            epoch=record.epoch,\n            updated",
        "registry",
    ),
    "nonce is not asked for": (
        REGISTRY,
        'assert presentation.nonce == epoch, "registry: nonce is not the passport\'s epoch"',
        "pass",
        "recovery_attacks",
    ),
    "fast way changes the guardians": (
        REGISTRY,
        "leaf, new_keys_root, leaf.guardian_commitment, siblings)",
        "leaf, new_keys_root, new_keys_root, siblings)",
        "registry",
    ),
    "people replace keys at once": (
        GATE,
        "assert presentation.level == LEAF_LEVEL",
        "assert presentation.level >= LEAF_LEVEL",
        "registry",
    ),
    "anyone replaces leaves": (
        REGISTRY,
        'assert msg.sender == RECOVERY, "registry: sender is not the recovery contract"\n'
        "    passports",
        "passports",
        "recovery_attacks",
    ),
    "anyone freezes": (
        REGISTRY,
        'assert msg.sender == RECOVERY, "registry: sender is not the recovery contract"\n    key',
        "key",
        "recovery_attacks",
    ),
    "recovery cools the next update down": (
        REGISTRY,
        "updated_at=record.updated_at,\n            status=passports.ACTIVE",
        "updated_at=block.timestamp,\n            status=passports.ACTIVE",
        "holder_checks",
    ),
    "holder is believed without the tree": (
        REGISTRY,
        "    lean_tree._require_at(root_window._size(), record.index, hashed, siblings)\n",
        "",
        "holder_checks",
    ),
    "pseudonym of the asker": (
        GATE,
        "self._scope(app, purpose)",
        "self._scope(asker, purpose)",
        "holder_checks",
    ),
    "last sibling believed": (
        TREE,
        "if len(siblings) > height and poseidon2._c2(old_node, siblings[height]) == root:",
        "if len(siblings) > height:",
        "holder_checks",
    ),
    "last sibling of a small subtree": (
        TREE,
        "size >> height == 1 and size != 1 << height",
        "size != 1 << height",
        "holder_checks",
    ),
    "identity not checked for R": (
        PASSPORTS,
        "identity_commitment != 0 and identity_commitment < R",
        "identity_commitment != 0",
        "registry",
    ),
    "guardian commitment zero accepted": (
        PASSPORTS,
        "guardian_commitment != 0 and guardian_commitment < R",
        "guardian_commitment < R",
        "registry",
    ),
    "keys root zero accepted": (
        PASSPORTS,
        "keys_root != 0 and keys_root < R",
        "keys_root < R",
        "registry",
    ),
    "same passport twice": (
        ENROLMENT,
        'assert passports._records[key] == 0, "registry: passport is already enrolled"',
        "pass",
        "registry",
    ),
    "level one may replace keys": (
        GATE,
        'assert presentation.level == LEAF_LEVEL, "registry: level is not that of a leaf proof"',
        "pass",
        "registry",
    ),
    "revoked stays active": (
        REGISTRY,
        "old_leaf, passports.REVOKED, siblings)",
        "old_leaf, passports.ACTIVE, siblings)",
        "registry",
    ),
    "revocation leaves old roots": (
        REGISTRY,
        "        size,\n        True,\n",
        "        size,\n        False,\n",
        "window",
    ),
    "strict ignored": (REGISTRY, "    if strict:", "    if False:", "registry"),
    "update payload without the keys": (
        REGISTRY,
        "abi_encode(leaf.identity_commitment, leaf.anchor, new_keys_root)",
        "abi_encode(leaf.identity_commitment, leaf.anchor, leaf.keys_root)",
        "registry",
    ),
    "expiry off by one": (
        WINDOW,
        "if block.timestamp < (packed",
        "if block.timestamp <= (packed",
        "window",
    ),
    "voiding extends": (
        WINDOW,
        "            if end > latest:",
        "            if end != 0:",
        "window",
    ),
    "every root is a closing root": (
        WINDOW,
        "changed_at // BUCKET < block.timestamp // BUCKET",
        "changed_at <= block.timestamp",
        "window",
    ),
    "mark taken for the root": (WINDOW, " and self._ring[i] == root", "", "window"),
    "mark of the root before": (
        WINDOW,
        "marks = (marks & ~(_MARK_MASK << (8 * head))) |",
        "marks = marks |",
        "window",
    ),
    "ring of four": (WINDOW, "head = (head + 1) % RING", "head = (head + 1) % 4", "window"),
    "zero root accepted": (WINDOW, "return root != 0 and root", "return root", "registry"),
    "peak not written back": (
        TREE,
        "    self._peaks[height] = new_node\n    return self._fold",
        "    return self._fold",
        "registry",
    ),
    "peak not written back under the root": (
        TREE,
        "        self._peaks[height] = new_node\n        return poseidon2",
        "        return poseidon2",
        "holder_checks",
    ),
    "any old leaf": (
        TREE,
        "assert self._peaks[height] == old_node",
        "assert self._peaks[height] != 0",
        "registry",
    ),
    "batch forgets a peak": (
        TREE,
        "last & 1 == 1 and last > first:",
        "last & 1 == 1 and level > 0 and last > first:",
        "registry",
    ),
    "deadline inverted": (
        GATE,
        "assert block.timestamp <= presentation.deadline",
        "assert block.timestamp >= presentation.deadline",
        "registry",
    ),
    "no limit on the deadline": (
        GATE,
        "block.timestamp + MAX_DEADLINE\n",
        "max_value(uint256)\n",
        "registry",
    ),
    "nullifier zero accepted": (
        GATE,
        'assert presentation.nullifier != 0, "registry: nullifier is zero"',
        "pass",
        "registry",
    ),
    "proof not asserted": (
        GATE,
        "    assert staticcall IGroth16Verifier(VERIFIER).verify(",
        "    assert True or staticcall IGroth16Verifier(VERIFIER).verify(",
        "registry",
    ),
    "level not in the signal": (
        GATE,
        "(presentation.root + presentation.level) % R",
        "(presentation.root + 2) % R",
        "registry",
    ),
    "message without the asker": (
        GATE,
        "abi_encode(ACTION_TYPEHASH, chain.id, asker,",
        "abi_encode(ACTION_TYPEHASH, chain.id, self,",
        "registry",
    ),
    "high s accepted": (SIGNED, "s > MAX_S or ", "", "signatures"),
    "wallet's answer ignored": (
        SIGNED,
        "return ok and len(answer) == 32 and ",
        "return ok or ",
        "signatures",
    ),
    "signals not canonical": (
        VERIFIER,
        "        | convert(signals[1] >= R, uint256)\n",
        "",
        "verifier",
    ),
    "A.y not canonical": (VERIFIER, "        | convert(proof[1] >= P, uint256)\n", "", "verifier"),
    "pairing without a gas limit": (
        VERIFIER,
        "        max_outsize=32,\n        gas=PAIRING_GAS,\n",
        "        max_outsize=32,\n",
        "verifier",
    ),
    "gamma may equal delta": (
        VERIFIER,
        "assert gamma[0] != delta[0] or gamma[1] != delta[1]",
        "assert True",
        "verifier",
    ),
    "batch voids older roots": (
        ENROLMENT,
        "size + len(leaves), False)",
        "size + len(leaves), True)",
        "window",
    ),
    "revoked passport loses its epoch": (
        REGISTRY,
        "epoch=record.epoch, updated_at=record.updated_at, status=status",
        "epoch=0, updated_at=record.updated_at, status=status",
        "registry",
    ),
    "revoked passport loses its time": (
        REGISTRY,
        "epoch=record.epoch, updated_at=record.updated_at, status=status",
        "epoch=record.epoch, updated_at=0, status=status",
        "registry",
    ),
    "zero address signs everything": (
        SIGNED,
        "return recovered != empty(address) and recovered == signer",
        "return recovered == signer",
        "signatures",
    ),
    "wallet may revert with its yes": (
        SIGNED,
        "return ok and len(answer) == 32 and ",
        "return len(answer) == 32 and ",
        "signatures",
    ),
    "too little gas says no": (
        VERIFIER,
        '    assert msg.gas >= GAS_NEEDED, "verifier: too little gas"\n',
        "",
        "verifier",
    ),
    "vote not bound to its function": (
        VOTE,
        "keccak256(abi_encode(VOTE, choice))",
        "keccak256(abi_encode(choice))",
        "examples",
    ),
    "claim not bound to its function": (
        CLAIM,
        'keccak256(keccak256("claim()"))',
        'keccak256(b"")',
        "examples",
    ),
    "zero point accepted": (
        VERIFIER,
        "        | convert((proof[6] | proof[7]) == 0, uint256)\n",
        "",
        "verifier",
    ),
}


QUICK = {
    "leaf without its tag": "enroll__leaf_comes_from_the_sender",
    "revocation leaves old roots": "revocation_voids_too",
    "any old leaf": "update__reverts",
    "proof not asserted": "check__reverts",
    "level not in the signal": "check__reverts",
    "zero address signs everything": "nobody_signs_for_the_zero_address",
    "too little gas says no": "verify__too_little_gas__reverts",
    "vote not bound to its function": "proof_for_one_function__fails_for_another",
}
"""The most telling faults and the one test, a part of its name, that shall notice each."""
