// Proves the openings of a passport's commitments, as docs/protocol.md section 2 defines them.
//
// Public: none of its own.
// Private: each template's inputs.
// Assumes: LongCommitment: every coordinate ranged to 8 bits by the caller, else packing aliases;
//          usePeople and asTwin boolean.
// Cost: IdentityCommitment 237, ShortCommitment 241, KeysRoot 264, Leaf 264,
//       LongCommitment 387 (128 coordinates), 1164 (512 coordinates).
pragma circom 2.2.0;

include "poseidon.circom";
include "poseidon2.circom";

// The tag constants are the ASCII texts beside them; a unit test compares them with Python's.
function TAG_IDENTITY() { return 0x6d69702e6964656e746974792f31; }  // mip.identity/1
function TAG_FACE() { return 0x6d69702e666163652f31; }  // mip.face/1
function TAG_PASSWORD() { return 0x6d69702e70617373776f72642f31; }  // mip.password/1
function TAG_TWIN() { return 0x6d69702e7477696e2f31; }  // mip.twin/1
function TAG_GUARDIAN() { return 0x6d69702e677561726469616e2f31; }  // mip.guardian/1
function TAG_KEYS() { return 0x6d69702e6b6579732f31; }  // mip.keys/1
function TAG_LEAF() { return 0x6d69702e6c6561662f31; }  // mip.leaf/1

template IdentityCommitment() {
    signal input secret;
    signal output out <== Poseidon(2)([TAG_IDENTITY(), secret]);
}

// The password commitment of `stretched`, or with usePeople the guardian commitment of `peopleKey`:
// a proof opens one of the two, so one hash serves both.
template ShortCommitment() {
    signal input usePeople;
    signal input stretched;
    signal input peopleKey;
    signal opening <== stretched + usePeople * (peopleKey - stretched);
    var TAG = TAG_PASSWORD() + usePeople * (TAG_GUARDIAN() - TAG_PASSWORD());
    signal output out <== Poseidon(2)([TAG, opening]);
}

// The face commitment of `coordinates` and `salt`, or with asTwin the twin commitment of
// `stretched`, which has the face's outermost hash with another tag and zeros behind.
// Coordinates a_i in [-128, 127] as bytes a_i + 128, 31 to an element, first byte least significant.
template LongCommitment(DIMENSION, SPEC_ID) {
    assert(SPEC_ID < (1 << 120));
    var BYTES = 31;
    var CHUNK = 14;
    var TAG = TAG_FACE() + (SPEC_ID << 128);
    var PACKED = (DIMENSION + BYTES - 1) \ BYTES;

    signal input coordinates[DIMENSION];
    signal input salt;
    signal input asTwin;
    signal input stretched;
    signal output out;

    signal packed[PACKED];
    for (var j = 0; j < PACKED; j++) {
        var sum = 0;
        for (var i = 0; i < BYTES && BYTES * j + i < DIMENSION; i++) {
            sum += (coordinates[BYTES * j + i] + 128) * (1 << (8 * i));
        }
        packed[j] <== sum;
    }

    var DIGESTS = PACKED > CHUNK ? (PACKED + CHUNK - 1) \ CHUNK : PACKED;
    component chunk[DIGESTS];
    signal digest[DIGESTS];
    for (var j = 0; j < DIGESTS; j++) {
        if (PACKED > CHUNK) {
            var SIZE = j < DIGESTS - 1 ? CHUNK : PACKED - CHUNK * j;
            chunk[j] = Poseidon(SIZE + 1);
            chunk[j].inputs[0] <== TAG;
            for (var i = 0; i < SIZE; i++) {
                chunk[j].inputs[i + 1] <== packed[CHUNK * j + i];
            }
            digest[j] <== chunk[j].out;
        } else {
            digest[j] <== packed[j];
        }
    }

    component hash = Poseidon(DIGESTS + 2);
    hash.inputs[0] <== TAG + asTwin * (TAG_TWIN() - TAG);
    for (var j = 0; j < DIGESTS; j++) {
        var twin = j == 0 ? stretched : 0;
        hash.inputs[j + 1] <== digest[j] + asTwin * (twin - digest[j]);
    }
    hash.inputs[DIGESTS + 1] <== salt - asTwin * salt;
    out <== hash.out;
}

template KeysRoot() {
    signal input face;
    signal input password;
    signal input twin;
    signal input salt;
    signal output out;
    signal hash <== Poseidon2Compress(4)([face, password, twin, salt]);
    out <== hash + TAG_KEYS();
}

template Leaf() {
    signal input identity;
    signal input anchor;
    signal input keysRoot;
    signal input guardian;
    signal output out;
    signal hash <== Poseidon2Compress(4)([identity, anchor, keysRoot, guardian]);
    out <== hash + TAG_LEAF();
}
