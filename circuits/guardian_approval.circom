// Proves knowledge of a guardian's secret such that his leaf is in the set behind a commitment, and
// that the nullifier is what counts him once for a request.
//
// Public: setCommitment, nullifier, request, thresholds (threshold + 256 quorum).
// Private: guardianSecret, guardianSalt, setSalt; pathLeft, pathRight, pathNode.
// Assumes: the verifier takes setCommitment from its own storage, non-zero; computes request itself
//          from contract, chain, passport and all that is approved; counts a nullifier once for a
//          request and refuses public signals >= R, else x + R counts again; refuses a nullifier 0
//          (the circuit cannot meet it but by a preimage of 0). The set's owner fills all 2^DEPTH
//          places: what a guardian gives for a leaf then lies DEPTH levels down, and nothing that
//          he hides below it is within reach. A zero secret harms only its guardian.
// Cost: 1,682 at (4): path 872, leaf 258, set 294, nullifier 258.
pragma circom 2.2.0;

include "lib/guardian.circom";
include "lib/merkle.circom";

template GuardianApproval(DEPTH) {
    signal input setCommitment;
    signal input nullifier;
    signal input request;
    signal input thresholds;
    signal input guardianSecret;
    signal input guardianSalt;
    signal input setSalt;
    signal input pathLeft[DEPTH];
    signal input pathRight[DEPTH];
    signal input pathNode[DEPTH];

    component leaf = GuardianLeaf();
    leaf.secret <== guardianSecret;
    leaf.salt <== guardianSalt;
    component tree = MerkleRoot(DEPTH);
    tree.leaf <== leaf.out;
    tree.left <== pathLeft;
    tree.right <== pathRight;
    tree.node <== pathNode;

    component set = SetCommitment();
    set.root <== tree.root;
    set.thresholds <== thresholds;
    set.salt <== setSalt;
    setCommitment === set.out;

    component approval = ApprovalNullifier();
    approval.secret <== guardianSecret;
    approval.request <== request;
    nullifier === approval.out;
}
