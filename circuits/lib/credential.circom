// Proves the objects of a credential, as docs/protocol.md section 20 defines them.
//
// Public: none of its own.
// Private: each template's inputs.
// Assumes: CredentialDigest: both dates lie within 2^27 of a number below 2^27 and nonce is below
//          2^24 by the caller: the gaps are wider, so that none spills into its neighbour.
// Cost: Subject 264, IssuerLeaf 264, CredentialDigest 1,320.
pragma circom 2.2.0;

include "poseidon2.circom";

function TAG_SUBJECT() { return 0x6d69702e7375626a6563742f31; }  // mip.subject/1
function TAG_CREDENTIAL() { return 0x6d69702e63726564656e7469616c2f31; }  // mip.credential/1
function TAG_ISSUER() { return 0x6d69702e6973737565722f31; }  // mip.issuer/1

template Subject() {
    signal input secret;
    signal input anchor;
    signal input blinding;
    signal output out <== Poseidon2Compress(4)([secret, anchor, blinding, TAG_SUBJECT()]);
}

template IssuerLeaf() {
    signal input keyX;
    signal input keyY;
    signal input revocationRoot;
    signal output out <== Poseidon2Compress(4)([keyX, keyY, revocationRoot, TAG_ISSUER()]);
}

template CredentialDigest() {
    signal input claim[12];
    signal input subject;
    signal input schema;
    signal input issuedOn;
    signal input expiresOn;
    signal input nonce;
    signal output out;
    component group[3];
    for (var i = 0; i < 3; i++) {
        group[i] = Poseidon2Compress(4);
        for (var j = 0; j < 4; j++) {
            group[i].in[j] <== claim[4 * i + j];
        }
    }
    var terms = issuedOn + expiresOn * (1 << 40) + nonce * (1 << 80);
    signal head <== Poseidon2Compress(4)([subject, schema, terms, TAG_CREDENTIAL()]);
    out <== Poseidon2Compress(4)([group[0].out, group[1].out, group[2].out, head]);
}
