// Proves out = Poseidon(TAG_NULLIFIER, secret, anchor, scope), the holder's pseudonym in a scope.
//
// Public: none of its own; callers publish scope and out.
// Private: secret, anchor.
// Assumes: secret and anchor are those of a registered leaf; the verifier refuses scope 0 and
//          nullifier 0 (the circuit cannot meet the second but by a preimage of 0).
// Cost: 294.
pragma circom 2.2.0;

include "poseidon.circom";

function TAG_NULLIFIER() { return 0x6d69702e6e756c6c69666965722f31; }  // mip.nullifier/1

template Nullifier() {
    signal input secret;
    signal input anchor;
    signal input scope;
    signal output out <== Poseidon(4)([TAG_NULLIFIER(), secret, anchor, scope]);
}
