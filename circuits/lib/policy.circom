// Proves that claims satisfy predicates, and what policy these are.
//
// Public: none of its own.
// Private: each template's inputs.
// Assumes: Policy: `required` at most 4 by the caller. The verifier's policy is well-formed:
//          intervals of numbers below 2^120, slots below 14, kinds 1 to 15. `entry` holds what the issuer signed (below 2^124) and the dates.
// Cost: Predicate 1,070 at (3), Policy 978.
pragma circom 2.2.0;

include "poseidon2.circom";
include "quad.circom";
include "range.circom";

function TAG_POLICY() { return 0x6d69702e706f6c6963792f31; }  // mip.policy/1

// One of the entries, typed, lies in one interval of a set; with `relative`, today minus it does.
// An interval is low + 2^128 * count: a missing one, 0, has no members. Both distances are ranged,
// so the value is a number below 2^120 whatever the type: an absent entry, 0, is out of range.
template Predicate(SET_LEVELS) {
    signal input entry[16];
    signal input today;
    signal input use;
    signal input slotBit[4];
    signal input kind;
    signal input relative;
    signal input root;
    signal input spare;
    signal input value;
    signal input low;
    signal input count;
    signal input child[SET_LEVELS][4];
    signal output word;

    use * (use - 1) === 0;
    relative * (relative - 1) === 0;
    component kindRange = Unsigned(4);
    kindRange.value <== kind;

    // the entry of the slot
    signal level0[8];
    signal level1[4];
    signal level2[2];
    var slot = 0;
    for (var i = 0; i < 4; i++) {
        slotBit[i] * (slotBit[i] - 1) === 0;
        slot += slotBit[i] * (1 << i);
    }
    for (var i = 0; i < 8; i++) {
        level0[i] <== entry[2 * i] + slotBit[0] * (entry[2 * i + 1] - entry[2 * i]);
    }
    for (var i = 0; i < 4; i++) {
        level1[i] <== level0[2 * i] + slotBit[1] * (level0[2 * i + 1] - level0[2 * i]);
    }
    for (var i = 0; i < 2; i++) {
        level2[i] <== level1[2 * i] + slotBit[2] * (level1[2 * i + 1] - level1[2 * i]);
    }
    signal found <== level2[0] + slotBit[3] * (level2[1] - level2[0]);
    word <== slot + 16 * kind + 256 * relative;

    // its value, of the kind asked for
    signal plain <== found - kind * (1 << 120);
    signal seen <== plain + relative * (today - 2 * plain);
    use * (seen - value) === 0;

    // an interval around it, the spare one or one of the set
    component above = Unsigned(120);
    above.value <== value - low;
    component below = Unsigned(120);
    below.value <== count - 1 - (value - low);
    signal interval <== low + count * (1 << 128);
    component set = QuadMember(SET_LEVELS);
    set.leaf <== interval;
    set.child <== child;
    signal elsewhere <== (interval - spare) * (set.root - root);
    use * elsewhere === 0;
}

// What the verifier asked for: any change of it is another hash.
template Policy() {
    signal input word[4];
    signal input root[4];
    signal input spare[4];
    signal input required;
    signal input schema;
    signal input issuer;
    signal input accepted[11];
    signal output out;

    component acceptedRange[11];
    signal miss[11];
    var terms = required * (1 << 64);
    for (var i = 0; i < 4; i++) {
        terms += word[i] * (1 << (16 * i));
    }
    for (var i = 0; i < 11; i++) {
        acceptedRange[i] = Unsigned(16);
        acceptedRange[i].value <== accepted[i];
        terms += accepted[i] * (1 << (67 + 16 * i));
        miss[i] <== (i == 0 ? 1 : miss[i - 1]) * (issuer - accepted[i]);
    }
    miss[10] === 0;
    signal roots <== Poseidon2Compress(4)(root);
    signal spares <== Poseidon2Compress(4)(spare);
    signal hash <== Poseidon2Compress(4)([roots, spares, terms, schema]);
    out <== hash + TAG_POLICY();
}
