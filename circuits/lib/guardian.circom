// Proves the objects of a guardian set, as docs/protocol.md sections 3 and 10 define them.
//
// Public: none of its own.
// Private: each template's inputs.
// Assumes: nothing; every field element is a valid operand.
// Cost: GuardianLeaf 258, SetCommitment 294, ApprovalNullifier 258.
pragma circom 2.2.0;

include "poseidon.circom";

function TAG_GUARDIAN_LEAF() { return 0x6d69702e677561726469616e2e6c6561662f31; }  // mip.guardian.leaf/1
function TAG_GUARDIAN_SET() { return 0x6d69702e677561726469616e2e7365742f31; }  // mip.guardian.set/1
function TAG_APPROVAL() { return 0x6d69702e617070726f76616c2f31; }  // mip.approval/1

template GuardianLeaf() {
    signal input secret;
    signal input salt;
    signal output out <== Poseidon(3)([TAG_GUARDIAN_LEAF(), secret, salt]);
}

template SetCommitment() {
    signal input root;
    signal input thresholds;
    signal input salt;
    signal output out <== Poseidon(4)([TAG_GUARDIAN_SET(), root, thresholds, salt]);
}

template ApprovalNullifier() {
    signal input secret;
    signal input request;
    signal output out <== Poseidon(3)([TAG_APPROVAL(), secret, request]);
}
