// Proves knowledge of a passport's secret and of one or two of its keys such that its leaf is under
// a root, the nullifier is its pseudonym in the scope, and the message is meant.
//
// Public: rootLevel (root + level), nullifier, scope, message.
// Private: secret, anchor; face, password and twin commitment and keysSalt; guardianCommitment;
//          useFace, usePassword, usePeople; coordinates, faceSalt, probe; stretched (password);
//          peopleKey; pathLeft, pathRight, pathNode.
// Assumes: the verifier subtracts the level (1 to 3) it was told from rootLevel and finds the rest
//          to be a root it knows, non-zero; computes scope and message itself; refuses public
//          signals >= R and a zero scope or nullifier. The registry computes leaves itself and
//          refuses zero identity commitments and keys roots. A zero secret harms only its holder.
// Cost: 8,175 at (20, 128, 14400, _, 7, 4, 19000): path 4,360, keys and identity 765, long hash 387,
//       short hash 241, nullifier 294, face template's range 1,024, match 1,038, norm 55, flags and
//       gates 10, message 1. With 4 public signals the domain stays 2^13 up to 8,187.
//       15,710 at (20, 512, 171300, _, 8, 4, 2500).
pragma circom 2.2.0;

include "lib/commitment.circom";
include "lib/distance.circom";
include "lib/merkle.circom";
include "lib/nullifier.circom";
include "lib/range.circom";

template Passport(DEPTH, DIMENSION, THRESHOLD, SPEC_ID, DIFF_BITS, FOLD, FOLD_FLOOR) {
    signal input scope;
    signal input message;
    signal input secret;
    signal input anchor;
    signal input faceCommitment;
    signal input passwordCommitment;
    signal input twinCommitment;
    signal input keysSalt;
    signal input guardianCommitment;
    signal input useFace;
    signal input usePassword;
    signal input usePeople;
    signal input coordinates[DIMENSION];
    signal input faceSalt;
    signal input probe[DIMENSION];
    signal input stretched;
    signal input peopleKey;
    signal input pathLeft[DEPTH];
    signal input pathRight[DEPTH];
    signal input pathNode[DEPTH];
    signal output rootLevel;
    signal output nullifier;

    // 1, 2: leaf and path
    component identity = IdentityCommitment();
    identity.secret <== secret;
    component keysRoot = KeysRoot();
    keysRoot.face <== faceCommitment;
    keysRoot.password <== passwordCommitment;
    keysRoot.twin <== twinCommitment;
    keysRoot.salt <== keysSalt;
    component leaf = Leaf();
    leaf.identity <== identity.out;
    leaf.anchor <== anchor;
    leaf.keysRoot <== keysRoot.out;
    leaf.guardian <== guardianCommitment;
    component tree = MerkleRoot(DEPTH);
    tree.leaf <== leaf.out;
    tree.left <== pathLeft;
    tree.right <== pathRight;
    tree.node <== pathNode;

    // 3: level
    useFace * (useFace - 1) === 0;
    usePassword * (usePassword - 1) === 0;
    usePeople * (usePeople - 1) === 0;
    (1 - useFace) * (1 - usePassword) === 0;
    signal both <== usePassword * usePeople;
    both * useFace === 0;
    rootLevel <== tree.root + useFace + usePassword + 2 * usePeople;

    // 4: kinds; a password beside people is the twin, in the hash that the face does not need then
    component coordinate[DIMENSION];
    for (var i = 0; i < DIMENSION; i++) {
        coordinate[i] = Signed(8);
        coordinate[i].value <== coordinates[i];
    }
    component shorter = ShortCommitment();
    shorter.usePeople <== usePeople;
    shorter.stretched <== stretched;
    shorter.peopleKey <== peopleKey;
    usePeople * (guardianCommitment - shorter.out) === 0;
    (usePassword - both) * (passwordCommitment - shorter.out) === 0;
    component longer = LongCommitment(DIMENSION, SPEC_ID);
    longer.coordinates <== coordinates;
    longer.salt <== faceSalt;
    longer.asTwin <== both;
    longer.stretched <== stretched;
    both * (twinCommitment - longer.out) === 0;
    useFace * (faceCommitment - longer.out) === 0;

    // 5, 6: match and norm
    component match = WithinDistance(DIMENSION, THRESHOLD, DIFF_BITS);
    match.coordinates <== coordinates;
    match.probe <== probe;
    component norm = NormFloor(DIMENSION, FOLD, FOLD_FLOOR);
    norm.coordinates <== coordinates;

    // 7: pseudonym and purpose
    component pseudonym = Nullifier();
    pseudonym.secret <== secret;
    pseudonym.anchor <== anchor;
    pseudonym.scope <== scope;
    nullifier <== pseudonym.out;
    signal messageSquare <== message * message;
}
