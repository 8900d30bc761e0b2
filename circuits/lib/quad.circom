// Proves where values stand, or that none stands there, in trees of C4 with a fixed number of levels.
//
// Public: none of its own.
// Private: leaf; per level child (the four operands), from the leaf upward; bit (the position, two a
//          level, low first); node (what goes up, in QuadAbsence).
// Assumes: an empty place and an empty subtree are 0; no leaf is 0; the depth is the same for all
//          paths, so that leaves and inner nodes are never taken for each other.
// Cost: QuadMember 267 a level, QuadPath 269, QuadAbsence 270.
pragma circom 2.2.0;

include "poseidon2.circom";

// The operand at a place of four, and the hash of all.
template QuadStep() {
    signal input child[4];
    signal input low;
    signal input high;
    signal output picked;
    signal output parent;
    signal first <== child[0] + low * (child[1] - child[0]);
    signal second <== child[2] + low * (child[3] - child[2]);
    picked <== first + high * (second - first);
    parent <== Poseidon2Compress(4)(child);
}

// The leaf stands somewhere under the root.
template QuadMember(LEVELS) {
    signal input leaf;
    signal input child[LEVELS][4];
    signal output root;
    signal left[LEVELS];
    signal right[LEVELS];
    component parent[LEVELS];
    var current = leaf;
    for (var i = 0; i < LEVELS; i++) {
        left[i] <== (child[i][0] - current) * (child[i][1] - current);
        right[i] <== (child[i][2] - current) * (child[i][3] - current);
        left[i] * right[i] === 0;
        parent[i] = Poseidon2Compress(4);
        parent[i].in <== child[i];
        current = parent[i].out;
    }
    root <== current;
}

// The leaf stands at the position under the root.
template QuadPath(LEVELS) {
    signal input leaf;
    signal input child[LEVELS][4];
    signal input bit[2 * LEVELS];
    signal output position;
    signal output root;
    component step[LEVELS];
    var current = leaf;
    var sum = 0;
    for (var i = 0; i < LEVELS; i++) {
        step[i] = QuadStep();
        step[i].child <== child[i];
        step[i].low <== bit[2 * i];
        step[i].high <== bit[2 * i + 1];
        step[i].picked === current;
        current = step[i].parent;
    }
    for (var i = 0; i < 2 * LEVELS; i++) {
        bit[i] * (bit[i] - 1) === 0;
        sum += bit[i] * (1 << i);
    }
    position <== sum;
    root <== current;
}

// Nothing stands at the position under the root. What goes up may be 0 anywhere: then a subtree is
// empty, and the operands above must say so.
template QuadAbsence(LEVELS) {
    signal input child[LEVELS][4];
    signal input node[LEVELS];
    signal input bit[2 * LEVELS];
    signal output position;
    signal output root;
    component step[LEVELS];
    var current = 0;
    var sum = 0;
    for (var i = 0; i < LEVELS; i++) {
        step[i] = QuadStep();
        step[i].child <== child[i];
        step[i].low <== bit[2 * i];
        step[i].high <== bit[2 * i + 1];
        current - step[i].picked === 0;
        node[i] * (node[i] - step[i].parent) === 0;
        current = node[i];
    }
    for (var i = 0; i < 2 * LEVELS; i++) {
        bit[i] - bit[i] * bit[i] === 0;
        sum += bit[i] * (1 << i);
    }
    position <== sum;
    root <== current;
}
