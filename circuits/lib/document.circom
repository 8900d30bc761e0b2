// Proves the opening of a document hash, as docs/protocol.md section 21 defines it.
//
// Public: none of its own.
// Private: coordinates[DIMENSION] (template of the photo on a document), salt.
// Assumes: every coordinate ranged to 8 bits by the caller, else packing aliases.
// Cost: DocumentHash 378 (128 coordinates).
pragma circom 2.2.0;

include "poseidon.circom";

function TAG_DOCUMENT() { return 0x6d69702e646f63756d656e742f31; }  // mip.document/1
function TAG_DOCUMENT_POLICY() { return 0x6d69702e706f6c6963792e646f63756d656e742f31; }  // mip.policy.document/1

// Packed as the face commitment is; another tag, so that no face commitment is a document hash.
template DocumentHash(DIMENSION, SPEC_ID) {
    assert(SPEC_ID < (1 << 120));
    var BYTES = 31;
    var PACKED = (DIMENSION + BYTES - 1) \ BYTES;
    assert(PACKED <= 14);

    signal input coordinates[DIMENSION];
    signal input salt;
    signal output out;

    component hash = Poseidon(PACKED + 2);
    hash.inputs[0] <== TAG_DOCUMENT() + (SPEC_ID << 128);
    for (var j = 0; j < PACKED; j++) {
        var sum = 0;
        for (var i = 0; i < BYTES && BYTES * j + i < DIMENSION; i++) {
            sum += (coordinates[BYTES * j + i] + 128) * (1 << (8 * i));
        }
        hash.inputs[j + 1] <== sum;
    }
    hash.inputs[PACKED + 1] <== salt;
    out <== hash.out;
}
