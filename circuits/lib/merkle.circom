// Proves that DEPTH or fewer compressions lead from a leaf to a root (LeanIMT of width 2).
//
// Public: none of its own.
// Private: leaf; per level left, right (the operands) and node (what goes up).
// Assumes: no other object hashes like an inner node: the leaf carries a tag outside its hash.
// Cost: 218 a level.
pragma circom 2.2.0;

include "poseidon2.circom";

// A level combines the node with a sibling, on either side, or passes it on. There is no index bit
// that could fail to be boolean, and the inputs are plain witness: no value is computed by a hint.
template MerkleRoot(DEPTH) {
    signal input leaf;
    signal input left[DEPTH];
    signal input right[DEPTH];
    signal input node[DEPTH];
    signal output root;

    component parent[DEPTH];
    var current = leaf;
    for (var i = 0; i < DEPTH; i++) {
        (left[i] - current) * (right[i] - current) === 0;
        parent[i] = Poseidon2Compress(2);
        parent[i].in <== [left[i], right[i]];
        (node[i] - current) * (node[i] - parent[i].out) === 0;
        current = node[i];
    }
    root <== current;
}
