// Proves what `kyc_predicate` proves, and that the face on a document, whose template is hashed into
// the credential, is the face enrolled in this passport.
//
// Public: as `kyc_predicate`; statement is (document policy + today).
// Private: the private inputs of `kyc_predicate`; document[DIMENSION] (template of the photo on the
//          document), documentSalt.
// Assumes: what `kyc_predicate` assumes.
// Cost: 27,417 at (20, 128, 14400, _, 7, 4, 19000, 8, 12, 3): kyc_predicate 24,963, document's range
//       1,024, match 1,038, hash 378, slot and flags 14. The domain stays 2^15.
pragma circom 2.2.0;

include "kyc_predicate.circom";
include "lib/distance.circom";
include "lib/document.circom";
include "lib/range.circom";

template DocumentFace(
    DEPTH, DIMENSION, THRESHOLD, SPEC_ID, DIFF_BITS, FOLD, FOLD_FLOOR,
    ISSUER_LEVELS, REVOCATION_LEVELS, SET_LEVELS
) {
    var CLAIMS = 12;
    var PREDICATES = 4;
    var FACE = 6;  // kind of a claim
    var PLACE = 3;  // of the predicate that names the document's claim

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

    signal input blinding;
    signal input claim[CLAIMS];
    signal input schema;
    signal input issuedOn;
    signal input expiresOn;
    signal input keyX;
    signal input keyY;
    signal input nonceX;
    signal input nonceY;
    signal input response;
    signal input issuerChild[ISSUER_LEVELS][4];
    signal input issuerBit[2 * ISSUER_LEVELS];
    signal input revocationChild[REVOCATION_LEVELS][4];
    signal input revocationNode[REVOCATION_LEVELS];
    signal input revocationBit[2 * REVOCATION_LEVELS];
    signal input today;
    signal input use[PREDICATES];
    signal input slotBit[PREDICATES][4];
    signal input kind[PREDICATES];
    signal input relative[PREDICATES];
    signal input setRoot[PREDICATES];
    signal input setSpare[PREDICATES];
    signal input value[PREDICATES];
    signal input low[PREDICATES];
    signal input count[PREDICATES];
    signal input setChild[PREDICATES][SET_LEVELS][4];
    signal input required;
    signal input accepted[11];

    signal input document[DIMENSION];
    signal input documentSalt;

    signal output rootLevel;
    signal output nullifier;
    signal output statement;
    signal output issuersRoot;

    component kyc = KycPredicate(
        DEPTH, DIMENSION, THRESHOLD, SPEC_ID, DIFF_BITS, FOLD, FOLD_FLOOR,
        ISSUER_LEVELS, REVOCATION_LEVELS, SET_LEVELS
    );
    kyc.scope <== scope;
    kyc.message <== message;
    kyc.secret <== secret;
    kyc.anchor <== anchor;
    kyc.faceCommitment <== faceCommitment;
    kyc.passwordCommitment <== passwordCommitment;
    kyc.twinCommitment <== twinCommitment;
    kyc.keysSalt <== keysSalt;
    kyc.guardianCommitment <== guardianCommitment;
    kyc.useFace <== useFace;
    kyc.usePassword <== usePassword;
    kyc.usePeople <== usePeople;
    kyc.coordinates <== coordinates;
    kyc.faceSalt <== faceSalt;
    kyc.probe <== probe;
    kyc.stretched <== stretched;
    kyc.peopleKey <== peopleKey;
    kyc.pathLeft <== pathLeft;
    kyc.pathRight <== pathRight;
    kyc.pathNode <== pathNode;
    kyc.blinding <== blinding;
    kyc.claim <== claim;
    kyc.schema <== schema;
    kyc.issuedOn <== issuedOn;
    kyc.expiresOn <== expiresOn;
    kyc.keyX <== keyX;
    kyc.keyY <== keyY;
    kyc.nonceX <== nonceX;
    kyc.nonceY <== nonceY;
    kyc.response <== response;
    kyc.issuerChild <== issuerChild;
    kyc.issuerBit <== issuerBit;
    kyc.revocationChild <== revocationChild;
    kyc.revocationNode <== revocationNode;
    kyc.revocationBit <== revocationBit;
    kyc.today <== today;
    kyc.use <== use;
    kyc.slotBit <== slotBit;
    kyc.kind <== kind;
    kyc.relative <== relative;
    kyc.setRoot <== setRoot;
    kyc.setSpare <== setSpare;
    kyc.value <== value;
    kyc.low <== low;
    kyc.count <== count;
    kyc.setChild <== setChild;
    kyc.required <== required;
    kyc.accepted <== accepted;
    rootLevel <== kyc.rootLevel;
    nullifier <== kyc.nullifier;
    issuersRoot <== kyc.issuersRoot;
    statement <== kyc.statement - TAG_POLICY() + TAG_DOCUMENT_POLICY();

    // 1: the enrolled template opens the face commitment, by rule 4 of `passport`
    (1 - useFace) * (1 - useFace) === 0;

    // 2: the template of the document is hashed in the claim that the policy names
    component ranged[DIMENSION];
    for (var i = 0; i < DIMENSION; i++) {
        ranged[i] = Signed(8);
        ranged[i].value <== document[i];
    }
    component hash = DocumentHash(DIMENSION, SPEC_ID);
    hash.coordinates <== document;
    hash.salt <== documentSalt;
    signal level0[6];
    signal level1[3];
    signal level2[2];
    for (var i = 0; i < 6; i++) {
        level0[i] <== claim[2 * i] + slotBit[PLACE][0] * (claim[2 * i + 1] - claim[2 * i]);
    }
    for (var i = 0; i < 3; i++) {
        level1[i] <== level0[2 * i] + slotBit[PLACE][1] * (level0[2 * i + 1] - level0[2 * i]);
    }
    level2[0] <== level1[0] + slotBit[PLACE][2] * (level1[1] - level1[0]);
    level2[1] <== level1[2] - slotBit[PLACE][2] * level1[2];
    signal found <== level2[0] + slotBit[PLACE][3] * (level2[1] - level2[0]);
    found === hash.out;

    // 3: that predicate says so; it cannot be used as one, a hash lies in no interval
    (kind[PLACE] - FACE) * (kind[PLACE] - FACE) === 0;

    // 4: both templates are of one face
    component match = WithinDistance(DIMENSION, THRESHOLD, DIFF_BITS);
    match.coordinates <== coordinates;
    match.probe <== document;
}
